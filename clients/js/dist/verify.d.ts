/**
 * Checks what a FormDB server says about its journal, without trusting it.
 *
 * This file stands alone: it imports nothing, shares no code with the rest of the package, and has its own SHA-256, so that
 * it works in pages that did not come over TLS too. `formdb-verify` is the same as a program that takes files.
 *
 * Sizes and roots are taken from heads alone, and leaf hashes are worked out from the bytes: what a proof says about itself
 * is never believed. The tree is that of RFC 9162, section 2.1 (as RFC 6962), with SHA-256; block `seq` is leaf `seq - 1`.
 * A path is checked by cutting the tree in two at the largest power of two below its size, as section 2.1.1 defines it.
 *
 * @packageDocumentation
 */
/** SHA-256 of these bytes one after the other (FIPS 180-4, 6.2). */
export declare function sha256(...parts: readonly Uint8Array[]): Uint8Array;
/** The statement does not hold. Somebody changed the journal, or the proof is another one's. */
export declare class ProofError extends Error {
    get name(): string;
}
/** The hash of a block: SHA-256 of a zero byte and its bytes. */
export declare function leafHash(block: Uint8Array): Uint8Array;
/** The hash of an inner node. */
export declare function nodeHash(left: Uint8Array, right: Uint8Array): Uint8Array;
/** These bytes in hexadecimal digits. */
export declare function hex(bytes: Uint8Array): string;
/** The 32 bytes that 64 hexadecimal digits stand for. */
export declare function hashOf(text: unknown): Uint8Array;
/** How many blocks a journal has, the root of their tree, and the id of the log where it is known. */
export declare class Head {
    readonly size: number;
    readonly root: Uint8Array;
    readonly log?: string | undefined;
    constructor(size: number, root: Uint8Array, log?: string | undefined);
    /** The head in an answer of `GET .../tree`, or in what `toJSON` made. */
    static of(answer: unknown): Head;
    toJSON(): {
        tree_size: number;
        root: string;
        log?: string;
    };
}
/** The root over leaves that come one after the other, in memory of the logarithm of their number. */
export declare class Tree {
    #private;
    size: number;
    append(leaf: Uint8Array): void;
    root(): Uint8Array;
}
/** Throws ProofError unless `leaf` is leaf `index` of the tree of `head`. */
export declare function checkInclusion(head: Head, index: number, leaf: Uint8Array, path: readonly Uint8Array[]): void;
/** Throws ProofError unless the journal of `now` begins with that of `old`. */
export declare function checkConsistency(old: Head, now: Head, path: readonly Uint8Array[]): void;
/** Checks an answer of `GET .../proofs/inclusion` for the bytes of a block; its sequence. */
export declare function inclusion(head: Head, proof: unknown, block: Uint8Array): number;
/** Checks an answer of `GET .../proofs/consistency` from one head to another. */
export declare function consistency(old: Head, now: Head, proof: unknown): void;
/** Checks that these are the bytes of all blocks of a head, in their order. */
export declare function whole(head: Head, blocks: Iterable<Uint8Array> | AsyncIterable<Uint8Array>): Promise<void>;
/** Where a head is kept: a file (`headFile` of `formdb/node`), a place of a page's `localStorage`, or what one has. */
export interface HeadStore {
    /** What was written last; undefined or null where nothing was. */
    read(): Promise<string | undefined | null> | string | undefined | null;
    /** It is to be there as a whole or not at all. */
    write(text: string): Promise<void> | void;
}
/** The last head that held. It moves forward alone, and only to what is proved to continue it. */
export declare class KeptHead {
    #private;
    constructor(store: HeadStore);
    read(): Promise<Head | undefined>;
    /**
     * Keeps `now` once `proof` shows that it continues the kept one, which is returned. Where none was kept nothing is proved:
     * `now` is taken as it is.
     */
    advance(now: Head, proof?: unknown): Promise<Head | undefined>;
}
