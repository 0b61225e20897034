/** Several writes that happen together or not at all. */

import { Features } from "./features.js";
import { newKey } from "./http.js";
import { params, type Pairs } from "./query.js";
import type { Scope } from "./scope.js";
import { Series, type Attributes } from "./series.js";
import type { Call, Committed, FeatureInput, OnDuplicate, Operation, Provenance, Schema, When } from "./types.js";

/** Options of a transaction. */
export interface TransactionOptions extends Call {
  /** It only reads, all of it as of one state. */
  readOnly?: boolean | undefined;
  /** The time zone of times without an offset. */
  tz?: string | undefined;
  /** What integers count that stand for times. */
  unit?: Schema<"Unit"> | undefined;
}

/** A transaction that is open: it sees the database as it was when it began, and its own writes. */
export class Transaction {
  readonly #scope: Scope;
  readonly #given: Pairs;
  readonly #signal: AbortSignal | undefined;
  /** Reading features as this transaction sees them. */
  readonly features: Features;
  /** Reading points as this transaction sees them. */
  readonly series: Series;

  /** `seq` is the state that it began at. */
  constructor(scope: Scope, readonly id: string, readonly seq: number, given: Pairs, signal: AbortSignal | undefined) {
    this.#scope = scope;
    this.#given = given;
    this.#signal = signal;
    this.features = new Features(scope.within(id));
    this.series = new Series(scope.within(id));
  }

  /** Adds operations as the API has them, all or none; the ids of the features that they put. */
  async add(...operations: Operation[]): Promise<readonly string[]> {
    const write = { key: newKey(), signal: this.#signal };
    const path = `/transactions/${this.id}/operations`;
    const has = { feature_ids: "array" } as const;
    return (await this.#scope.write<Schema<"OperationsAdded">>("POST", path, write, this.#given, { operations }, undefined, has)).feature_ids;
  }

  /** Puts a feature; its id. */
  async put(feature: FeatureInput, { provenance }: { provenance?: Provenance } = {}): Promise<string> {
    return (await this.add({ op: "put_feature", feature: provenance === undefined ? feature : { ...feature, provenance } } as Operation))[0]!;
  }

  /** Deletes a feature. */
  async delete(id: string | number, { provenance }: { provenance?: Provenance } = {}): Promise<void> {
    await this.add({ op: "delete_feature", id, provenance } as Operation);
  }

  /** Writes points of one series. */
  async write(series: string, timestamps: readonly When[], values: readonly number[],
    { on_duplicate, provenance }: { on_duplicate?: OnDuplicate; provenance?: Provenance } = {}): Promise<void> {
    await this.add({ op: "put_points", on_duplicate, points: { series_id: series, timestamps, values, provenance } } as Operation);
  }

  /** Deletes the points of a range. */
  async deletePoints(series: string, { start, end, provenance }: { start?: When; end?: When; provenance?: Provenance } = {}): Promise<void> {
    await this.add({ op: "delete_points", series_id: series, start, end, provenance } as Operation);
  }

  /** Sets the attributes of a series, or with null deletes them. */
  async setAttributes(series: string, attributes: Attributes | null, { provenance }: { provenance?: Provenance } = {}): Promise<void> {
    await this.add({ op: "set_attributes", series_id: series, attributes, provenance } as Operation);
  }
}

/** Runs work in a transaction: committed when it is done, aborted where it throws. */
export async function transaction<T>(scope: Scope, work: (txn: Transaction) => Promise<T>,
  { readOnly, tz, unit, signal }: TransactionOptions): Promise<{ result: T; receipt: Committed | undefined }> {
  scope.checkWritable();
  const path = `${scope.path}/transactions`;
  // A beginning whose answer is lost ends by itself.
  const begun = await scope.http.json<Schema<"TransactionBegun">>({ method: "POST", path, body: readOnly ? { read_only: true } : undefined, signal },
    { has: { transaction_id: "string", seq: "number" } });
  const abort = () => scope.http.call({ method: "POST", path: `${path}/${begun.transaction_id}/abort` });
  let result: T;
  try {
    result = await work(new Transaction(scope, begun.transaction_id, begun.seq, params({ tz, unit }), signal));
  } catch (error) {
    // It ends by itself; what is to be told is why it was left.
    await abort().catch(() => undefined);
    throw error;
  }
  if (readOnly) {
    await abort();
    return { result, receipt: undefined };
  }
  return { result, receipt: await scope.write<Committed>("POST", `/transactions/${begun.transaction_id}/commit`, { signal }) };
}
