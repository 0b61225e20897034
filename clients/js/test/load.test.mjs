// Uploads and downloads of many rows: through kills of the client and of the server, beside curl, and in constant memory.
import assert from "node:assert/strict";
import { spawn, execFileSync } from "node:child_process";
import { once } from "node:events";
import { createWriteStream, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import test, { after, before } from "node:test";
import { Client } from "formdb";
import { file, save } from "formdb/node";
import { fresh as made, pause, Server } from "./server.mjs";

const ROWS = Number(process.env.LOAD_ROWS ?? 300_000);
const KILLS = Number(process.env.LOAD_KILLS ?? 5);
const folder = mkdtempSync(join(tmpdir(), "formdb-js-load-"));
// A server that starts again on a machine that is busy may be away for longer than clients wait unless they are told to.
const retry = { seconds: 180 };
const fresh = (server) => made(server, { retry });
let server;
before(async () => { server = await Server.start(); });
after(() => rmSync(folder, { recursive: true }));

async function table(rows, name = `${rows}.csv`) {
  const output = createWriteStream(join(folder, name));
  output.write("timestamp,a,b\n");
  for (let n = 0; n < rows; n++) if (!output.write(`${n}000000000,${n},${n % 97}.5\n`)) await once(output, "drain");
  output.end();
  await once(output, "close");
  return join(folder, name);
}

/** Nothing is lost, and nothing is there twice. */
async function checkWhole(db, rows) {
  for (const series of ["a", "b"]) assert.equal((await db.series.summary(series)).count, rows);
  assert.equal((await db.series.summary("a")).sum, rows * (rows - 1) / 2);
  assert.equal((await db.info()).points, 2 * rows);
}

/** A program of its own that loads a file, with a key of its own, and says what became of it and how much memory it took. */
function load(db, path, key = "load") {
  const program = `
    import { Client } from "formdb";
    import { file } from "formdb/node";
    const done = await new Client(process.argv[1], { retry: { seconds: 180 } }).database(process.argv[2]).series.upload(await file(process.argv[3]), { key: process.argv[4] });
    console.log(JSON.stringify({ ...done, kib: process.resourceUsage().maxRSS }));`;
  const running = spawn(process.execPath, ["--input-type=module", "-e", program, server.url, db.name, path, key],
    { cwd: new URL("..", import.meta.url), stdio: ["ignore", "pipe", "inherit"] });
  let output = "";
  running.stdout.on("data", (text) => { output += text; });
  running.done = once(running, "close").then(([status]) => (status === 0 ? JSON.parse(output) : undefined));
  return running;
}

test("an upload that is killed goes on when it is run again", async () => {
  const db = await fresh(server);
  const path = await table(ROWS);
  let midway = 0, before = 0;
  for (let turn = 0; turn < 20 * KILLS && midway < KILLS; turn++) {
    const running = load(db, path);
    // In the midst of it: when it has written something more.
    for (let end = Date.now() + 60_000; running.exitCode === null && Date.now() < end; await pause(5))
      if ((await db.info()).points > before && Math.random() < 0.5) break;
    if (running.exitCode !== null) break;
    running.kill("SIGKILL");
    await running.done;
    before = (await db.info()).points;
    if (before > 0 && before < 2 * ROWS) midway++;
  }
  const { inserted, skipped } = await load(db, path).done;
  assert.equal(inserted + skipped, 2 * ROWS);
  await checkWhole(db, ROWS);
  assert.ok(midway >= 1);
  console.log(`figures: ${ROWS} rows loaded through ${midway} kills of the client: none lost, none twice`);
});

test("an upload and its reader outlive kills of the server", async () => {
  const db = await fresh(server);
  const running = db.series.upload(await file(await table(ROWS)));
  while ((await db.info()).points === 0) await pause(2);
  await server.kill();
  await pause(500);
  await server.start();
  const done = await running;
  assert.equal(done.inserted + done.skipped, 2 * ROWS);
  assert.ok(done.skipped > 0, "the kill came too late");
  await checkWhole(db, ROWS);

  let expected = 0, killed;
  for await (const { value } of db.series.points("a")) {
    assert.equal(value, expected++);
    if (expected === 10) killed = server.again();
  }
  await killed;
  assert.equal(expected, ROWS);

  const download = db.series.download("a");
  let bytes = 0, again;
  for await (const piece of download) {
    if (bytes === 0) again = server.again();
    bytes += piece.length;
  }
  await again;
  assert.equal(download.rows, ROWS);
  const saved = join(folder, "a.csv");
  await save(saved, db.series.download("a"));
  assert.equal(execFileSync("wc", ["-c", saved]).toString().split(" ")[0], String(bytes));
  console.log(`figures: ${ROWS} rows loaded, read and downloaded through 3 kills of the server: none lost, none twice`);
});

test("it is as fast as curl and takes no more memory for more", async () => {
  const path = await table(ROWS);
  const client = new Client(server.url);
  const took = { formdb: [], curl: [] };
  for (let turn = 0; turn < 3; turn++) for (const way of ["formdb", "curl"]) {
    const db = await client.create(`speed-${way}-${turn}`);
    const began = performance.now();
    if (way === "formdb") await db.series.upload(await file(path));
    else execFileSync("curl", ["-sf", "-o", join(folder, "answer"), `${server.url}/api/v1/databases/${db.name}/timeseries`, "-H", "content-type: text/csv", "-X", "POST", "-T", path]);
    took[way].push((performance.now() - began) / 1000);
    assert.equal((await db.info()).points, 2 * ROWS);
    if (turn === 2 && way === "formdb") {
      const read = performance.now();
      let rows = 0;
      for await (const _ of db.series.points("*")) rows++;
      assert.equal(rows, 2 * ROWS);
      const written = performance.now();
      assert.equal(await save(join(folder, "all.csv"), db.series.download()), 2 * ROWS);
      console.log(`figures: ${Math.round(rows / (written - read) * 1000)} points a second read as objects, ${Math.round(rows / (performance.now() - written) * 1000)} saved as a table`);
    }
    await db.purge();
  }
  const [ours, theirs] = [Math.min(...took.formdb), Math.min(...took.curl)];
  assert.ok(ours < 3 * theirs + 1);
  const few = await load(await fresh(server), await table(1000)).done, many = await load(await fresh(server), path).done;
  assert.ok(many.kib < few.kib + (64 << 10), `${many.kib} KiB, and ${few.kib} for 1,000 rows`);
  console.log(`figures: upload ${Math.round(ROWS / ours)} rows/s, curl ${Math.round(ROWS / theirs)} rows/s, of ${ROWS}; ${many.kib >> 10} MiB of memory, ${few.kib >> 10} for 1,000 rows`);
});
