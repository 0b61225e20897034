// What cannot be sent is refused before anything is, and what is no answer of a FormDB server is told as such.
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { cpSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import test from "node:test";
import { BadAnswer, BadCall, Client, NEVER } from "formdb";
import { pause, taken } from "./server.mjs";

const HERE = fileURLToPath(new URL("..", import.meta.url));
let sent = 0;
const silent = new Client("http://test", { fetch: async () => { sent++; throw new Error("sent"); }, retry: NEVER });
const db = silent.database("x");
const answering = (body, init, options) => new Client("http://test", { fetch: async () => new Response(body, init), retry: NEVER, ...options });
const refused = async (call, what) => {
  sent = 0;
  await assert.rejects(async () => call(), BadCall, what);
  assert.equal(sent, 0, what);
};
const feature = (properties, id = "a") => ({ type: "Feature", id, geometry: null, properties });

test("what JSON cannot hold is refused, and nothing is sent", async () => {
  const holdsItself = {};
  holdsItself.inner = holdsItself;
  const cannot = [NaN, Infinity, -Infinity, 1n, () => 1, Symbol("x"), new Date("no"), "\ud800", "a\udc00b", { "\ud800": 1 }, [undefined], new Map([[1, 2]]),
    new Set([1]), Float64Array.of(1), new Number(NaN), { toJSON: () => NaN }, holdsItself];
  for (const value of cannot) {
    const calls = {
      put: () => db.features.put(feature({ value })),
      "put without an id": () => db.features.put(feature({ value }, null)),
      putMany: () => db.features.putMany([feature({ value })]),
      patch: () => db.features.patch("a", { properties: { value } }),
      "provenance of a deletion": () => db.features.delete("a", { provenance: { value } }),
      upload: () => db.features.upload([feature({ ok: 1 }), feature({ value })]),
      write: () => db.series.write("s", [0], [1], { metadata: [{ value }] }),
      writePoints: () => db.series.writePoints([{ series_id: "s", timestamp: 0, value: 1, metadata: { value } }]),
      correct: () => db.series.correct("s", "1", 1, { provenance: { value } }),
      replace: () => db.series.replace("s", { start: 0, end: 1 }, [0], [1], { provenance: { value } }),
      setAttributes: () => db.series.setAttributes("s", { value }),
      revert: () => db.journal.revert({ sequences: 1 }, { provenance: { value } }),
      restore: () => db.journal.restore(1, { provenance: { value } }),
      geometry: () => taken(db.asOf(1).features.search({ geometry: { type: "Point", coordinates: [value, 1] } })),
    };
    for (const [name, call] of Object.entries(calls)) await refused(call, `${name} of ${typeof value}`);
  }
  // What comes one after the other is refused when it comes.
  const reading = new Client("http://test", { fetch: async (request) => { await request.text(); throw new Error("sent"); }, retry: NEVER }).database("x");
  await assert.rejects(reading.features.upload(() => [feature({ value: NaN })]), BadCall);
  for (const value of [NaN, new Date("no"), "\ud800", {}, () => 1]) {
    await refused(() => db.features.count({ "prop.a": value }), "a parameter");
    await refused(() => taken(db.subscribe({ "prop.a": value })), "a parameter");
  }
  await refused(() => db.series.write("s", [new Date("no")], [1]), "a time");
});

test("what JSON can hold is sent as it is", async () => {
  let body;
  const client = new Client("http://test", { fetch: async (request) => { body = await request.text(); return new Response('{"seq":1}'); } });
  const time = new Date(0);
  await client.database("x").features.put(feature({ time, left: undefined, deep: [null, true, -0, "😀", { toJSON: () => 5 }] }));
  assert.equal(body, '{"type":"Feature","id":"a","geometry":null,"properties":{"time":"1970-01-01T00:00:00.000Z","deep":[null,true,0,"😀",5]}}');
});

test("ids, names and keys that are none are refused at once", async () => {
  for (const id of ["", ".", "..", "\ud800", undefined, null, {}, [], 1e21, -1e21, 1.5, NaN, Infinity, true, 2 ** 53]) {
    await refused(() => db.features.get(id), "get");
    await refused(() => db.features.patch(id, {}), "patch");
    await refused(() => db.features.delete(id), "delete");
    if (id !== undefined && id !== null) await refused(() => db.features.put(feature({}, id)), "put");
    if (id !== undefined) await refused(() => silent.create(id), "create");
    await refused(() => silent.database(id).info(), "database");
    await refused(() => taken(db.asOf(1).series.points(id)), "points");
    await refused(() => db.series.delete(id), "series");
    await refused(() => db.series.aggregate(id, { aggregation: "max" }), "aggregate");
  }
  for (const key of ["", " ", "a b", "a\0", "a\r", "a\n", "ä", "x".repeat(256), null, 7]) {
    await refused(() => db.features.put(feature({}), { key }), `key ${key}`);
    await refused(() => db.features.upload([feature({})], { key }), `key ${key}`);
  }
  await refused(() => db.features.put(feature({}), { ifMatch: "a\nb" }), "ifMatch");
  for (const url of ["nonsense", "ftp://x", "http://"]) assert.throws(() => new Client(url), BadCall);
});

test("a token that is none is refused without showing it", () => {
  for (const token of ["secret\n", "sec\nret", "secret\0", "secret ", "secrät", ""])
    assert.throws(() => new Client("http://test", { token }), (error) => error instanceof BadCall && !/sec/.test(error.message));
});

const GARBAGE = ["<html>hi</html>", '{"a":', "[]", "null", "{}", "", "7", "\ufffe{}"];
test("an answer that is none of the server's is told with the call, its status and what was expected", async () => {
  for (const body of GARBAGE) {
    const client = answering(body), x = client.database("x");
    const calls = [
      () => client.create("x"), () => client.databases(), () => client.version(), () => client.signIn("a", "b"), () => client.whoami(),
      () => x.info(), () => x.schema(), () => x.features.get("a"), () => x.features.put(feature({})), () => x.features.count(),
      () => x.features.heatmap({ zoom: 1 }), () => taken(x.features.history("a")), () => taken(x.features.search()), () => x.series.latest("s"),
      () => x.series.diff("s", { from: 1 }), () => taken(x.series.history("s")), () => taken(x.journal.entries()), () => x.journal.head(),
      () => x.journal.verify(), () => x.transaction(async () => 1), () => taken(x.subscribe()), () => taken(x.subscribe({ since: 0 })),
      () => x.journal.revert({ sequences: 1 }),
    ];
    for (const call of calls) await assert.rejects(call, (error) => {
      assert.ok(error instanceof BadAnswer, `${call} of ${body}: ${error.stack}`);
      assert.match(error.message, /^(GET|POST|PUT) \/\S+ was answered with 200 and .*; expected a JSON object/);
      return error.status === 200;
    });
  }
  for (const body of ["<html>hi</html>", '{"a":', "[]", "null"])
    await assert.rejects(answering(body).database("x").features.upload([feature({})]), BadAnswer);
  await assert.rejects(taken(answering("<html>", { headers: { "content-type": "text/html" } }).database("x").asOf(1).features.download()), BadAnswer);
  // Members of a refusal that are of another kind are not shown as they are not.
  const odd = answering('{"code":7,"detail":{"a":1},"errors":"x","status":"y"}', { status: 400 });
  await assert.rejects(odd.database("x").info(), { code: "http_400", errors: [] });
});

test("an answer that is held whole has a bound, and a download has none", async () => {
  let given = 0;
  const endless = (piece) => new ReadableStream({ pull(controller) { given += piece.length; controller.enqueue(new TextEncoder().encode(piece)); } });
  const most = 1 << 16;
  for (const status of [200, 400]) {
    given = 0;
    const x = new Client("http://test", { fetch: async () => new Response(endless(" ".repeat(4096)), { status }), retry: NEVER, maxAnswerBytes: most }).database("x");
    await assert.rejects(x.info(), (error) => error instanceof BadAnswer && /65536 bytes .*maxAnswerBytes/.test(error.message));
    await assert.rejects(taken(x.asOf(1).features.search()), BadAnswer);
    assert.ok(given < 8 * most, `${given}`);
  }
  const lines = Array.from({ length: 40 }, () => `${"x".repeat(4000)}\n`).join("");
  const x = answering(new TextEncoder().encode(lines), {}, { maxAnswerBytes: most }).database("x");
  assert.equal((await taken(x.asOf(1).features.download())).reduce((sum, { length }) => sum + length, 0), lines.length);
});

test("a subscription that cannot be carried says so at once", async () => {
  await refused(() => taken(db.subscribe({ over: "x" })), "over");
  const known = globalThis.WebSocket;
  delete globalThis.WebSocket;
  try {
    await assert.rejects(Promise.race([taken(db.subscribe({ over: "channel" })), pause(2000)]), (error) => error instanceof BadCall && /transport/.test(error.message));
  } finally {
    if (known !== undefined) globalThis.WebSocket = known;
  }
});

test("without the package phoenix a channel says what is missing", () => {
  const folder = mkdtempSync(join(tmpdir(), "formdb-js-alone-"));
  try {
    cpSync(join(HERE, "dist"), join(folder, "dist"), { recursive: true });
    writeFileSync(join(folder, "package.json"), '{"type":"module"}');
    writeFileSync(join(folder, "a.js"), `import { Client } from "./dist/index.js";
const db = new Client("http://test", { fetch: async () => new Response('{"durable_seq":0,"log":"l"}') }).database("x");
db.subscribe({ over: "channel", transport: class {} }).next().catch((error) => console.log(error.name + ": " + error.message));`);
    const done = spawnSync(process.execPath, ["a.js"], { cwd: folder, encoding: "utf8", timeout: 10_000 });
    assert.match(done.stdout, /^FormDBError: the package phoenix/, done.stderr);
  } finally {
    rmSync(folder, { recursive: true });
  }
});

test("the types hold by themselves, with those of browsers and without", () => {
  const folder = mkdtempSync(join(tmpdir(), "formdb-js-types-"));
  try {
    mkdirSync(join(folder, "node_modules"));
    symlinkSync(HERE.replace(/\/$/, ""), join(folder, "node_modules", "formdb"));
    writeFileSync(join(folder, "package.json"), '{"type":"module"}');
    writeFileSync(join(folder, "a.ts"), `import { Client, type Schema } from "formdb";
import { file } from "formdb/node";
import { Head } from "formdb/verify";
export const made: [Client, typeof file, typeof Head, Schema<"Feature"> | undefined] = [new Client(), file, Head, undefined];`);
    for (const lib of ["ES2022", "ES2022,DOM,DOM.Iterable"]) {
      const done = spawnSync(process.execPath, [join(HERE, "node_modules", "typescript", "bin", "tsc"), "--strict", "--noEmit", "--skipLibCheck", "false",
        "--exactOptionalPropertyTypes", "--preserveSymlinks", "--target", "ES2022", "--module", "NodeNext", "--lib", lib, "--types", "node", "--typeRoots", join(HERE, "node_modules", "@types"), "a.ts"],
      { cwd: folder, encoding: "utf8" });
      assert.equal(done.status, 0, `${lib}: ${done.stdout}`);
    }
  } finally {
    rmSync(folder, { recursive: true });
  }
});
