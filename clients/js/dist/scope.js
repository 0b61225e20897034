/** The database that calls are about, and the state of it that questions are about. */
import { objectOf } from "./answer.js";
import { BadCall } from "./errors.js";
import { newKey } from "./http.js";
import { checkedKey, params, segment, textOf } from "./query.js";
/** A database, as it is now, as of a sequence or time, or in a transaction. */
export class Scope {
    http;
    name;
    asOf;
    transaction;
    constructor(http, name, asOf, transaction) {
        this.http = http;
        this.name = name;
        this.asOf = asOf;
        this.transaction = transaction;
    }
    get path() {
        return `/api/v1/databases/${segment(this.name)}`;
    }
    /** The same as of another state, where one is named. */
    at(asOf) {
        return asOf === undefined ? this : new Scope(this.http, this.name, asOf);
    }
    /** The same in a transaction. */
    within(transaction) {
        return new Scope(this.http, this.name, undefined, transaction);
    }
    #state() {
        return params({ as_of: this.asOf, transaction: this.transaction });
    }
    /** A question about the state of this scope. */
    read(path, { given = [], body, method = "GET", has, signal } = {}) {
        return this.http.json({ method, path: this.path + path, params: [...given, ...this.#state()], body, signal }, { has });
    }
    /** A question that has its own way to name a state. */
    plain(path, { given, has, signal } = {}) {
        return this.http.json({ method: "GET", path: this.path + path, params: given, signal }, { has });
    }
    /** A write, which is done once however often it is sent. */
    async write(method, path, { key, signal }, given = [], body, headers, has) {
        this.checkWritable();
        const fields = { ...headers, "idempotency-key": key === undefined ? newKey() : checkedKey(key) };
        return this.http.json({ method, path: this.path + path, params: given, body, headers: fields, signal }, { has });
    }
    /** Throws where this is the past. */
    checkWritable() {
        if (this.asOf !== undefined)
            throw new BadCall(`this is the database as of ${textOf(this.asOf)}: the past cannot be written`);
    }
    /** The same, as of one sequence: what is asked of it twice is answered the same. */
    async #pinned(signal) {
        if (this.asOf !== undefined || this.transaction !== undefined)
            return this;
        return this.at((await this.plain("", { has: { seq: "number" }, signal })).seq);
    }
    /** All lines of an answer, as of one state. */
    async *pieces(path, accept, { given = [], body, method = "GET", signal }) {
        const scope = await this.#pinned(signal);
        yield* this.http.pieces({ method, path: scope.path + path, params: [...given, ...scope.#state()], body, headers: { accept }, signal });
    }
    /** All rows of an answer, as of one state. */
    async *rows(path, question) {
        const decoder = new TextDecoder();
        for await (const { bytes } of this.pieces(path, "application/x-ndjson", question))
            for (const line of decoder.decode(bytes).split("\n"))
                if (line !== "")
                    yield objectOf(line, { method: question.method ?? "GET", path: this.path + path, status: 200 });
    }
}
