/** A server, and its databases. */
import { Database } from "./database.js";
import { type Fetch } from "./http.js";
import { type Retry } from "./retry.js";
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
/**
 * A FormDB server.
 *
 * Without `url` it is `FORMDB_URL` on Node, and in a page the server that the page came from; without any it is
 * http://127.0.0.1:4000. Calls that fail for a moment are sent again as `retry` says, and a write has an `Idempotency-Key`, so
 * that it happens once. One client serves any number of calls at a time.
 */
export declare class Client {
    #private;
    constructor(url?: string | URL, { token, retry, timeout, maxAnswerBytes, fetch }?: ClientOptions);
    /** Where the server is. */
    get url(): string;
    /** A database that is there. Nothing is asked of the server yet. */
    database(name: string): Database;
    /** Creates a database, or opens the one of this name; without a name the server makes one up. */
    create(name?: string, { signal }?: Call): Promise<Database>;
    /** The databases that one may read. */
    databases({ signal }?: Call): Promise<readonly Listed[]>;
    /** Versions of the server, and of the rules of time zones. */
    version({ signal }?: Call): Promise<Schema<"Version">>;
    /** A client with the token that a user is given, for as long as that is good. */
    signIn(username: string, password: string, { signal }?: Call): Promise<Client>;
    /** Who the credential is of and what it allows; undefined where the server asks for none. */
    whoami({ signal }?: Call): Promise<Schema<"Verified"> | undefined>;
}
