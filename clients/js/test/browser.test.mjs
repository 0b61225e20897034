// The client in headless Chromium, on a page of another server, over the protocol of the browser's developer tools.
import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { createReadStream, mkdtempSync, rmSync } from "node:fs";
import { createServer } from "node:http";
import { tmpdir } from "node:os";
import { extname, join, normalize } from "node:path";
import { fileURLToPath } from "node:url";
import test, { after, before } from "node:test";
import WebSocket from "ws";
import { Server } from "./server.mjs";

const HERE = fileURLToPath(new URL("..", import.meta.url));
const PAGE = `<!doctype html><meta charset=utf-8><title>formdb</title>
<script type="importmap">{"imports":{"formdb":"/dist/index.js","formdb/verify":"/dist/verify.js","phoenix":"/node_modules/phoenix/priv/static/phoenix.mjs"}}</script>`;
const folder = mkdtempSync(join(tmpdir(), "formdb-js-browser-"));
let server, site, chromium, tools, page;

before(async () => {
  site = createServer((request, response) => {
    if (request.url === "/") return response.setHeader("content-type", "text/html").end(PAGE);
    const stream = createReadStream(join(HERE, normalize(request.url)));
    stream.on("error", () => response.writeHead(404).end());
    response.setHeader("content-type", extname(request.url).includes("js") ? "text/javascript" : "text/plain");
    stream.pipe(response);
  }).listen(0, "127.0.0.1");
  await once(site, "listening");
  const origin = `http://127.0.0.1:${site.address().port}`;
  server = await Server.start({ FORMDB_ALLOWED_ORIGINS: origin });

  chromium = spawn(process.env.CHROMIUM || "chromium-headless-shell", ["--no-sandbox", "--disable-gpu", "--remote-debugging-port=0",
    `--user-data-dir=${folder}`, origin], { stdio: ["ignore", "ignore", "pipe"], detached: true });
  // With the processes that it has started, however this one ends.
  process.on("exit", () => {
    try { process.kill(-chromium.pid, "SIGKILL"); } catch {}
  });
  let told = "";
  const address = await new Promise((resolve, reject) => {
    chromium.on("error", reject);
    chromium.on("exit", () => reject(new Error(told)));
    chromium.stderr.on("data", (text) => {
      told += text;
      const found = /DevTools listening on (ws:\S+)/.exec(told);
      if (found) resolve(found[1]);
    });
  });
  const targets = await (await fetch(`http://${new URL(address).host}/json/list`)).json();
  tools = new WebSocket(targets.find(({ type }) => type === "page").webSocketDebuggerUrl);
  await once(tools, "open");
  const waiting = new Map();
  let number = 0;
  tools.on("message", (text) => {
    const { id, result, error } = JSON.parse(text);
    if (id) waiting.get(id)(error ?? result);
  });
  // The value of a function that is called on the page.
  page = async (work, ...given) => {
    const expression = `(${work})(${given.map((each) => JSON.stringify(each)).join(",")})`;
    const done = new Promise((resolve) => waiting.set(++number, resolve));
    tools.send(JSON.stringify({ id: number, method: "Runtime.evaluate", params: { expression, awaitPromise: true, returnByValue: true } }));
    const { result, exceptionDetails } = await done;
    assert.ok(!exceptionDetails, exceptionDetails?.exception?.description);
    return result.value;
  };
  for (const end = Date.now() + 30_000; await page(() => document.title) !== "formdb";) assert.ok(Date.now() < end, "the page does not come");
});

after(async () => {
  tools?.close();
  site?.close();
  if (chromium !== undefined) {
    const ended = once(chromium, "exit");
    process.kill(-chromium.pid, "SIGKILL");
    await ended;
  }
  rmSync(folder, { recursive: true, force: true, maxRetries: 9 });
});

test("it writes, reads, uploads, downloads and proves in a page", async () => {
  const found = await page(async (url) => {
    const { Client, NotFound } = await import("formdb");
    const { KeptHead } = await import("formdb/verify");
    const db = await new Client(url).create("page");
    const place = (n) => ({ type: "Feature", id: `p${n}`, geometry: { type: "Point", coordinates: [n % 180, 1] }, properties: { n } });
    const kept = new KeptHead({ read: () => localStorage.head, write: (text) => { localStorage.head = text; } });
    await db.features.put(place(0), { provenance: { agent: "Ana" } });
    await kept.advance(await db.journal.head());
    const list = JSON.stringify({ type: "FeatureCollection", features: Array.from({ length: 3000 }, (_, n) => place(n)) });
    const uploaded = await db.features.upload(new File([list], "places.geojson"));
    const packed = await new Response(new Blob([list]).stream().pipeThrough(new CompressionStream("gzip"))).blob();
    const again = await db.features.upload(new File([packed], "places.geojson.gz"));
    const lines = await db.series.upload(() => Array.from({ length: 5000 }, (_, n) => ({ series_id: "s", timestamp: n * 1e6, value: n })));
    let sum = 0;
    for await (const { value } of db.series.points("s")) sum += value;
    const text = await new Response(db.features.download({ form: "geojson" }).stream()).text();
    const missing = await db.features.get("nothing").catch((error) => [error instanceof NotFound, error.code, error.requestId !== undefined]);
    const { receipt } = await db.transaction(async (txn) => txn.put(place(9)));
    const old = await kept.read();
    const head = await db.journal.verify({ kept: old, blocks: [1, 2] });
    await kept.advance(head, await db.journal.consistency(old, head));
    return [uploaded.replaced + uploaded.inserted, again.replaced, lines.inserted, sum, JSON.parse(text).features.length, missing,
      receipt.last_seq - receipt.first_seq, (await kept.read()).size === head.size];
  }, server.url);
  assert.deepEqual(found, [3000, 3000, 5000, 12497500, 3000, [true, "feature_not_found", true], 0, true]);
});

for (const over of ["channel", "events"]) test(`it follows over ${over} through the end of the server`, async () => {
  const name = `followed-${over}`;
  await page(async (url, name, over) => {
    const { Client } = await import("formdb");
    globalThis.db = await new Client(url, { retry: { seconds: 180 } }).create(name);
    globalThis.seen = [];
    // Without a word it is a channel here.
    globalThis.following = (async () => {
      for await (const { seq } of db.subscribe({ since: 0, ...(over === "channel" ? {} : { over }) })) if (seen.push(seq) === 60) return;
    })();
    globalThis.put = async (from, to) => {
      for (let n = from; n < to; n++) await db.features.put({ type: "Feature", id: `p${n}`, geometry: null, properties: {} });
    };
    await put(0, 30);
  }, server.url, name, over);
  await server.again();
  const seen = await page(async () => {
    await put(30, 60);
    await following;
    return seen;
  });
  assert.deepEqual(seen, Array.from({ length: 60 }, (_, n) => n + 1));
});
