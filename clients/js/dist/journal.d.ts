/** The journal: blocks, undoing, proofs. */
import type { Scope } from "./scope.js";
import type { Call, Entry, Parameters, Provenance, Recorded, Reverted, RevertPlan, Schema } from "./types.js";
import { Head } from "./verify.js";
/** Which blocks are to be undone: by their sequences, as a transaction, as a range, or by a filter. */
export type Undone = {
    sequences: number | readonly number[];
} | {
    transaction: number;
} | {
    first_seq: number;
    last_seq: number;
} | {
    filter: Schema<"RevertFilter">;
};
/** The journal of a database. `db.journal` is one. */
export declare class Journal {
    #private;
    constructor(scope: Scope);
    /** Blocks, the oldest first unless `order` is "desc"; without `bodies` an entry says what it is about. */
    entries(options?: Parameters<"getJournal", "wait"> & {
        provenance?: Provenance;
    }): AsyncGenerator<Entry, void, undefined>;
    /** A block by its sequence or its hash. */
    block(block: number | string, { signal }?: Call): Promise<Entry>;
    /** The bytes that are stored of a block, which its hash is over. */
    blockBytes(block: number | string, { signal }?: Call): Promise<Uint8Array>;
    /**
     * Undoes blocks as one transaction, or none of them.
     *
     * They are named by their sequences, as a transaction, from `first_seq` to `last_seq`, or by a filter such as
     * `{filter: {provenance: {import: "january"}}}`. Where others have built on them Conflict is thrown, and says who.
     */
    revert(which: Undone, options?: Recorded & {
        partial?: boolean;
    }): Promise<Reverted>;
    /** What `revert` would do, and what would stand in its way. */
    plan(which: Undone, { signal, partial }?: Call & {
        partial?: boolean;
    }): Promise<RevertPlan>;
    /** Makes the version of a feature, or of attributes, that a block wrote the newest one. */
    restore(block: number, options?: Recorded): Promise<Schema<"Restored">>;
    /** The head of the tree, now or at a size. Keep it outside of the server: it is what proofs are held against. */
    head({ tree_size, signal }?: Call & {
        tree_size?: number;
    }): Promise<Head>;
    /** The proof that the journal of one head goes on in another, as `consistency` of `formdb/verify` takes it. */
    consistency(old: Head, now: Head, { signal }?: Call): Promise<unknown>;
    /** The proof that a block is in the tree of a head, as `inclusion` of `formdb/verify` takes it. */
    inclusion(seq: number, head: Head, { signal }?: Call): Promise<unknown>;
    /**
     * Checks that today's journal continues a head that was kept, and has these blocks; today's head.
     *
     * Throws ProofError of `formdb/verify` where it does not. Nothing that the server says is believed but today's head, and
     * that is held against `kept`.
     */
    verify({ kept, blocks, signal }?: Call & {
        kept?: Head | undefined;
        blocks?: readonly number[];
    }): Promise<Head>;
}
