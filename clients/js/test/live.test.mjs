// Following a database, also through the end of its server: over server-sent events, and over a channel.
import assert from "node:assert/strict";
import test, { before } from "node:test";
import WebSocket from "ws";
import { Client, FormDBError, NotFound } from "formdb";
import { fresh as made, pause, Server, taken } from "./server.mjs";

// What is not left goes on following, and keeps the program from its end.
const firstOf = async (events) => (await taken(events, 1))[0];
const place = (id, properties = {}, lon = 13.4) => ({ type: "Feature", id, geometry: { type: "Point", coordinates: [lon, 52.5] }, properties });
// A server that starts again on a machine that is busy may be away for long.
const fresh = (server) => made(server, { retry: { seconds: 180 } });
let server;
// What is passed over is told of with the heartbeats.
before(async () => { server = await Server.start({ FORMDB_HEARTBEAT_MS: "200" }); });

for (const over of [{ over: "events" }, { over: "channel", transport: WebSocket }]) {
  const name = over.over;

  test(`${name}: what was written comes and then what is written`, async () => {
    const db = await fresh(server);
    await db.features.put(place("a", { limit: 40 }), { provenance: { agent: "Ana" } });
    await db.series.write("a/no2", ["2026-03-01T00:00Z"], [21]);
    const events = db.subscribe({ since: 0, ...over });
    const first = (await events.next()).value, second = (await events.next()).value;
    assert.deepEqual([first.seq, first.after, first.entry.op, first.entry.provenance], [1, 0, "put_feature", { agent: "Ana" }]);
    assert.deepEqual(first.entry.body.properties, { limit: 40 });
    assert.deepEqual([second.seq, second.after, second.entry.op], [2, 1, "put_points"]);
    setTimeout(() => db.features.delete("a"), 200);
    assert.equal((await events.next()).value.entry.op, "delete_feature");
    await events.return();
    // A time, too, says where it begins.
    const { time } = await db.journal.block(2);
    assert.equal((await firstOf(db.subscribe({ since: time, ...over }))).seq, 3);
  });

  test(`${name}: a filter tells what comes, changes and leaves`, async () => {
    const db = await fresh(server);
    const events = db.subscribe({ since: 0, bbox: [13, 52, 14, 53], "prop.limit": ["gte:40", "lt:99"], ...over });
    await db.features.put(place("far", { limit: 50 }, 20));
    await db.features.put(place("a", { limit: 50 }));
    await db.features.patch("a", { properties: { limit: 60 } });
    await db.features.patch("a", { properties: { limit: 1 } });
    await db.series.write("a/no2", ["2026-03-01T00:00Z"], [21]);
    assert.deepEqual((await taken(events, 3)).map(({ seq, matched }) => [seq, matched]), [[2, "after"], [3, "both"], [4, "before"]]);
    assert.equal((await firstOf(db.subscribe({ since: 0, series_id: "a/*", ...over }))).seq, 5);
    assert.equal((await firstOf(db.subscribe({ since: 0, ids: ["far", "b"], ...over }))).seq, 1);
    await assert.rejects(db.subscribe({ "prop.limit": "ge:5", ...over }).next(), { code: "invalid_parameter", status: 400 });
    await assert.rejects(new Client(server.url).database("nothing").subscribe(over).next(), NotFound);
  });

  test(`${name}: what a filter passes over does not disturb the order`, async () => {
    const db = await fresh(server);
    await db.features.put(place("a"));
    const events = db.subscribe({ since: 0, ids: ["a"], fence: ["enter", "outside"], bbox: [13, 52, 14, 53], ...over });
    assert.equal((await events.next()).value.entry.reason, "created");
    for (let turn = 0; turn < 3; turn++) {
      for (let n = 0; n < 50; n++) await db.features.put(place(`b${n}`));
      await pause(700);
    }
    await db.features.put(place("a", {}, 20));
    const { seq, after, matched, entry } = (await events.next()).value;
    assert.deepEqual([seq, after, matched, entry.fence], [152, 1, "before", ["outside"]]);
    await events.return();
  });

  test(`${name}: nothing is missed and nothing comes twice when the server is killed`, async () => {
    const db = await fresh(server);
    const count = 400, seen = [];
    await db.features.put(place("before"));
    const follow = (async () => {
      for await (const event of db.subscribe(over)) if (seen.push(event) === count) return;
    })();
    await pause(500);
    for (let number = 0; number < count; number++) {
      if (number === 100 || number === 300) await server.again();
      await db.features.put(place(`p${number}`));
    }
    await follow;
    assert.deepEqual(seen.map(({ seq }) => seq), Array.from({ length: count }, (_, n) => n + 2));
    assert.deepEqual(seen.map(({ after }) => after), Array.from({ length: count }, (_, n) => n + 1));
    console.log(`figures: ${count} events over ${name} through 2 kills of the server: none missed, none twice`);
  });

  test(`${name}: it ends with what the server says`, async () => {
    let db = await fresh(server);
    await db.features.put(place("a"));
    let events = db.subscribe({ since: 0, ...over });
    await events.next();
    await db.purge();
    await assert.rejects(events.next(), NotFound);
    // The same name, and another history.
    const client = new Client(server.url);
    db = await client.create(db.name);
    await db.features.put(place("a"));
    events = db.subscribe({ since: 0, ...over });
    await events.next();
    await db.purge();
    await (await client.create(db.name)).features.put(place("b"));
    await assert.rejects(events.next(), { code: "log_diverged" });
  });

  test(`${name}: the body of a large event is there too`, async () => {
    const db = await fresh(server);
    await db.features.put(place("large", { text: "x".repeat(2_000_000) }));
    assert.equal((await firstOf(db.subscribe({ since: 0, ...over }))).entry.body.properties.text.length, 2_000_000);
  });

  test(`${name}: one who reads slowly misses nothing and is not drowned`, async () => {
    const db = await fresh(server);
    const count = 5000;
    await db.features.upload(Array.from({ length: count }, (_, n) => place(`p${n}`)));
    const seen = [];
    for await (const { seq } of db.subscribe({ since: 0, ...over })) {
      // The first is looked at while all others come.
      if (seen.length === 0) await pause(1000);
      if (seen.push(seq) === count) break;
    }
    assert.deepEqual(seen, Array.from({ length: count }, (_, n) => n + 1));
  });

  test(`${name}: a signal ends it, also while nothing comes`, async () => {
    const db = await fresh(server);
    const ended = new AbortController();
    const events = db.subscribe({ ...over, signal: ended.signal });
    setTimeout(() => ended.abort(new FormDBError("enough")), 300);
    await assert.rejects(events.next(), /enough/);
  });
}
