// The page at /live and the official client of Phoenix in headless Chromium, over the protocol of its
// developer tools.
//
//     node browser.mjs http://127.0.0.1:4000 [PICTURE.png]
//
// Whoever starts this does to the server what it asks for on standard output (`kill`), and answers with a
// line when it runs again.
import { spawn } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import assert from "node:assert/strict";
import { ask, check, pass, passed, pause, require } from "./common.mjs";

const WebSocket = require("ws");
const [base, picture] = process.argv.slice(2);
const browser = process.env.CHROMIUM || "chromium-headless-shell";

const root = base + "/api/v1/databases";
const call = async (method, path, body) => {
  const headers = body ? { "content-type": "application/json" } : {};
  let answer;
  // The server may just be opening the database.
  while ((answer = await fetch(root + path, { method, headers, body: body && JSON.stringify(body) })).status === 503) await pause(20);
  assert.ok(answer.ok, `${method} ${path}: ${answer.status}`);
  return answer.json();
};
const put = (db, id, geometry, properties = {}) => call("PUT", `/${db}/features/${id}`, { type: "Feature", geometry, properties });

// The browser, with one page.
const folder = mkdtempSync(join(tmpdir(), "formdb-chromium-"));
const chromium = spawn(browser, ["--no-sandbox", "--disable-gpu", "--remote-debugging-port=0", "--window-size=1200,1400",
  `--user-data-dir=${folder}`, "about:blank"], { stdio: ["ignore", "ignore", "pipe"], detached: true });
// With the processes that it has started, however this one ends.
process.on("exit", () => {
  try { process.kill(-chromium.pid, "SIGKILL"); } catch {}
});
const address = await new Promise((resolve, reject) => {
  let told = "";
  chromium.on("error", reject);
  chromium.on("exit", () => reject(new Error(told)));
  chromium.stderr.on("data", (text) => {
    told += text;
    const found = /DevTools listening on (ws:\S+)/.exec(told);
    if (found) resolve(found[1]);
  });
});
const targets = await (await fetch(`http://${new URL(address).host}/json/list`)).json();
const tools = new WebSocket(targets.find((one) => one.type === "page").webSocketDebuggerUrl);
await new Promise((open) => tools.on("open", open));
const waiting = new Map();
const requested = [], complaints = [];
let number = 0;
tools.on("message", (text) => {
  const { id, method, params, result, error } = JSON.parse(text);
  if (id) waiting.get(id)(error ? { error } : { result });
  if (method === "Network.requestWillBeSent") requested.push(params.request.url);
  if (method === "Network.webSocketCreated") requested.push(params.url);
  if (method === "Runtime.exceptionThrown") complaints.push(params.exceptionDetails.exception?.description);
  if (method === "Log.entryAdded" && params.entry.source === "security") complaints.push(params.entry.text);
});
const send = async (method, params = {}) => {
  const done = new Promise((resolve) => waiting.set(++number, resolve));
  tools.send(JSON.stringify({ id: number, method, params }));
  const { result, error } = await done;
  assert.ok(!error, `${method}: ${JSON.stringify(error)}`);
  return result;
};
// The value of an expression on the page, which may be a promise.
const page = async (expression) => {
  const { result, exceptionDetails } = await send("Runtime.evaluate", { expression, awaitPromise: true, returnByValue: true });
  assert.ok(!exceptionDetails, `${expression}: ${exceptionDetails?.exception?.description}`);
  return result.value;
};
const until = async (what, expression, expected, patience = 30_000) => {
  let found;
  for (const end = Date.now() + patience; JSON.stringify(found = await page(expression)) !== JSON.stringify(expected); await pause(20))
    assert.ok(Date.now() < end, `${what}: ${JSON.stringify(found)}, expected ${JSON.stringify(expected)}`);
  pass();
};
const text = (id) => `document.getElementById("${id}")?.textContent`;
const figure = (name) => `[...document.querySelectorAll("#counts dt")].find((one) => one.textContent === "${name}")?.nextSibling.textContent`;
const row = `[...document.querySelector("#entries tr").children].map((cell) => cell.textContent)`;

