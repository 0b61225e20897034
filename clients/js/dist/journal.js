/** The journal: blocks, undoing, proofs. */
import { params, provenanceParams, segment } from "./query.js";
import { consistency, Head, inclusion, ProofError } from "./verify.js";
/** The journal of a database. `db.journal` is one. */
export class Journal {
    #scope;
    constructor(scope) {
        this.#scope = scope;
    }
    /** Blocks, the oldest first unless `order` is "desc"; without `bodies` an entry says what it is about. */
    async *entries(options = {}) {
        const { since, until, limit, provenance, signal, ...given } = options;
        const fixed = [...params(given), ...provenanceParams(provenance)];
        const ends = { since: since, until: until };
        let left = limit === undefined ? Infinity : Number(limit);
        while (left > 0) {
            const page = await this.#scope.plain("/journal", {
                given: [...fixed, ...params({ ...ends, limit: left === Infinity ? undefined : Math.min(left, 1000) })],
                has: { entries: "array", next: "any" }, signal,
            });
            yield* page.entries;
            left -= page.entries.length;
            if (page.next === null)
                return;
            ends[given.order === "desc" ? "until" : "since"] = page.next;
        }
    }
    /** A block by its sequence or its hash. */
    async block(block, { signal } = {}) {
        return this.#scope.plain(`/blocks/${segment(String(block))}`, { signal });
    }
    /** The bytes that are stored of a block, which its hash is over. */
    async blockBytes(block, { signal } = {}) {
        const path = `${this.#scope.path}/blocks/${segment(String(block))}`;
        return this.#scope.http.call({ method: "GET", path, headers: { accept: "application/cbor" }, signal });
    }
    /**
     * Undoes blocks as one transaction, or none of them.
     *
     * They are named by their sequences, as a transaction, from `first_seq` to `last_seq`, or by a filter such as
     * `{filter: {provenance: {import: "january"}}}`. Where others have built on them Conflict is thrown, and says who.
     */
    async revert(which, options = {}) {
        const { provenance, partial, ...write } = options;
        return this.#scope.write("POST", "/reverts", write, params({ partial: partial || undefined }), { ...named(which), provenance });
    }
    /** What `revert` would do, and what would stand in its way. */
    async plan(which, { signal, partial } = {}) {
        const given = params({ dry_run: true, partial: partial || undefined });
        return this.#scope.http.json({ method: "POST", path: `${this.#scope.path}/reverts`, params: given, body: named(which), signal });
    }
    /** Makes the version of a feature, or of attributes, that a block wrote the newest one. */
    async restore(block, options = {}) {
        const { provenance, ...write } = options;
        return this.#scope.write("POST", `/blocks/${segment(String(block))}/restore`, write, [], provenance === undefined ? undefined : { provenance });
    }
    /** The head of the tree, now or at a size. Keep it outside of the server: it is what proofs are held against. */
    async head({ tree_size, signal } = {}) {
        const { log } = await this.#scope.plain("", { has: { log: "string" }, signal });
        const has = { tree_size: "number", root: "string" };
        return Head.of({ ...await this.#scope.plain("/tree", { given: params({ tree_size }), has, signal }), log });
    }
    /** The proof that the journal of one head goes on in another, as `consistency` of `formdb/verify` takes it. */
    async consistency(old, now, { signal } = {}) {
        if (old.size === 0)
            return { first: 0, second: now.size, path: [] };
        return this.#scope.plain("/proofs/consistency", { given: params({ first: old.size, second: now.size }), has: { path: "array" }, signal });
    }
    /** The proof that a block is in the tree of a head, as `inclusion` of `formdb/verify` takes it. */
    async inclusion(seq, head, { signal } = {}) {
        return this.#scope.plain("/proofs/inclusion", { given: params({ seq, tree_size: head.size }), has: { path: "array" }, signal });
    }
    /**
     * Checks that today's journal continues a head that was kept, and has these blocks; today's head.
     *
     * Throws ProofError of `formdb/verify` where it does not. Nothing that the server says is believed but today's head, and
     * that is held against `kept`.
     */
    async verify({ kept, blocks = [], signal } = {}) {
        const now = await this.head({ signal });
        if (kept !== undefined) {
            if (kept.size > now.size)
                throw new ProofError(`the journal had ${kept.size} blocks, and has ${now.size}`);
            consistency(kept, now, await this.consistency(kept, now, { signal }));
        }
        for (const seq of blocks) {
            const found = inclusion(now, await this.inclusion(seq, now, { signal }), await this.blockBytes(seq, { signal }));
            if (found !== seq)
                throw new ProofError(`block ${seq} was asked for, and the proof is of block ${found}`);
        }
        return now;
    }
}
function named(which) {
    return "sequences" in which && typeof which.sequences === "number" ? { sequences: [which.sequences] } : which;
}
