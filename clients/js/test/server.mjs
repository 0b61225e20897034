// A server of the tests' own, on a port that the system gives, which can be killed and started again.
import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, openSync, closeSync, readFileSync, rmSync } from "node:fs";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { after } from "node:test";
import { Client } from "formdb";

export const PROJECT = fileURLToPath(new URL("../../..", import.meta.url));
const PATIENCE = 180_000;

export const pause = (milliseconds) => new Promise((resolve) => setTimeout(resolve, milliseconds));

/** What an iterator gives, at most so many. */
export const taken = async (items, count = Infinity) => {
  const found = [];
  if (count > 0) for await (const item of items) if (found.push(item) >= count) break;
  return found;
};

const freePort = async () => {
  const probe = createServer().listen(0, "127.0.0.1");
  await once(probe, "listening");
  const { port } = probe.address();
  probe.close();
  await once(probe, "close");
  return port;
};

// No proxy and no credential of whoever runs the tests.
for (const name of Object.keys(process.env)) if (/_proxy$|^FORMDB_/i.test(name)) delete process.env[name];

const servers = [];
after(async () => {
  for (const server of servers) await server.end();
});
// However these tests end, their servers end with them.
process.on("exit", () => {
  for (const server of servers) server.strike("SIGKILL");
});
for (const signal of ["SIGINT", "SIGTERM"]) process.once(signal, () => process.exit(1));

/** `mix formdb.server` of a production build. */
export class Server {
  #process;

  static async prepare(settings = {}) {
    const server = new Server();
    server.folder = mkdtempSync(join(tmpdir(), "formdb-js-"));
    server.port = await freePort();
    server.url = `http://127.0.0.1:${server.port}`;
    server.environment = {
      ...process.env, MIX_ENV: "prod", ELIXIR_ERL_OPTIONS: "+fnu +Bi", FORMDB_PORT: String(server.port),
      FORMDB_DATA_DIR: join(server.folder, "data"), ...settings,
    };
    servers.push(server);
    return server;
  }

  static async start(settings) {
    const server = await Server.prepare(settings);
    await server.start();
    return server;
  }

  async start() {
    const log = join(this.folder, "server.log");
    const output = openSync(log, "a");
    const running = spawn("mix", ["formdb.server"], { cwd: PROJECT, env: this.environment, stdio: ["ignore", output, output], detached: true });
    closeSync(output);
    this.#process = running;
    for (const end = Date.now() + PATIENCE; Date.now() < end && running.exitCode === null; await pause(50)) {
      try {
        if ((await fetch(`${this.url}/health/ready`, { signal: AbortSignal.timeout(5000) })).ok) return;
      } catch {
        // Not yet.
      }
    }
    await this.kill();
    throw new Error(`the server does not start: ${readFileSync(log, "utf8").slice(-2000)}`);
  }

  /** Ends it at once, as the loss of its machine would. */
  async kill(how = "SIGKILL") {
    const running = this.#process;
    if (running === undefined) return;
    this.#process = undefined;
    const ended = running.exitCode === null && running.signalCode === null ? once(running, "exit") : undefined;
    this.strike(how, running);
    await ended;
  }

  /** Sends a signal to it and what it has started. */
  strike(how, running = this.#process) {
    try {
      if (running !== undefined) process.kill(-running.pid, how);
    } catch {
      // It has ended by itself.
    }
  }

  async again() {
    await this.kill();
    await this.start();
  }

  async end() {
    await this.kill("SIGTERM");
    rmSync(this.folder, { recursive: true, force: true });
  }
}

let number = 0;
/** A database of its own. */
export const fresh = (server, options) => new Client(server.url, options).create(`test-${number++}`);
