/** A server, and its databases. */
import { Database } from "./database.js";
import { BadCall, NotFound } from "./errors.js";
import { Http } from "./http.js";
import { segment } from "./query.js";
import { RETRY } from "./retry.js";
import { Scope } from "./scope.js";
const environment = (name) => (typeof process === "undefined" ? undefined : process.env?.[name] || undefined);
/**
 * A FormDB server.
 *
 * Without `url` it is `FORMDB_URL` on Node, and in a page the server that the page came from; without any it is
 * http://127.0.0.1:4000. Calls that fail for a moment are sent again as `retry` says, and a write has an `Idempotency-Key`, so
 * that it happens once. One client serves any number of calls at a time.
 */
export class Client {
    #http;
    constructor(url, { token = environment("FORMDB_TOKEN"), retry, timeout = 75, maxAnswerBytes = 128 << 20, fetch } = {}) {
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
    get url() {
        return this.#http.url;
    }
    /** A database that is there. Nothing is asked of the server yet. */
    database(name) {
        return new Database(new Scope(this.#http, name));
    }
    /** Creates a database, or opens the one of this name; without a name the server makes one up. */
    async create(name, { signal } = {}) {
        if (name !== undefined)
            segment(name);
        const body = name === undefined ? {} : { name };
        const made = await this.#http.json({ method: "POST", path: "/api/v1/databases", body, signal }, { repeat: name !== undefined, has: { id: "string" } });
        return this.database(made.id);
    }
    /** The databases that one may read. */
    async databases({ signal } = {}) {
        return (await this.#http.json({ method: "GET", path: "/api/v1/databases", signal }, { has: { databases: "array" } })).databases;
    }
    /** Versions of the server, and of the rules of time zones. */
    async version({ signal } = {}) {
        return this.#http.json({ method: "GET", path: "/api/v1/version", signal });
    }
    /** A client with the token that a user is given, for as long as that is good. */
    async signIn(username, password, { signal } = {}) {
        const token = await this.#http.json({ method: "POST", path: "/auth/token", body: { username, password }, signal }, { repeat: false, has: { access_token: "string" } });
        const { retry, timeout, most } = this.#http;
        return new Client(this.url, { token: token.access_token, retry, timeout, maxAnswerBytes: most, fetch: this.#http.fetch });
    }
    /** Who the credential is of and what it allows; undefined where the server asks for none. */
    async whoami({ signal } = {}) {
        try {
            return await this.#http.json({ method: "POST", path: "/auth/verify", signal });
        }
        catch (error) {
            if (error instanceof NotFound)
                return undefined;
            throw error;
        }
    }
}
