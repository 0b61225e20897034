// What goes wrong on the way, and what must not: lost connections, secrets, files that are not what they should be.
import assert from "node:assert/strict";
import { inspect } from "node:util";
import test from "node:test";
import { ApiError, BadCall, BadSource, Client, ConnectionFailed, FormDBError, NEVER, NotReplayable, TooManyRequests, Unauthorized, UploadFailed } from "formdb";
import { featuresOf } from "../dist/collection.js";
import { fileSource } from "../dist/source.js";
import { pause, taken } from "./server.mjs";

const QUICK = { seconds: 5, first: 0.001, longest: 0.01 };
const made = (fetch, options = {}) => new Client("http://test", { fetch, retry: QUICK, ...options });
const json = (status, body, headers = {}) => new Response(JSON.stringify(body), { status, headers });
const problem = (status, code, headers) => json(status, { code, detail: "a test", status }, headers);
const cutOff = () => new TypeError("fetch failed", { cause: Object.assign(new Error("cut off"), { code: "ECONNRESET" }) });
const bodyOf = (pieces, end) => new ReadableStream({
  pull(controller) {
    if (pieces.length > 0) controller.enqueue(new TextEncoder().encode(pieces.shift()));
    else if (end) controller.error(new TypeError("terminated"));
    else controller.close();
  },
});

test("a write is sent again with the same key and body", async () => {
  const seen = [];
  const db = made(async (request) => {
    seen.push(`${request.headers.get("idempotency-key")} ${await request.text()}`);
    switch (seen.length) {
      case 1: throw cutOff();
      case 2: return problem(503, "busy", { "retry-after": "0" });
      case 3: return problem(504, "write_timeout");
      case 4: return new Response("<html>a proxy</html>", { status: 502 });
      case 5: return new Response(bodyOf(['{"seq"'], true));
    }
    return json(201, { feature_id: "a", seq: 1 });
  }).database("x");
  const feature = { type: "Feature", id: "a", geometry: null, properties: {} };
  assert.equal((await db.features.put(feature)).seq, 1);
  assert.deepEqual([seen.length, new Set(seen).size], [6, 1]);
  await db.features.put(feature);
  assert.equal(new Set(seen.map((each) => each.split(" ")[0])).size, 2);
});

test("what will be the same a moment later is not sent again", async () => {
  for (const [status, code] of [[504, "query_timeout"], [400, "invalid_json"], [503, "database_read_only"], [409, "conflict"], [500, "internal_error"]]) {
    let calls = 0;
    await assert.rejects(made(async () => (calls++, problem(status, code))).database("x").info(), (error) => error instanceof ApiError && error.code === code);
    assert.equal(calls, 1);
  }
});

test("a pause that is too long is not waited for", async () => {
  const began = performance.now();
  await assert.rejects(made(async () => problem(429, "too_many_attempts", { "retry-after": "60" })).database("x").info(),
    (error) => error instanceof TooManyRequests && error.retryAfter === 60);
  assert.ok(performance.now() - began < 2000);
});

test("what may not be done twice is not sent twice", async () => {
  let calls = 0;
  const lost = async () => { calls++; throw cutOff(); };
  await assert.rejects(made(lost).database("x").purge(), ConnectionFailed);
  assert.equal(calls, 1);
  await assert.rejects(made(lost, { retry: { seconds: 0.1, first: 0.01 } }).database("x").info(), /cut off \(\d+ attempts\)/);
  assert.ok(calls > 3);
});

test("what is wrong with a call itself is thrown at once", async () => {
  let calls = 0;
  await assert.rejects(made(async () => { calls++; }).database("x").features.put({ type: "Feature", geometry: null, properties: { a: NaN } }), BadCall);
  assert.equal(calls, 0);
});

test("an answer that does not come is given up", async () => {
  const silent = made((request) => new Promise((_, reject) => request.signal.addEventListener("abort", () => reject(request.signal.reason))), { timeout: 0.05, retry: NEVER });
  await assert.rejects(silent.database("x").info(), /nothing came for 0.05 s/);
});

test("an answer that is cut off goes on where it was", async () => {
  const asked = [];
  const text = Array.from({ length: 100 }, (_, n) => `{"id":${n}}\n`).join("");
  const db = made(async (request) => {
    const url = new URL(request.url);
    if (url.pathname === "/api/v1/databases/x") return json(200, { id: "x", status: "open", seq: 7 });
    asked.push(url.searchParams.get("as_of"));
    const end = [50, 333, text.length][asked.length - 1];
    return new Response(bodyOf(text.slice(0, end).match(/[^]{1,7}/g), end < text.length));
  }).database("x");
  assert.deepEqual((await taken(db.features.search())).map(({ id }) => id), Array.from({ length: 100 }, (_, n) => n));
  assert.deepEqual(asked, ["7", "7", "7"]);
  asked.length = 0;
  const download = db.features.download({ form: "geojson" });
  assert.deepEqual(JSON.parse(await new Response(download.stream()).text()).features.at(-1), { id: 99 });
  assert.equal(download.rows, 100);
});

