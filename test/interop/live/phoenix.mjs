// The official client of Phoenix Channels, unmodified, against a server that is killed under it.
//
//     node phoenix.mjs http://127.0.0.1:4000 [http://127.0.0.1:8080/formdb]
//
// The second address is of a proxy in front of the server. Whoever starts this does to the server
// what it asks for on standard output (`kill`, `stop`) and answers with a line when it runs again.
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { ask, check, pass, passed, pause, require } from "./common.mjs";

const { Socket, Serializer } = require("phoenix");
const transport = require("ws");
const [base, proxy] = process.argv.slice(2);

const until = async (what, condition, patience = 30_000) => {
  for (const end = Date.now() + patience; !condition(); await pause(5))
    assert.ok(Date.now() < end, `it does not come: ${what}`);
};

// The server may just be starting.
const call = async (method, path, body, type = "application/json") => {
  for (;;) {
    try {
      const headers = body === undefined ? {} : { "content-type": type };
      const answer = await fetch(base + path, { method, headers, body: body && JSON.stringify(body) });
      if (answer.status !== 503) return [answer.status, await answer.json()];
    } catch (error) {
      if (!error.cause) throw error;
    }
    await pause(20);
  }
};
const root = "/api/v1/databases";
const feature = (n) => ({ type: "Feature", geometry: { type: "Point", coordinates: [n % 180, 1] }, properties: { n } });
const put = async (db, id, n) => {
  const [status, answer] = await call("PUT", `${root}/${db}/features/${id}`, feature(n), "application/geo+json");
  assert.ok(status === 200 || status === 201, JSON.stringify(answer));
  return answer.seq;
};
const make = async (db) => check("a database", [200, 201].includes((await call("POST", root, { name: db }))[0]), true);

// What a channel got, held against the rule that each event names the one before it.
class Follower {
  constructor(socket, db, params = {}) {
    Object.assign(this, { events: [], joins: 0, closed: 0, errors: [], last: params.since ?? 0 });
    this.channel = socket.channel(`journal:${db}`, () => ({ ...params, since: this.last }));
    this.channel.on("journal_event", (event) => {
      assert.equal(event.after, this.last, "a gap or a duplicate");
      assert.ok(event.seq > this.last, "a disorder");
      this.last = event.seq;
      this.events.push(event);
    });
    this.channel.onClose(() => this.closed++);
    this.channel.onError((reason) => this.errors.push(reason));
    this.joined = new Promise((resolve, reject) =>
      this.channel.join()
        .receive("ok", (answer) => { this.joins++; resolve(answer); })
        .receive("error", (reason) => reject(Object.assign(new Error(JSON.stringify(reason)), { reason }))));
    this.joined.catch(() => {});
  }
  push(event, payload) {
    return new Promise((resolve) => {
      const push = this.channel.push(event, payload);
      for (const status of ["ok", "error", "timeout"]) push.receive(status, (answer) => resolve([status, answer]));
    });
  }
}

const connect = (address, options = {}) => {
  const socket = new Socket(address.replace("http:", "ws:") + "/socket", { transport, heartbeatIntervalMs: 5_000, ...options });
  socket.closes = [];
  socket.onClose((event) => socket.closes.push(event.code));
  socket.connect();
  return socket;
};

