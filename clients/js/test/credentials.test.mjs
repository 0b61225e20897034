// A server that asks for credentials.
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import test, { before } from "node:test";
import WebSocket from "ws";
import { Client, Forbidden, NotFound, Unauthorized } from "formdb";
import { PROJECT, Server, taken } from "./server.mjs";

let server, root, reader;
before(async () => {
  server = await Server.prepare();
  const [keys, users] = ["keys.json", "users.json"].map((name) => join(server.folder, name));
  for (const file of [keys, users]) writeFileSync(file, "", { mode: 0o600 });
  Object.assign(server.environment, { FORMDB_API_KEYS_FILE: keys, FORMDB_USERS_FILE: users });
  const mix = (words, input) => execFileSync("mix", words, { cwd: PROJECT, env: server.environment, encoding: "utf8", input }).trim().split("\n").at(-1);
  root = mix(["formdb.keys", "create", "root", "--scope", "admin:*"]);
  reader = mix(["formdb.keys", "create", "reader", "--scope", "read:air"]);
  mix(["formdb.users", "add", "ana", "--scope", "read:air", "--password-stdin"], "a long enough password\n");
  await server.start();
});

test("a credential says who writes and what may be done", async () => {
  await assert.rejects(new Client(server.url).databases(), (error) => error instanceof Unauthorized && error.code === "unauthenticated");
  const db = await new Client(server.url, { token: root }).create("air");
  await db.features.put({ type: "Feature", id: "a", geometry: null, properties: {} });
  assert.match((await db.journal.block(1)).actor, /root$/);
  const client = new Client(server.url, { token: reader });
  assert.match(JSON.stringify(await client.whoami()), /read:air/);
  const read = client.database("air");
  assert.equal(await read.features.count(), 1);
  await assert.rejects(read.features.delete("a"), Forbidden);
  await assert.rejects(client.database("sea").info(), NotFound);
  const signedIn = await new Client(server.url).signIn("ana", "a long enough password");
  assert.equal(await signedIn.database("air").features.count(), 1);
  await assert.rejects(new Client(server.url).signIn("ana", "another password"), Unauthorized);
});

for (const over of [{ over: "events" }, { over: "channel", transport: WebSocket }]) test(`one who follows over ${over.over} is let in, or told why not`, async () => {
  const first = async (token) => (await taken(new Client(server.url, { token }).database("air").subscribe({ since: 0, ...over }), 1))[0].seq;
  assert.equal(await first(reader), 1);
  await assert.rejects(first("fdb_unknown"), Unauthorized);
  await assert.rejects(first(undefined), Unauthorized);
});

test("the environment gives the address and the token where nothing else does", async () => {
  Object.assign(process.env, { FORMDB_URL: server.url, FORMDB_TOKEN: reader });
  assert.equal(await new Client().database("air").features.count(), 1);
  await assert.rejects(new Client(server.url, { token: "fdb_unknown" }).databases(), Unauthorized);
  delete process.env.FORMDB_URL;
  delete process.env.FORMDB_TOKEN;
  assert.equal(new Client().url, "http://127.0.0.1:4000");
});
