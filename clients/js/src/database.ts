/** One database. */

import type { Transport } from "./channel.js";
import { Features } from "./features.js";
import { jsonOf } from "./json.js";
import { Journal } from "./journal.js";
import { subscribe, type Carrier } from "./live.js";
import { params } from "./query.js";
import type { Scope } from "./scope.js";
import { Series } from "./series.js";
import { transaction, type Transaction, type TransactionOptions } from "./transaction.js";
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
export class Database {
  readonly #scope: Scope;
  /** Its features. */
  readonly features: Features;
  /** Its time series. */
  readonly series: Series;
  /** Its journal: blocks, undoing, proofs. */
  readonly journal: Journal;

  constructor(scope: Scope) {
    this.#scope = scope;
    this.features = new Features(scope);
    this.series = new Series(scope);
    this.journal = new Journal(scope);
  }

  get name(): string {
    return this.#scope.name;
  }

  /** The database as it was after a block (a sequence), or at a time. It can only be read. */
  asOf(when: When): Database {
    return new Database(this.#scope.at(when));
  }

  /**
   * Several writes that happen together or not at all: what `work` resolves to, and what was written.
   *
   * It is committed when `work` is done and aborted where that throws. Where somebody else has written the same since, Conflict
   * is thrown and nothing is written.
   */
  async transaction<T>(work: (txn: Transaction) => Promise<T>, options: TransactionOptions = {}):
    Promise<{ result: T; receipt: Committed | undefined }> {
    return transaction(this.#scope, work, options);
  }

  /**
   * Every block that is written from now on, or after `since`, as it is written: in order, each once.
   *
   * Lost connections and restarts of the server are bridged; it ends where the server refuses to go on, with the exception of
   * that, and where the loop is left or `signal` aborted. `matched` says whether a feature came in ("after"), changed
   * ("both") or left ("before"). To go on in another run, keep the `seq` of the last event and give it as `since`.
   */
  subscribe({ since, over, transport, signal, geometry, ...filter }: Subscription = {}): AsyncGenerator<LiveEvent, void, undefined> {
    const words = params({ ...filter, geometry: geometry === undefined ? undefined : jsonOf(geometry) });
    const node = typeof process !== "undefined" && process.versions?.node !== undefined;
    return subscribe(this.#scope, words, since, over ?? (node ? "events" : "channel"), transport, signal);
  }

  /** The database in figures. */
  async info({ signal }: Call = {}): Promise<Info> {
    return this.#scope.plain("", { signal });
  }

  /** What is in it: properties and their types, geometries, series. */
  async schema({ signal }: Call = {}): Promise<Schema<"DatabaseSchema">> {
    return this.#scope.read("/schema", { signal });
  }

  /** What holds for writes that do not say otherwise. */
  async setDefaults(defaults: { on_duplicate: OnDuplicate }, { provenance, ...write }: Recorded = {}): Promise<Schema<"DefaultsSet">> {
    return this.#scope.write("PATCH", "", write, [], { ...defaults, provenance });
  }

  /** Closes the database on the server; its files stay. Creating it opens it again. */
  async close({ signal }: Call = {}): Promise<void> {
    await this.#scope.http.call({ method: "DELETE", path: this.#scope.path, signal }, false);
  }

  /** Removes the database and all of its history. There is no way back. */
  async purge({ signal }: Call = {}): Promise<void> {
    await this.#scope.http.call({ method: "DELETE", path: this.#scope.path, params: params({ purge: true }), signal }, false);
  }
}