// Joins, receives, pushes, leaves.
async function ordinary(address, db, options) {
  await make(db);
  const socket = connect(address, options);
  const all = new Follower(socket, db);
  const greeting = await all.joined;
  check("where it begins", greeting.seq, 0);
  check("of which history", greeting.log, (await call("GET", `${root}/${db}`))[1].log);
  for (let n = 1; n <= 20; n++) await put(db, `f${n % 5}`, n);
  await until("twenty events", () => all.events.length === 20);
  const [, journal] = await call("GET", `${root}/${db}/journal`);
  check("they are the entries of the journal", all.events.map(({ after, matched, ...entry }) => entry), journal.entries);
  check("versions", [...new Set(all.events.map((event) => event.matched))], ["after", "both"]);

  check("history", await all.push("get_history", { since: 18, bodies: false }), ["ok",
    (await call("GET", `${root}/${db}/journal?since=18&bodies=false`))[1]]);
  const [status, { reason, pointer }] = await all.push("get_history", { sinse: 1 });
  check("history that is asked for wrongly", [status, reason, pointer], ["error", "unknown_parameter", "/sinse"]);
  check("an unknown event", (await all.push("nonsense", {}))[1].reason, "unknown_event");

  check("another filter", (await all.push("update_filter", { filter: { ids: ["f1"] } }))[0], "ok");
  for (let n = 21; n <= 30; n++) await put(db, `f${n % 5}`, n);
  await until("two events", () => all.events.length === 22);
  check("what it lets through", all.events.slice(20).map((event) => event.body.id), ["f1", "f1"]);
  check("a wrong filter", (await all.push("update_filter", { filter: { bbox: "1" } }))[1].reason, "invalid_bbox");

  await new Promise((resolve) => all.channel.leave().receive("ok", resolve));
  check("left", all.closed, 1);
  // The client says so without asking the server. In the first version what that sent until it knew would be
  // taken for the next channel's.
  await new Promise((resolve) => socket.ping(resolve));
  await put(db, "f1", 31);
  const again = new Follower(socket, db, { since: 29 });
  await again.joined;
  await until("the rest", () => again.events.length === 2);
  check("nothing after leaving", all.events.length, 22);

  // A second channel of the same topic takes the place of the first. In the first version nothing
  // tells the end of one from that of the other.
  if (options?.vsn !== "1.0.0") {
    const second = new Follower(socket, db, { since: 31 });
    await second.joined;
    await until("the end of the first", () => again.closed === 1);
    await put(db, "f1", 32);
    await until("an event for the second", () => second.events.length === 1);
    check("none for the first", again.events.length, 2);
  }

  const nowhere = new Follower(socket, "nowhere");
  check("no such database", (await nowhere.joined.catch((error) => error.reason)).reason, "database_not_found");
  nowhere.channel.leave();
  check("no such topic", await new Promise((resolve) =>
    socket.channel("room:1").join().receive("error", resolve)), { reason: "unmatched topic" });
  socket.disconnect();
}

// The first version: objects, and no binary messages.
const v1 = {
  vsn: "1.0.0",
  encode: ({ topic, event, payload, ref }, callback) => callback(JSON.stringify({ topic, event, payload, ref })),
  decode: (text, callback) => callback(JSON.parse(text)),
};

// A payload of bytes is CBOR, and is answered so.
async function binary(address, db) {
  await make(db);
  await put(db, "a", 1);
  const socket = connect(address, { authToken: "not asked for = yet" });
  const follower = new Follower(socket, db);
  await follower.joined;
  // {"limit": 1, "bodies": false}
  const payload = Uint8Array.from([0xa2, 0x65, ...Buffer.from("limit"), 1, 0x66, ...Buffer.from("bodies"), 0xf4]).buffer;
  const [status, answer] = await follower.push("get_history", payload);
  const bytes = Buffer.from(answer);
  check("an answer in bytes", [status, answer instanceof ArrayBuffer], ["ok", true]);
  check("a map with entries", bytes.subarray(2, 9).toString(), "entries");
  check("bytes that are no CBOR", (await follower.push("get_history", new ArrayBuffer(3)))[0], "error");
  check("the kinds of messages", Object.keys(Serializer.KINDS).length, 3);
  socket.disconnect();
}

// Connections that break, a server that is killed, and one that stops: nothing is lost.
async function interrupted(address, db) {
  await make(db);
  const socket = connect(address, { heartbeatIntervalMs: 1_000 });
  const all = new Follower(socket, db);
  const some = new Follower(connect(address), db, { filter: { ids: ["f1", "f3"] } });
  await Promise.all([all.joined, some.joined]);
  let written = 0;
  const write = async (count) => {
    for (let n = 0; n < count; n++) {
      const seq = await put(db, `f${written % 5}`, written);
      written = Math.max(written + 1, seq);
    }
  };
  for (let round = 0; round < 10; round++) {
    await write(10);
    socket.conn.close();
    await write(10);
  }
  for (const how of ["kill", "stop", "kill"]) {
    await until("connected", () => socket.isConnected());
    const closes = socket.closes.length;
    const writing = write(30);
    await ask(how);
    await until("its connection ends", () => socket.closes.length > closes);
    if (how === "stop" && address === base) check("the code of a stop", socket.closes[closes], 1012);
    await writing;
    await write(10);
  }
  const entries = [];
  for (let since = 0; since !== null;) {
    const [, page] = await call("GET", `${root}/${db}/journal?since=${since}&limit=1000`);
    entries.push(...page.entries);
    since = page.next;
  }
  await until("all of the journal", () => all.last === entries.at(-1).seq);
  check("each once and in order", all.events.map((event) => event.hash), entries.map((entry) => entry.hash));
  const wanted = entries.filter((entry) => ["f1", "f3"].includes(entry.body.id));
  await until("all that is wanted", () => some.events.length === wanted.length);
  check("of a filter, too", some.events.map((event) => event.hash), wanted.map((entry) => entry.hash));
  check("joined again each time", all.joins >= 10, true);
  some.channel.leave();
  return [socket, all];
}