try {
  for (const domain of ["Page", "Runtime", "Network", "Log"]) await send(`${domain}.enable`);
  await call("POST", "", { name: "seen" });
  await put("seen", "old", { type: "Point", coordinates: [-100, 40] });
  await send("Page.navigate", { url: `${base}/live?db=seen` });
  await until("it follows", text("state"), "Following seen.");
  await until("what was there", `document.querySelectorAll("#features circle").length`, 1);

  for (let n = 0; n < 20; n++) await put("seen", `p${n}`, { type: "Point", coordinates: [n * 5, n * 2] }, { n });
  const square = [[10, -10], [40, -10], [40, -30], [10, -30], [10, -10]];
  await put("seen", "area", { type: "Polygon", coordinates: [square] });
  await put("seen", "way", { type: "MultiLineString", coordinates: [square, [[-60, -10], [-50, -20]]] });
  await put("seen", "many", { type: "GeometryCollection", geometries: [{ type: "MultiPoint", coordinates: [[100, 50], [110, 50]] }] });
  await put("seen", "nowhere", null);
  await until("shapes", `[document.querySelectorAll("#features circle").length, document.querySelectorAll("#features path").length]`, [23, 2]);
  await until("where one is", `((one) => [one.getAttribute("cx"), one.getAttribute("cy")])(document.querySelectorAll("#features circle")[1])`, ["0", "0"]);
  await until("the last entry", row.replace(".map", ".filter((_, i) => i !== 1).map"), ["25", "put_feature", "nowhere", ""]);
  await until("rows", `document.getElementById("entries").children.length`, 20);
  await until("blocks", figure("blocks received"), "25");

  await call("DELETE", "/seen/features/p3");
  await until("one less", `document.querySelectorAll("#features circle").length`, 22);
  await call("POST", "/seen/blocks/26/revert");
  await until("again", `document.querySelectorAll("#features circle").length`, 23);
  await call("POST", "/seen/timeseries", { series_id: "tokyo/temp", timestamp: "2026-01-01T00:00:00Z", value: 1 });
  await until("points", row.replace(".map", ".filter((_, i) => i !== 1).map"), ["28", "put_points", "tokyo/temp", ""]);

  await ask("kill");
  await put("seen", "after", { type: "Point", coordinates: [0, 80] });
  await until("it goes on", figure("blocks received"), "29");
  await until("it says so", text("state"), "Following seen.");
  await send("Page.bringToFront");
  if (picture) writeFileSync(picture, Buffer.from((await send("Page.captureScreenshot", { captureBeyondViewport: true })).data, "base64"));

  await page(`document.getElementById("filter").value = "prop.n=gte:18", document.querySelector("button").click()`);
  await until("what a filter takes", `document.querySelectorAll("#features circle").length`, 2);
  await put("seen", "p19", { type: "Point", coordinates: [1, 1] }, { n: 1 });
  await until("what has left it", `document.querySelectorAll("#features circle").length`, 1);
  await page(`document.getElementById("filter").value = "bbox=1", document.querySelector("button").click()`);
  await until("what is refused", `/^Not following seen: .*tried again/.test(${text("state")})`, true);

  // The official client, in this page.
  const client = readFileSync(require.resolve("phoenix").replace(/[^/]*$/, "phoenix.min.js"), "utf8");
  await page(`${client}; globalThis.Phoenix = Phoenix; 0`);
  await page(`
    globalThis.got = [];
    globalThis.socket = new Phoenix.Socket("/socket", { authToken: "not asked for = yet" });
    socket.connect();
    globalThis.channel = socket.channel("journal:seen", () => ({ since: got.at(-1) ?? 28 }));
    channel.on("journal_event", ({ seq }) => got.push(seq));
    new Promise((resolve, reject) => channel.join().receive("ok", ({ seq }) => resolve(seq)).receive("error", reject));
  `);
  await until("events", "got", [29, 30]);
  await put("seen", "x", null);
  await until("one more", "got", [29, 30, 31]);
  const push = (event, payload) => page(`new Promise((resolve) =>
    channel.push("${event}", ${JSON.stringify(payload)}).receive("ok", resolve).receive("error", resolve))`);
  check("history", (await push("get_history", { since: 30 })).entries.map(({ seq }) => seq), [31]);
  check("another filter", await push("update_filter", { filter: { ids: ["y"] } }), { seq: 31 });
  await put("seen", "x", null);
  await put("seen", "y", null);
  await until("what it takes", "got", [29, 30, 31, 33]);
  await ask("kill");
  await put("seen", "z", null);
  await until("it goes on", "got", [29, 30, 31, 33, 34]);
  check("left", await page(`new Promise((resolve) => channel.leave().receive("ok", () => resolve("ok")))`), "ok");
  await page(`new Promise((resolve) => socket.disconnect(() => resolve("ok")))`);

  // An EventSource, whose filter takes little: an id that comes without an event is where it goes on.
  await page(`
    globalThis.heard = [];
    globalThis.rare = new EventSource("/api/v1/databases/seen/journal/stream?since=0&ids=rare");
    rare.addEventListener("journal_event", ({ data, lastEventId }) => heard.push([JSON.parse(data).after, lastEventId]));
    new Promise((resolve) => rare.addEventListener("live", resolve)).then(() => 0);
  `);
  for (const id of ["x", "y"]) await put("seen", id, null);
  await pause(1_500);
  await ask("kill");
  await put("seen", "rare", null);
  await until("what it takes, after what it does not", "heard", [[36, "37"]]);
  // The same goes on where its database is closed, and opened after a while.
  await page(`for (const name of ["closed", "waiting", "begun"])
    rare.addEventListener(name, ({ data }) => heard.push([name, JSON.parse(data).reason ?? JSON.parse(data).seq])); 0`);
  await call("DELETE", "/seen");
  await until("it waits", "heard.slice(1)", [["closed", "database_closed"], ["waiting", "database_closed"]]);
  await call("POST", "", { name: "seen" });
  await put("seen", "rare", null);
  await until("it goes on", "heard.slice(3)", [["begun", 37], [37, "38"]]);
  await page("rare.close()");

  const outside = requested.filter((url) => ![base, base.replace("http", "ws"), "about:", "data:"].some((own) => url.startsWith(own)));
  check("nothing is asked for elsewhere", outside, []);
  check("nothing fails on the page", complaints, []);
  console.log(`${passed()} passed, 0 failed`);
} finally {
  const gone = new Promise((exit) => chromium.on("exit", exit));
  process.kill(-chromium.pid, "SIGKILL");
  await gone;
  rmSync(folder, { recursive: true, force: true, maxRetries: 10, retryDelay: 200 });
}
process.exit(0);
