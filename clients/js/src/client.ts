/** A server, and its databases. */

import { Database } from "./database.js";
import { BadCall, NotFound } from "./errors.js";
import { Http, type Fetch } from "./http.js";
import { segment } from "./query.js";
import { RETRY, type Retry } from "./retry.js";
import { Scope } from "./scope.js";
import type { Call, Listed, Schema } from "./types.js";

/** How a client calls its server. */
export interface ClientOptions {
  /** An API key or a token; on Node without it `FORMDB_TOKEN`. It is sent to the server, and shown nowhere. */
  token?: string | undefined;
  /** How often what fails for a moment is sent again. */
  retry?: Partial<Retry> | undefined;
  /** Seconds after which a request is given up in which nothing comes or goes; 75 unless given. */
  timeout?: number | undefined;
  /** So many bytes an answer may have that is held whole, and a line of one that is not; 128 MiB unless given. Downloads have no bound. */
  maxAnswerBytes?: number | undefined;
  /** What is called in place of the platform's `fetch`. */
  fetch?: Fetch | undefined;
}

const environment = (name: string): string | undefined => (typeof process === "undefined" ? undefined : process.env?.[name] || undefined);

/**
 * A FormDB server.
 *
 * Without `url` it is `FORMDB_URL` on Node, and in a page the server that the page came from; without any it is
 * http://127.0.0.1:4000. Calls that fail for a moment are sent again as `retry` says, and a write has an `Idempotency-Key`, so
 * that it happens once. One client serves any number of calls at a time.
 */
export class Client {
  readonly #http: Http;

  constructor(url?: string | URL, { token = environment("FORMDB_TOKEN"), retry, timeout = 75, maxAnswerBytes = 128 << 20, fetch }: ClientOptions = {}) {
    const page = typeof location === "undefined" || !location.origin.startsWith("http") ? undefined : location.origin;
    const base = String(url ?? environment("FORMDB_URL") ?? page ?? "http://127.0.0.1:4000").replace(/\/+$/, "");
    if (!/^https?:\/\//.test(base) || !URL.canParse(base))
      throw new BadCall(`${base} is no address of a server: one begins with http:// or https://`);
    // What a header cannot hold is refused by fetch, with all of it in the message.
    if (token !== undefined && (typeof token !== "string" || !/^[\x21-\x7e]+$/.test(token)))
      throw new BadCall("the token has characters that no token has: it is visible ASCII characters alone, without an end of line");
    this.#http = new Http(base, token, { ...RETRY, ...retry }, timeout, fetch ?? ((request) => globalThis.fetch(request)), maxAnswerBytes);
  }

  /** Where the server is. */
  get url(): string {
    return this.#http.url;
  }

  /** A database that is there. Nothing is asked of the server yet. */
  database(name: string): Database {
    return new Database(new Scope(this.#http, name));
  }

  /** Creates a database, or opens the one of this name; without a name the server makes one up. */
  async create(name?: string, { signal }: Call = {}): Promise<Database> {
    if (name !== undefined) segment(name);
    const body = name === undefined ? {} : { name };
    const made = await this.#http.json<Schema<"Database">>({ method: "POST", path: "/api/v1/databases", body, signal },
      { repeat: name !== undefined, has: { id: "string" } });
    return this.database(made.id);
  }

  /** The databases that one may read. */
  async databases({ signal }: Call = {}): Promise<readonly Listed[]> {
    return (await this.#http.json<Schema<"Databases">>({ method: "GET", path: "/api/v1/databases", signal }, { has: { databases: "array" } })).databases;
  }

  /** Versions of the server, and of the rules of time zones. */
  async version({ signal }: Call = {}): Promise<Schema<"Version">> {
    return this.#http.json({ method: "GET", path: "/api/v1/version", signal });
  }

  /** A client with the token that a user is given, for as long as that is good. */
  async signIn(username: string, password: string, { signal }: Call = {}): Promise<Client> {
    const token = await this.#http.json<Schema<"Token">>({ method: "POST", path: "/auth/token", body: { username, password }, signal },
      { repeat: false, has: { access_token: "string" } });
    const { retry, timeout, most } = this.#http;
    return new Client(this.url, { token: token.access_token, retry, timeout, maxAnswerBytes: most, fetch: this.#http.fetch });
  }

  /** Who the credential is of and what it allows; undefined where the server asks for none. */
  async whoami({ signal }: Call = {}): Promise<Schema<"Verified"> | undefined> {
    try {
      return await this.#http.json({ method: "POST", path: "/auth/verify", signal });
    } catch (error) {
      if (error instanceof NotFound) return undefined;
      throw error;
    }
  }
}