// A database that is closed comes back; one that is purged does not.
async function ended(socket, follower, db) {
  const before = follower.errors.length;
  await call("DELETE", `${root}/${db}`);
  await until("an error", () => follower.errors.length > before);
  check("its reason", follower.errors.at(-1), { reason: "database_closed" });
  await make(db);
  const joins = follower.joins;
  await until("joined again", () => follower.joins > joins || follower.channel.state === "joined");
  const seq = await put(db, "late", 1);
  await until("an event", () => follower.last === seq);
  await call("DELETE", `${root}/${db}?purge=true`);
  await until("the end", () => follower.closed === 1);
  socket.disconnect();
  pass();
}

// As EventSource does it: asks again with the last id that it had.
async function stream(address, db) {
  await make(db);
  let last, text = "", begun = 0;
  const seen = [];
  const leave = new AbortController();
  const follow = async () => {
    while (!leave.signal.aborted) {
      try {
        const headers = { accept: "text/event-stream", ...(last && { "last-event-id": last }) };
        const answer = await fetch(`${address}${root}/${db}/journal/stream?since=0`, { headers, signal: leave.signal });
        if (answer.status !== 200) throw new Error(answer.status);
        text = "";
        begun++;
        const decoder = new TextDecoder();
        for await (const bytes of answer.body) {
          text += decoder.decode(bytes, { stream: true });
          const blocks = text.split("\n\n");
          text = blocks.pop();
          for (const block of blocks) {
            const fields = Object.fromEntries(block.split("\n").map((line) => line.split(/: ?(.*)/s)));
            if (fields.id) last = fields.id;
            if (fields.event === "journal_event") seen.push(JSON.parse(fields.data).seq);
          }
        }
      } catch {}
      await pause(20);
    }
  };
  const following = follow();
  for (let n = 0; n < 50; n++) await put(db, "a", n);
  await until("fifty events", () => seen.length >= 50);
  const writing = (async () => { for (let n = 0; n < 50; n++) await put(db, "a", n); })();
  await ask("kill");
  await writing;
  const [, page] = await call("GET", `${root}/${db}/journal?limit=1000`);
  await until("the rest", () => seen.at(-1) === page.entries.at(-1).seq);
  check("each once and in order", seen, page.entries.map((entry) => entry.seq));
  check("it began again", begun > 1, true);
  leave.abort();
  await following;
}

// What docs/API.md shows, as it stands there.
async function documented(address) {
  const text = readFileSync(new URL("../../../docs/API.md", import.meta.url), "utf8");
  const [, example] = /```js\n(import \{ Socket \}.*?)```/s.exec(text);
  const code = example.replace(/^import .*$/m, "").replace("ws://127.0.0.1:4000", address.replace("http:", "ws:"));
  const shown = [];
  await make("quakes");
  class Here extends Socket {
    constructor(url, options) { super(url, { transport, ...options }); this.onOpen(() => (Here.open = this)); }
  }
  new Function("Socket", "console", code)(Here, { log: (...texts) => shown.push(texts) });
  await until("it has joined", () => shown.length === 1);
  check("where it begins", shown[0], ["after block", 0]);
  await call("PUT", `${root}/quakes/features/a`, { ...feature(1), properties: { mag: 6 } });
  await call("PUT", `${root}/quakes/features/b`, { ...feature(1), properties: { mag: 4 } });
  await call("PUT", `${root}/quakes/features/a`, { ...feature(1), properties: { mag: 3 } });
  await until("what it shows", () => shown.length === 3);
  check("what matches", shown.slice(1).map(([op, matched, { id }]) => [op, matched, id]), [["put_feature", "after", "a"], ["put_feature", "before", "a"]]);
  Here.open.disconnect();
}

await documented(base);
const ways = [["direct", base], ...(proxy ? [["proxied", proxy]] : [])];
for (const [way, address] of ways) {
  await ordinary(address, `v2-${way}`);
  await ordinary(address, `v1-${way}`, v1);
  await binary(address, `binary-${way}`);
  await ended(...await interrupted(address, `interrupted-${way}`), `interrupted-${way}`);
  await stream(address, `stream-${way}`);
  console.log(`${way}: ${passed()} passed so far`);
}
console.log(`${passed()} passed, 0 failed`);
process.exit(0);