test("an upload whose answer is lost is sent once more from its beginning", async () => {
  const bodies = [];
  const answer = async (request) => {
    bodies.push(await request.text());
    switch (bodies.length) {
      case 1: throw cutOff();
      case 2: return new Response('{"inserted":1,"last_seq":1}\n');
      case 3: return json(200, { done: false, inserted: 1, error: { status: 503, code: "busy" } });
    }
    return json(200, { done: true, inserted: 1, skipped: 1 });
  };
  const db = made(answer).database("x");
  assert.equal((await db.features.upload([{ id: 1 }, { id: 2 }])).skipped, 1);
  assert.deepEqual(bodies, Array(4).fill('{"id":1}\n{"id":2}\n'));
  bodies.length = 0;
  async function* once() {
    for (let id = 0; id < 2; id++) yield { id };
  }
  await assert.rejects(db.features.upload(once()), NotReplayable);
  bodies.length = 2;
  await assert.rejects(made(answer, { retry: NEVER }).database("x").features.upload([{ id: 1 }]), (error) => error instanceof UploadFailed && error.written.inserted === 1);
  // What the source throws is the caller's, and is not tried again.
  bodies.length = 0;
  const broken = function* () { throw new RangeError("mine"); };
  await assert.rejects(db.features.upload(() => broken()), /mine/);
});

test("an upload that comes further each time outlives any number of failures", async () => {
  let turn = 0;
  const db = made(async (request) => {
    const reader = request.body.getReader();
    // Longer than all pauses together may be, each time.
    await pause(60);
    for (let read = 0; read <= turn; read++) if ((await reader.read()).done) return json(200, { done: true, inserted: 9 });
    turn++;
    await reader.cancel();
    throw cutOff();
  }, { retry: { seconds: 0.1, first: 0.001, longest: 0.001 } }).database("x");
  const rows = () => Array.from({ length: 8 }, (_, n) => ({ n, text: "x".repeat(1 << 18) }));
  assert.equal((await db.features.upload(rows)).inserted, 9);
  assert.ok(turn > 5);
});

test("no timer is left behind that would keep a program from its end", async () => {
  const timers = () => process.getActiveResourcesInfo().filter((kind) => kind === "Timeout").length;
  const before = timers();
  let turn = 0;
  const db = made(async (request) => {
    const reader = request.body?.getReader();
    await reader?.read();
    if (++turn === 1) throw cutOff();
    // The answer comes while the rest is still being sent.
    setTimeout(() => reader?.read(), 20);
    return json(turn === 2 ? 400 : 200, { code: "invalid_body", done: true });
  }).database("x");
  const rows = Array.from({ length: 8 }, (_, n) => ({ n, text: "x".repeat(1 << 18) }));
  await assert.rejects(db.features.upload(rows), ApiError);
  await db.features.upload(rows);
  await db.info();
  await pause(50);
  assert.equal(timers(), before);
});

test("an id never leads to another call", async () => {
  const seen = [];
  const db = made(async (request) => { seen.push(new URL(request.url).pathname); return problem(404, "feature_not_found"); }).database("x");
  const calls = [[(id) => db.features.delete(id), "features"], [(id) => db.series.delete(id), "timeseries"], [(id) => db.journal.block(id), "blocks"]];
  for (const [call, path] of calls) {
    for (const id of ["a/../..", "?purge=true", "...", "%2e%2e"]) {
      await assert.rejects(call(id), ApiError);
      assert.equal(seen.pop(), `/api/v1/databases/x/${path}/${encodeURIComponent(id)}`);
    }
    for (const id of ["", ".", ".."]) await assert.rejects(call(id), /cannot stand in a path/);
  }
  await assert.rejects(made(async () => problem(500, "x")).database("..").purge(), /cannot stand in a path/);
  assert.deepEqual(seen, []);
});

test("a token is sent and never shown", async () => {
  const secret = "fdb_a-secret-token";
  const seen = [];
  const client = made(async (request) => { seen.push(request.headers.get("authorization")); return problem(401, "invalid_token"); }, { token: secret });
  const db = client.database("x");
  const failure = await db.info().catch((error) => error);
  assert.ok(failure instanceof Unauthorized);
  assert.equal(seen[0], `Bearer ${secret}`);
  for (const shown of [client, db, db.features, failure]) {
    assert.ok(!inspect(shown, { depth: 9, showHidden: true }).includes(secret));
    assert.ok(!JSON.stringify(shown).includes(secret));
  }
});

test("an address that leads elsewhere is not followed with the credential", async () => {
  let mode;
  const client = made(async (request) => { mode = request.redirect; return new Response(null, { status: 302, headers: { location: "http://elsewhere/" } }); }, { token: "t" });
  await assert.rejects(client.database("x").info(), { status: 302 });
  assert.equal(mode, "manual");
});

const told = (events) => events.map(([seq, after]) =>
  `id: ${seq}\nevent: journal_event\ndata: ${JSON.stringify({ seq, after, hash: `h${seq}`, op: "put_feature" })}\n\n`);

