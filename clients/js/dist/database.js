/** One database. */
import { Features } from "./features.js";
import { jsonOf } from "./json.js";
import { Journal } from "./journal.js";
import { subscribe } from "./live.js";
import { params } from "./query.js";
import { Series } from "./series.js";
import { transaction } from "./transaction.js";
/** A database. Making this object asks nothing of the server. */
export class Database {
    #scope;
    /** Its features. */
    features;
    /** Its time series. */
    series;
    /** Its journal: blocks, undoing, proofs. */
    journal;
    constructor(scope) {
        this.#scope = scope;
        this.features = new Features(scope);
        this.series = new Series(scope);
        this.journal = new Journal(scope);
    }
    get name() {
        return this.#scope.name;
    }
    /** The database as it was after a block (a sequence), or at a time. It can only be read. */
    asOf(when) {
        return new Database(this.#scope.at(when));
    }
    /**
     * Several writes that happen together or not at all: what `work` resolves to, and what was written.
     *
     * It is committed when `work` is done and aborted where that throws. Where somebody else has written the same since, Conflict
     * is thrown and nothing is written.
     */
    async transaction(work, options = {}) {
        return transaction(this.#scope, work, options);
    }
    /**
     * Every block that is written from now on, or after `since`, as it is written: in order, each once.
     *
     * Lost connections and restarts of the server are bridged; it ends where the server refuses to go on, with the exception of
     * that, and where the loop is left or `signal` aborted. `matched` says whether a feature came in ("after"), changed
     * ("both") or left ("before"). To go on in another run, keep the `seq` of the last event and give it as `since`.
     */
    subscribe({ since, over, transport, signal, geometry, ...filter } = {}) {
        const words = params({ ...filter, geometry: geometry === undefined ? undefined : jsonOf(geometry) });
        const node = typeof process !== "undefined" && process.versions?.node !== undefined;
        return subscribe(this.#scope, words, since, over ?? (node ? "events" : "channel"), transport, signal);
    }
    /** The database in figures. */
    async info({ signal } = {}) {
        return this.#scope.plain("", { signal });
    }
    /** What is in it: properties and their types, geometries, series. */
    async schema({ signal } = {}) {
        return this.#scope.read("/schema", { signal });
    }
    /** What holds for writes that do not say otherwise. */
    async setDefaults(defaults, { provenance, ...write } = {}) {
        return this.#scope.write("PATCH", "", write, [], { ...defaults, provenance });
    }
    /** Closes the database on the server; its files stay. Creating it opens it again. */
    async close({ signal } = {}) {
        await this.#scope.http.call({ method: "DELETE", path: this.#scope.path, signal }, false);
    }
    /** Removes the database and all of its history. There is no way back. */
    async purge({ signal } = {}) {
        await this.#scope.http.call({ method: "DELETE", path: this.#scope.path, params: params({ purge: true }), signal }, false);
    }
}
