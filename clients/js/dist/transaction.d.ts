/** Several writes that happen together or not at all. */
import { Features } from "./features.js";
import { type Pairs } from "./query.js";
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
export declare class Transaction {
    #private;
    readonly id: string;
    readonly seq: number;
    /** Reading features as this transaction sees them. */
    readonly features: Features;
    /** Reading points as this transaction sees them. */
    readonly series: Series;
    /** `seq` is the state that it began at. */
    constructor(scope: Scope, id: string, seq: number, given: Pairs, signal: AbortSignal | undefined);
    /** Adds operations as the API has them, all or none; the ids of the features that they put. */
    add(...operations: Operation[]): Promise<readonly string[]>;
    /** Puts a feature; its id. */
    put(feature: FeatureInput, { provenance }?: {
        provenance?: Provenance;
    }): Promise<string>;
    /** Deletes a feature. */
    delete(id: string | number, { provenance }?: {
        provenance?: Provenance;
    }): Promise<void>;
    /** Writes points of one series. */
    write(series: string, timestamps: readonly When[], values: readonly number[], { on_duplicate, provenance }?: {
        on_duplicate?: OnDuplicate;
        provenance?: Provenance;
    }): Promise<void>;
    /** Deletes the points of a range. */
    deletePoints(series: string, { start, end, provenance }?: {
        start?: When;
        end?: When;
        provenance?: Provenance;
    }): Promise<void>;
    /** Sets the attributes of a series, or with null deletes them. */
    setAttributes(series: string, attributes: Attributes | null, { provenance }?: {
        provenance?: Provenance;
    }): Promise<void>;
}
/** Runs work in a transaction: committed when it is done, aborted where it throws. */
export declare function transaction<T>(scope: Scope, work: (txn: Transaction) => Promise<T>, { readOnly, tz, unit, signal }: TransactionOptions): Promise<{
    result: T;
    receipt: Committed | undefined;
}>;