test("an event that does not follow on the last one is asked for again", async () => {
  const asked = [];
  const streams = [[[1, 0], [2, 1], [4, 3]], [[3, 2], [3, 2]], [[4, 3], [5, 4]]];
  const db = made(async (request) => {
    const url = new URL(request.url);
    if (url.pathname === "/api/v1/databases/x") return json(200, { log: "l", durable_seq: 0 });
    asked.push([url.searchParams.get("since"), url.searchParams.get("hash")]);
    return new Response(bodyOf(["retry: 1000\nid: 0\n\n: heartbeat\n\n", ...told(streams[asked.length - 1])], true));
  }).database("x");
  assert.deepEqual((await taken(db.subscribe(), 5)).map(({ seq }) => seq), [1, 2, 3, 4, 5]);
  assert.deepEqual(asked, [["0", null], ["2", "h2"], ["3", "h3"]]);
});

test("a server whose events never follow on is not listened to for ever", async () => {
  const db = made(async (request) => new URL(request.url).pathname.endsWith("/x") ? json(200, { log: "l", durable_seq: 0 })
    : new Response(bodyOf(told([[3, 2]]), true))).database("x");
  await assert.rejects(taken(db.subscribe({ since: 0 })), (error) => error instanceof FormDBError && /block 3 after 2/.test(error.message));
});

const features = async (text, size = 1 << 18) => {
  const bytes = typeof text === "string" ? new TextEncoder().encode(text) : text;
  async function* chunks() {
    for (let at = 0; at < bytes.length; at += size) yield bytes.subarray(at, at + size);
  }
  const lines = [];
  for await (const piece of featuresOf(chunks(), "a file")) lines.push(new TextDecoder().decode(piece));
  return lines.join("").split("\n").filter((line) => line !== "");
};
const parsed = async (...given) => (await features(...given)).map((line) => JSON.parse(line));

test("a collection is read feature by feature", async () => {
  const items = Array.from({ length: 50 }, (_, n) => ({ type: "Feature", id: n, geometry: null, properties: { t: 'ä"]}{[\\n'.repeat(n % 7), features: [1], n: [1.5, { a: -1e3 }] } }));
  const document = { type: "FeatureCollection", name: "features", bbox: [1, 2, 3, 4], about: { features: [{ no: 1 }] }, features: items, n: 12, last: "y" };
  for (const indent of [undefined, 1]) for (const size of [1, 7, 64, 1 << 18])
    assert.deepEqual(await parsed(`\ufeff${JSON.stringify(document, null, indent)}`, size), items);
  assert.deepEqual(await parsed(JSON.stringify(items[3])), [items[3]]);
  assert.deepEqual(await parsed('{"type":"FeatureCollection","features":[ ]}'), []);
  // The digits are those of the file.
  assert.deepEqual(await features('{"features":[{"n":1.50,\n"m":2}]}'), ['{"n":1.50, "m":2}']);
});

test("what is no collection is refused", async () => {
  const texts = ["[1]", '{"features":[{"a":1}', '{"features":[{"a":1} {"b":2}]}', '{"features":[{"a":1}]} x', "{'a':1}", "", '{"features":5', '{"type":"FeatureCollection"}',
    '{"features":[{"a":1},]}', '{"features":[5]}', '{"features":[{"a":"\n"}]}', '{"features":[{"a":1}]]', '{"features":[]}}', '{"features":[{"a":1}],"features":[{"b":2}'];
  for (const text of texts) await assert.rejects(features(text), BadSource, text);
  await assert.rejects(features(Uint8Array.of(0x7b, 0x22, 0xff, 0x22, 0x3a, 0x31, 0x7d)), BadSource);
});

test("coordinates in another system are refused before anything is sent", async () => {
  const of = (name) => JSON.stringify({ type: "FeatureCollection", crs: { type: "name", properties: { name } }, features: [{}] });
  await assert.rejects(features(of("urn:ogc:def:crs:EPSG::25833")), /25833/);
  assert.deepEqual(await parsed(of("urn:ogc:def:crs:OGC:1.3:CRS84")), [{}]);
  await assert.rejects(features('{"features":[{}],"crs":{"properties":{"name":"EPSG:3857"}}}'), /3857/);
});

test("a file is what its name says it is", async () => {
  const of = async (name, text = "") => fileSource({ name, size: text.length, bytes: async function* () { yield new TextEncoder().encode(text); } });
  assert.equal((await of("a.CSV")).contentType, "text/csv");
  assert.deepEqual(await of("a.b.csv.zst").then(({ contentType, contentEncoding }) => [contentType, contentEncoding]), ["text/csv", "zstd"]);
  assert.equal((await of("a.geojsonl", "{}")).contentType, "application/x-ndjson");
  assert.equal((await of("a.ndjson", "\x1e{}")).contentType, "application/geo+json-seq");
  for (const name of ["a.xyz", "csv", "a.geojson.zst"]) await assert.rejects(of(name), BadSource);
  await assert.rejects(taken((await of("a.geojson.gz", "no gzip")).chunks()), BadSource);
});
