// The client against a live server.
import assert from "node:assert/strict";
import { mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { gzipSync } from "node:zlib";
import test, { after, before } from "node:test";
import { BadRequest, Client, Conflict, NotFound, PreconditionFailed } from "formdb";
import { file, headFile, save } from "formdb/node";
import { Head, KeptHead, leafHash, hex, ProofError, whole } from "formdb/verify";
import { fresh, Server, taken } from "./server.mjs";

const MITTE = { type: "Feature", id: "mitte", geometry: { type: "Point", coordinates: [13.42, 52.51] }, properties: { name: "Mitte", limit: 40 } };
const place = (id, properties = {}) => ({ ...MITTE, id, properties });
const folder = mkdtempSync(join(tmpdir(), "formdb-js-files-"));
let server;
before(async () => { server = await Server.start(); });
after(() => rmSync(folder, { recursive: true }));

test("a feature is written, changed, read and deleted", async () => {
  const db = await fresh(server);
  const first = await db.features.put(MITTE, { provenance: { agent: "Ana" } });
  assert.deepEqual([first.seq, first.feature_id], [1, "mitte"]);
  const second = await db.features.patch("mitte", { properties: { limit: 50 } }, { ifMatch: first.hash, provenance: { agent: "Ben" } });
  const found = await db.features.get("mitte");
  assert.deepEqual(found.properties, { name: "Mitte", limit: 50 });
  assert.deepEqual(found.provenance, { agent: "Ben" });
  assert.deepEqual((await db.asOf(1).features.get("mitte")).properties, MITTE.properties);
  assert.deepEqual(await db.features.get("mitte", { as_of: second.time }), found);
  assert.deepEqual(await db.asOf(new Date(Date.parse(second.time) + 1)).features.get("mitte"), found);
  const { changes } = await db.features.diff("mitte", { from: 1 });
  assert.ok(changes.some(({ path, from, value }) => path === "/properties/limit" && from === 40 && value === 50));
  assert.deepEqual((await taken(db.features.history("mitte"))).map(({ seq }) => seq), [1, 2]);
  await assert.rejects(db.features.put(MITTE, { ifMatch: first.hash }), PreconditionFailed);
  await assert.rejects(db.features.put(MITTE, { ifAbsent: true }), PreconditionFailed);
  const gone = await db.features.delete("mitte");
  await assert.rejects(db.features.get("mitte"), (error) => error instanceof NotFound && error.code === "feature_not_found" && error.members.seq === gone.seq);
  assert.match((await db.features.put({ type: "Feature", geometry: null, properties: null })).feature_id, /^feat_/);
});

test("ids are what they are", async () => {
  const db = await fresh(server);
  for (const id of ["a/b", "100%", "%2F", "a b+c?d#e", "ü😀", "a&b=c", "x".repeat(250)]) {
    await db.features.put(place(id));
    assert.equal((await db.features.get(id)).id, id);
    await db.series.write(id, ["2026-03-01T00:00Z"], [1]);
    assert.deepEqual((await taken(db.series.points(id))).map(({ value }) => value), [1]);
    await db.features.delete(id);
  }
  // That is the path of a search.
  await assert.rejects(db.features.get("bbox"), { code: "feature_not_found" });
});

test("refusals are exceptions with what the server says", async () => {
  const db = await fresh(server);
  const wrong = { ...MITTE, geometry: { type: "Point", coordinates: [13, 95] } };
  await assert.rejects(db.features.put(wrong), (error) => {
    assert.ok(error instanceof BadRequest);
    assert.deepEqual([error.name, error.status, error.code, error.pointer], ["BadRequest", 400, "invalid_position", "/geometry/coordinates/1"]);
    assert.ok(error.detail.includes("95") && error.message.includes("95") && error.requestId);
    assert.equal(error.errors[0].code, "invalid_position");
    return true;
  });
  await assert.rejects(db.asOf(0).features.put(MITTE), /past cannot be written/);
  assert.throws(() => new Client("127.0.0.1:4000"), /http:\/\//);
});

test("searches", async () => {
  const db = await fresh(server);
  const made = Array.from({ length: 80 }, (_, n) => ({ ...place(`p${n}`, { mag: n }), geometry: { type: "Point", coordinates: [n, n] } }));
  assert.equal((await db.features.putMany(made, { provenance: { source: "test" } })).inserted, 80);
  const ids = async (found) => (await taken(found)).map(({ id }) => id);
  assert.deepEqual(await ids(db.features.search({ bbox: [0, 0, 2.5, 2.5] })), ["p0", "p1", "p2"]);
  assert.deepEqual(await ids(db.features.search({ "prop.mag": ["gte:5", "lt:7"] })), ["p5", "p6"]);
  const geometry = { type: "Polygon", coordinates: [[[0, 0], [3.5, 0], [3.5, 3.5], [0, 3.5], [0, 0]]] };
  assert.equal(await db.features.count({ geometry, predicate: "within", "prop.mag": "gt:1" }), 2);
  assert.equal((await taken(db.features.search({ geometry }))).length, 4);
  const near = await taken(db.features.nearby({ point: [10.1, 10.1], k: 2 }));
  assert.deepEqual(near.map(({ id }) => id), ["p10", "p11"]);
  assert.ok(near[0].distance < near[1].distance);
  assert.equal((await db.features.heatmap({ cell: 10 })).reduce((sum, { count }) => sum + count, 0), 80);
  assert.equal(await db.features.count({ feature: "p3" }), 1);
  assert.deepEqual((await taken(db.features.search({ limit: 5 }))).map(({ provenance }) => provenance.source), Array(5).fill("test"));
  assert.throws(() => db.features.search({ bbox: [0, 0, 1, 1], geometry }), /there can be one/);
});

test("what is read row by row is of one state", async () => {
  const db = await fresh(server);
  await db.features.upload(Array.from({ length: 3000 }, (_, n) => place(`p${n}`)));
  const rows = db.features.search();
  assert.equal((await rows.next()).value.id, "p0");
  await db.features.upload(Array.from({ length: 3000 }, (_, n) => place(`q${n}`)));
  assert.equal((await taken(rows)).length, 2999);
});

test("points", async () => {
  const db = await fresh(server);
  const at = (hour) => new Date(Date.UTC(2026, 2, 1, hour));
  const values = async (found) => (await taken(found)).map(({ value }) => value);
  await db.series.write("mitte/no2", [0, 1, 2, 3].map(at), [21, 230, 19, 37], { provenance: { agent: "logger" } });
  await db.series.setAttributes("mitte/no2", { unit: "ug/m3" });
  await db.series.write("mitte/no2", [at(1)], [23], { on_duplicate: "replace", provenance: { why: "misread" } });
  assert.deepEqual(await values(db.series.points("mitte/no2")), [21, 23, 19, 37]);
  assert.deepEqual(await values(db.series.points("mitte/no2", { as_of: 1 })), [21, 230, 19, 37]);
  assert.deepEqual(await values(db.series.points("mitte/*", { start: at(0), end: at(2), value: "gt:22" })), [23]);
  assert.deepEqual((await taken(db.series.points("mitte/no2", { include: ["seq", "provenance"] })))[1].provenance, { why: "misread" });
  assert.equal((await db.series.aggregate("mitte/no2", { aggregation: "avg" })).data[0].value, 25);
  assert.equal((await db.series.aggregates("mitte/", { aggregation: ["avg", "max"] })).series[0].data[0].max, 37);
  assert.equal((await db.series.summary("mitte/no2")).max, 37);
  assert.equal((await db.series.latest("mitte/no2")).value, 37);
  assert.deepEqual((await taken(db.series.list({ "attr.unit": "ug/m3" }))).map(({ series_id }) => series_id), ["mitte/no2"]);
  assert.deepEqual(await db.series.attributes("mitte/no2"), { unit: "ug/m3" });
  const changes = await db.series.diff("mitte/no2", { from: 1 });
  assert.deepEqual([changes.added, changes.removed].map((points) => points.map(({ value }) => value)), [[23], [230]]);
  assert.deepEqual((await taken(db.series.history("mitte/no2"))).map(({ seq }) => seq), [1, 3, 4]);
  const replaced = await db.series.replace("mitte/no2", { start: at(0), end: at(9) }, [at(0)], [1]);
  assert.deepEqual([replaced.deleted, replaced.inserted], [4, 1]);
  const { point_id } = await db.series.latest("mitte/no2");
  await db.series.correct("mitte/no2", point_id, 2);
  assert.equal((await db.series.delete("mitte/no2")).deleted, 1);
  await assert.rejects(db.series.latest("mitte/no2"), NotFound);
  await db.series.writePoints([{ series_id: "a", timestamp: at(0), value: 1 }, { series_id: "b", timestamp: at(0), value: 2 }], { provenance: { agent: "Ana" } });
  assert.deepEqual(await values(db.series.points("*")), [1, 2]);
});

test("a transaction is committed whole or not at all", async () => {
  const db = await fresh(server);
  const { result, receipt } = await db.transaction(async (txn) => {
    assert.equal(await txn.put(MITTE), "mitte");
    await txn.write("mitte/no2", ["2026-03-01T00:00Z"], [21]);
    await assert.rejects(db.features.get("mitte"), NotFound);
    return (await txn.features.get("mitte")).id;
  });
  assert.deepEqual([result, receipt.first_seq, receipt.last_seq], ["mitte", 1, 2]);
  await assert.rejects(db.transaction(async (txn) => {
    await txn.delete("mitte");
    throw new RangeError("mine");
  }), /mine/);
  assert.equal(await db.features.count(), 1);
  await assert.rejects(db.transaction(async (txn) => {
    await txn.put(place("mitte", { limit: 1 }));
    await db.features.put(place("mitte", { limit: 2 }));
  }), (error) => error instanceof Conflict && error.code === "conflict");
  assert.deepEqual((await db.features.get("mitte")).properties, { limit: 2 });
  await db.transaction(async (txn) => {
    await db.features.put(place("late"));
    assert.equal((await taken(txn.features.search({ bbox: [-180, -90, 180, 90] }))).length, 1);
  }, { readOnly: true });
});

test("uploads say what was left out and happen once", async () => {
  const db = await fresh(server);
  const table = join(folder, "points.csv");
  writeFileSync(table, "timestamp,a,b\n2026-03-01T00:00Z,1,NA\n2026-03-01T01:00Z,x,2\n2026-03-01T02:00Z,3,4\n");
  const told = [];
  const options = { missing: ["NA"], provenance: { import: "march" }, key: "k1" };
  const first = await db.series.upload(await file(table), { ...options, progress: (each) => told.push(each) });
  assert.deepEqual([first.inserted, first.missing], [3, 1]);
  assert.deepEqual(first.rejected.map(({ line, code, pointer }) => [line, code, pointer]), [[3, "invalid_value", "/a"]]);
  assert.deepEqual(told.at(-1), { sentBytes: statSync(table).size, totalBytes: statSync(table).size, rows: 4, attempt: 1 });
  const again = await db.series.upload(await file(table), options);
  assert.deepEqual([again.inserted, again.skipped], [0, 3]);
  await assert.rejects(db.series.upload([{ series_id: "a", timestamp: "2026-03-01T09:00Z", value: 1 }], { key: "k1" }), { code: "idempotency_key_reused" });
  await assert.rejects(db.series.upload(await file(table), { on_error: "stop" }), { code: "invalid_value" });
  const undone = await db.journal.revert({ filter: { provenance: { import: "march" } } }, { provenance: { why: "test" } });
  assert.equal(undone.reverted, first.blocks);
  assert.deepEqual(await taken(db.series.points("*")), []);
  const renamed = await db.series.upload(await file(table, { header: "timestamp,x/1,x/2" }), { missing: ["NA"] });
  assert.equal(renamed.inserted, 3);
  assert.deepEqual((await taken(db.series.list())).map(({ series_id }) => series_id), ["x/1", "x/2"]);
  await assert.rejects(db.series.upload(new Blob(["x"])), /does not say what it has/);
  assert.equal((await db.series.upload(new File(["timestamp,c\n2026-03-01T00:00Z,1\n"], "c.csv"))).inserted, 1);
});

test("files go up and come down", async () => {
  const db = await fresh(server);
  const document = JSON.stringify({ type: "FeatureCollection", features: Array.from({ length: 500 }, (_, n) => place(`p${n}`, { n })) }, null, 1);
  writeFileSync(join(folder, "places.geojson"), document);
  assert.equal((await db.features.upload(await file(join(folder, "places.geojson")))).inserted, 500);
  const all = await taken(db.features.search());
  const copied = async (name) => {
    const copy = await fresh(server);
    assert.equal((await copy.features.upload(await file(join(folder, name)))).inserted, 500);
    assert.deepEqual((await taken(copy.features.search())).map(({ formdb, ...feature }) => feature), all.map(({ formdb, ...feature }) => feature));
    await copy.purge();
  };
  for (const [name, form] of [["out.geojson", "geojson"], ["out.ndjson", "ndjson"], ["out.geojsons", "geojson-seq"]]) {
    assert.equal(await save(join(folder, name), db.features.download({ form })), 500);
    await copied(name);
  }
  JSON.parse(readFileSync(join(folder, "out.geojson"), "utf8"));
  writeFileSync(join(folder, "packed.geojson.gz"), gzipSync(JSON.stringify(JSON.parse(document))));
  await copied("packed.geojson.gz");
  assert.deepEqual(readdirSync(folder).filter((name) => name.startsWith(".")), []);
  await db.series.upload(() => Array.from({ length: 5000 }, (_, n) => ({ series_id: "s", timestamp: n * 1e9, value: n })));
  assert.equal(await save(join(folder, "s.csv"), db.series.download()), 5000);
  const text = await new Response(db.series.download("s", { form: "ndjson" }).stream()).text();
  assert.equal(JSON.parse(text.split("\n")[7]).value, 7);
});

test("the journal is undone and proved", async () => {
  const db = await fresh(server);
  await db.features.put(MITTE, { provenance: { agent: "Ana" } });
  await db.features.put(place("wedding"));
  const kept = await db.journal.head();
  await db.features.patch("mitte", { properties: { limit: 5 } });
  await assert.rejects(db.journal.revert({ sequences: 1 }), (error) => error instanceof Conflict && error.code === "cannot_revert" && error.errors[0].by === 3);
  assert.equal((await db.journal.plan({ sequences: 3 })).operations[0].reverts, 3);
  assert.equal((await db.journal.revert({ sequences: [3] })).reverted, 1);
  assert.equal((await db.journal.restore(3)).seq, 5);
  const entries = await taken(db.journal.entries({ feature_id: "mitte", order: "desc", limit: 2, bodies: false }));
  assert.deepEqual(entries.map(({ seq }) => seq), [5, 4]);
  assert.equal((await taken(db.journal.entries({ provenance: { agent: "Ana" }, type: "put_feature" })))[0].seq, 1);
  const head = await db.journal.verify({ kept, blocks: [1, 2] });
  assert.deepEqual([kept.size, head.size, head.log], [2, 5, (await db.info()).log]);
  const blocks = await Promise.all([1, 2, 3, 4, 5].map((seq) => db.journal.blockBytes(seq)));
  await whole(head, blocks);
  assert.equal((await db.journal.block(1)).hash, hex(leafHash(blocks[0])));
  await assert.rejects(db.journal.verify({ kept: new Head(2, new Uint8Array(32)) }), ProofError);
  await assert.rejects(db.journal.verify({ kept: new Head(9, new Uint8Array(32)) }), ProofError);
  const store = new KeptHead(headFile(join(folder, "head.json")));
  assert.equal(await store.advance(kept), undefined);
  assert.deepEqual(await store.advance(head, await db.journal.consistency(kept, head)), kept);
  assert.deepEqual(await store.read(), head);
});

test("databases, and what holds for them", async () => {
  const client = new Client(`${server.url}/`);
  const db = await client.create("figures");
  await db.features.put(MITTE);
  assert.equal((await db.info()).features, 1);
  assert.ok((await client.databases()).some(({ id }) => id === "figures"));
  assert.equal((await client.version()).api, "v1");
  assert.equal(await client.whoami(), undefined);
  assert.equal((await db.setDefaults({ on_duplicate: "ignore" })).defaults.on_duplicate, "ignore");
  assert.equal((await db.schema()).features.count, 1);
  assert.ok((await client.create()).name.length > 0);
  await db.close();
  assert.equal((await db.info()).status, "closed");
  await (await client.create("figures")).purge();
});

test("a call ends when its signal says so", async () => {
  const db = await fresh(server);
  await db.features.put(MITTE);
  await assert.rejects(db.features.get("mitte", { signal: AbortSignal.abort(new Error("enough")) }), /enough/);
  const ended = new AbortController();
  const events = db.subscribe({ since: 0, signal: ended.signal });
  assert.equal((await events.next()).value.seq, 1);
  setTimeout(() => ended.abort(new Error("enough")), 50);
  await assert.rejects(events.next(), /enough/);
});
