/** One database. */
import type { Transport } from "./channel.js";
import { Features } from "./features.js";
import { Journal } from "./journal.js";
import { type Carrier } from "./live.js";
import type { Scope } from "./scope.js";
import { Series } from "./series.js";
import { type Transaction, type TransactionOptions } from "./transaction.js";
import type { Bbox, Call, Committed, Filters, Geometry, Info, LiveEvent, OnDuplicate, Parameters, Recorded, Schema, When } from "./types.js";
/** What a subscription is about, and how it is carried. */
export type Subscription = Parameters<"getJournalStream", "geometry" | "since" | "proof" | "dwell"> & Omit<Filters, "time" | "seq"> & {
    /** The block after which it begins, or a time; 0 for all. Without it from now on. */
    since?: When | undefined;
    bbox?: Bbox | undefined;
    geometry?: Geometry | undefined;
    /** "events" are server-sent events over fetch, "channel" is a WebSocket. Without it the first on Node and the second in pages. */
    over?: Carrier | undefined;
    /** The class of WebSockets, where the platform has none. */
    transport?: Transport | undefined;
};
/** A database. Making this object asks nothing of the server. */
export declare class Database {
    #private;
    /** Its features. */
    readonly features: Features;
    /** Its time series. */
    readonly series: Series;
    /** Its journal: blocks, undoing, proofs. */
    readonly journal: Journal;
    constructor(scope: Scope);
    get name(): string;
    /** The database as it was after a block (a sequence), or at a time. It can only be read. */
    asOf(when: When): Database;
    /**
     * Several writes that happen together or not at all: what `work` resolves to, and what was written.
     *
     * It is committed when `work` is done and aborted where that throws. Where somebody else has written the same since, Conflict
     * is thrown and nothing is written.
     */
    transaction<T>(work: (txn: Transaction) => Promise<T>, options?: TransactionOptions): Promise<{
        result: T;
        receipt: Committed | undefined;
    }>;
    /**
     * Every block that is written from now on, or after `since`, as it is written: in order, each once.
     *
     * Lost connections and restarts of the server are bridged; it ends where the server refuses to go on, with the exception of
     * that, and where the loop is left or `signal` aborted. `matched` says whether a feature came in ("after"), changed
     * ("both") or left ("before"). To go on in another run, keep the `seq` of the last event and give it as `since`.
     */
    subscribe({ since, over, transport, signal, geometry, ...filter }?: Subscription): AsyncGenerator<LiveEvent, void, undefined>;
    /** The database in figures. */
    info({ signal }?: Call): Promise<Info>;
    /** What is in it: properties and their types, geometries, series. */
    schema({ signal }?: Call): Promise<Schema<"DatabaseSchema">>;
    /** What holds for writes that do not say otherwise. */
    setDefaults(defaults: {
        on_duplicate: OnDuplicate;
    }, { provenance, ...write }?: Recorded): Promise<Schema<"DefaultsSet">>;
    /** Closes the database on the server; its files stay. Creating it opens it again. */
    close({ signal }?: Call): Promise<void>;
    /** Removes the database and all of its history. There is no way back. */
    purge({ signal }?: Call): Promise<void>;
}
