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

const HASH_BYTES = 32;

// The first 32 bits of the fractional parts of the cube roots of the first 64 primes (FIPS 180-4, 4.2.2).
const K = Uint32Array.of(
  0x428a2f98, 0x71374491, 0xb5c0fbcf, 0xe9b5dba5, 0x3956c25b, 0x59f111f1, 0x923f82a4, 0xab1c5ed5,
  0xd807aa98, 0x12835b01, 0x243185be, 0x550c7dc3, 0x72be5d74, 0x80deb1fe, 0x9bdc06a7, 0xc19bf174,
  0xe49b69c1, 0xefbe4786, 0x0fc19dc6, 0x240ca1cc, 0x2de92c6f, 0x4a7484aa, 0x5cb0a9dc, 0x76f988da,
  0x983e5152, 0xa831c66d, 0xb00327c8, 0xbf597fc7, 0xc6e00bf3, 0xd5a79147, 0x06ca6351, 0x14292967,
  0x27b70a85, 0x2e1b2138, 0x4d2c6dfc, 0x53380d13, 0x650a7354, 0x766a0abb, 0x81c2c92e, 0x92722c85,
  0xa2bfe8a1, 0xa81a664b, 0xc24b8b70, 0xc76c51a3, 0xd192e819, 0xd6990624, 0xf40e3585, 0x106aa070,
  0x19a4c116, 0x1e376c08, 0x2748774c, 0x34b0bcb5, 0x391c0cb3, 0x4ed8aa4a, 0x5b9cca4f, 0x682e6ff3,
  0x748f82ee, 0x78a5636f, 0x84c87814, 0x8cc70208, 0x90befffa, 0xa4506ceb, 0xbef9a3f7, 0xc67178f2);

const words = new Uint32Array(64);

/** SHA-256 of these bytes one after the other (FIPS 180-4, 6.2). */
export function sha256(...parts: readonly Uint8Array[]): Uint8Array {
  const size = parts.reduce((sum, part) => sum + part.length, 0);
  // The message, a one, zeros, and its length in bits.
  const padded = new Uint8Array(Math.ceil((size + 9) / 64) * 64);
  let end = 0;
  for (const part of parts) {
    padded.set(part, end);
    end += part.length;
  }
  padded[end] = 0x80;
  const view = new DataView(padded.buffer);
  view.setUint32(padded.length - 8, Math.floor(size / 0x20000000));
  view.setUint32(padded.length - 4, (size << 3) >>> 0);

  let h0 = 0x6a09e667, h1 = 0xbb67ae85, h2 = 0x3c6ef372, h3 = 0xa54ff53a, h4 = 0x510e527f, h5 = 0x9b05688c, h6 = 0x1f83d9ab, h7 = 0x5be0cd19;
  const w = words;
  for (let at = 0; at < padded.length; at += 64) {
    for (let t = 0; t < 16; t++) w[t] = view.getUint32(at + 4 * t);
    for (let t = 16; t < 64; t++) {
      const x = w[t - 15]!, y = w[t - 2]!;
      const s0 = ((x >>> 7) | (x << 25)) ^ ((x >>> 18) | (x << 14)) ^ (x >>> 3);
      const s1 = ((y >>> 17) | (y << 15)) ^ ((y >>> 19) | (y << 13)) ^ (y >>> 10);
      w[t] = w[t - 16]! + s0 + w[t - 7]! + s1;
    }
    let a = h0, b = h1, c = h2, d = h3, e = h4, f = h5, g = h6, h = h7;
    for (let t = 0; t < 64; t++) {
      const s1 = ((e >>> 6) | (e << 26)) ^ ((e >>> 11) | (e << 21)) ^ ((e >>> 25) | (e << 7));
      const t1 = (h + s1 + ((e & f) ^ (~e & g)) + K[t]! + w[t]!) | 0;
      const s0 = ((a >>> 2) | (a << 30)) ^ ((a >>> 13) | (a << 19)) ^ ((a >>> 22) | (a << 10));
      const t2 = (s0 + ((a & b) ^ (a & c) ^ (b & c))) | 0;
      h = g; g = f; f = e; e = (d + t1) | 0; d = c; c = b; b = a; a = (t1 + t2) | 0;
    }
    h0 = (h0 + a) | 0; h1 = (h1 + b) | 0; h2 = (h2 + c) | 0; h3 = (h3 + d) | 0;
    h4 = (h4 + e) | 0; h5 = (h5 + f) | 0; h6 = (h6 + g) | 0; h7 = (h7 + h) | 0;
  }
  const hash = new Uint8Array(HASH_BYTES);
  const out = new DataView(hash.buffer);
  [h0, h1, h2, h3, h4, h5, h6, h7].forEach((word, place) => out.setUint32(4 * place, word));
  return hash;
}

/** The statement does not hold. Somebody changed the journal, or the proof is another one's. */
export class ProofError extends Error {
  override get name(): string {
    return "ProofError";
  }
}

const LEAF = Uint8Array.of(0), NODE = Uint8Array.of(1);

/** The hash of a block: SHA-256 of a zero byte and its bytes. */
export function leafHash(block: Uint8Array): Uint8Array {
  return sha256(LEAF, block);
}

/** The hash of an inner node. */
export function nodeHash(left: Uint8Array, right: Uint8Array): Uint8Array {
  return sha256(NODE, left, right);
}

function same(one: Uint8Array, other: Uint8Array): boolean {
  return one.length === other.length && one.every((byte, at) => byte === other[at]);
}

/** These bytes in hexadecimal digits. */
export function hex(bytes: Uint8Array): string {
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");
}

/** The 32 bytes that 64 hexadecimal digits stand for. */
export function hashOf(text: unknown): Uint8Array {
  if (typeof text !== "string" || !/^[0-9a-fA-F]{64}$/.test(text)) throw new TypeError(`${JSON.stringify(text)} is no SHA-256 in hexadecimal`);
  return Uint8Array.from({ length: HASH_BYTES }, (_, place) => parseInt(text.slice(2 * place, 2 * place + 2), 16));
}

/** How many blocks a journal has, the root of their tree, and the id of the log where it is known. */
export class Head {
  constructor(readonly size: number, readonly root: Uint8Array, readonly log?: string) {
    if (!Number.isSafeInteger(size) || size < 0) throw new TypeError(`${size} is no number of blocks`);
    if (root.length !== HASH_BYTES) throw new TypeError("a root has 32 bytes");
  }

  /** The head in an answer of `GET .../tree`, or in what `toJSON` made. */
  static of(answer: unknown): Head {
    if (typeof answer !== "object" || answer === null) throw new TypeError("a head is a JSON object with tree_size and root");
    const { tree_size, root, log } = answer as Record<string, unknown>;
    if (typeof tree_size !== "number") throw new TypeError(`${JSON.stringify(tree_size)} is no number of blocks`);
    if (log !== undefined && log !== null && typeof log !== "string") throw new TypeError(`${JSON.stringify(log)} is no id of a log`);
    return new Head(tree_size, hashOf(root), log ?? undefined);
  }

  toJSON(): { tree_size: number; root: string; log?: string } {
    return { tree_size: this.size, root: hex(this.root), ...(this.log === undefined ? {} : { log: this.log }) };
  }
}

/** The root over leaves that come one after the other, in memory of the logarithm of their number. */
export class Tree {
  size = 0;
  readonly #peaks: Uint8Array[] = [];

  append(leaf: Uint8Array): void {
    // As many whole subtrees end here as the number of leaves so far has ones at its end. Bits of numbers are 32 here.
    let size = this.size, node = leaf;
    while (size % 2 === 1) {
      node = nodeHash(this.#peaks.pop()!, node);
      size = (size - 1) / 2;
    }
    this.#peaks.push(node);
    this.size++;
  }

  root(): Uint8Array {
    return this.#peaks.length === 0 ? sha256() : this.#peaks.reduceRight((root, peak) => nodeHash(peak, root));
  }
}

/** The largest power of two below this size. */
function cut(size: number): number {
  let power = 1;
  while (2 * power < size) power *= 2;
  return power;
}

/** Throws ProofError unless `leaf` is leaf `index` of the tree of `head`. */
export function checkInclusion(head: Head, index: number, leaf: Uint8Array, path: readonly Uint8Array[]): void {
  if (!Number.isSafeInteger(index) || index < 0 || index >= head.size)
    throw new ProofError(`block ${index + 1} is not in a journal of ${head.size} blocks`);
  // From the root to the leaf: whether the way goes to the right, at each node.
  const turns: boolean[] = [];
  for (let size = head.size, at = index; size > 1;) {
    const left = cut(size), right = at >= left;
    turns.push(right);
    if (right) at -= left;
    size = right ? size - left : left;
  }
  if (path.length !== turns.length) throw new ProofError(`the path has ${path.length} hashes, and one to this block has ${turns.length}`);
  let found = leaf;
  for (const [place, sibling] of path.entries())
    found = turns[turns.length - 1 - place]! ? nodeHash(sibling, found) : nodeHash(found, sibling);
  if (!same(found, head.root)) throw new ProofError("the path does not lead from the block to the root of the head");
}

/** Throws ProofError unless the journal of `now` begins with that of `old`. */
export function checkConsistency(old: Head, now: Head, path: readonly Uint8Array[]): void {
  if (old.log !== undefined && now.log !== undefined && old.log !== now.log)
    throw new ProofError(`the heads are of two logs: ${old.log} was kept, and this is ${now.log}`);
  if (old.size > now.size) throw new ProofError(`the journal had ${old.size} blocks, and has ${now.size}`);
  if (old.size === now.size) {
    if (!same(old.root, now.root)) throw new ProofError("two heads of one size have different roots");
    if (path.length > 0) throw new ProofError("the path is too long: nothing lies between two heads of one size");
    return;
  }
  if (old.size === 0) {
    if (path.length > 0) throw new ProofError("the path is too long: every journal begins with an empty one");
    if (!same(old.root, sha256())) throw new ProofError("the root of the old head is not that of a journal without blocks");
    return;
  }
  const rest = [...path];
  const [before, after] = grown(old.size, now.size, old.root, true, rest);
  if (rest.length > 0) throw new ProofError("the path is too long");
  if (!same(before, old.root)) throw new ProofError("the journal no longer begins with the blocks of the old head");
  if (!same(after, now.root)) throw new ProofError("the path does not lead to the root of the new head");
}

/**
 * The roots of the first `old` leaves and of all, of a subtree of `size` leaves; takes from the path's end. `whole` says that
 * the old tree ends here and nowhere else, so that this root is the one that was kept.
 */
function grown(old: number, size: number, oldRoot: Uint8Array, whole: boolean, rest: Uint8Array[]): readonly [Uint8Array, Uint8Array] {
  if (old === size) {
    const root = whole ? oldRoot : last(rest);
    return [root, root];
  }
  const left = cut(size), sibling = last(rest);
  if (old <= left) {
    const [before, after] = grown(old, left, oldRoot, whole, rest);
    return [before, nodeHash(after, sibling)];
  }
  const [before, after] = grown(old - left, size - left, oldRoot, false, rest);
  return [nodeHash(sibling, before), nodeHash(sibling, after)];
}

function last(rest: Uint8Array[]): Uint8Array {
  const node = rest.pop();
  if (node === undefined) throw new ProofError("the path is too short");
  return node;
}

function members(proof: unknown): { path: readonly Uint8Array[]; said: Record<string, unknown> } {
  if (typeof proof !== "object" || proof === null || !Array.isArray((proof as { path?: unknown }).path))
    throw new TypeError("a proof is a JSON object with a path");
  return { path: (proof as { path: unknown[] }).path.map(hashOf), said: proof as Record<string, unknown> };
}

/** Checks an answer of `GET .../proofs/inclusion` for the bytes of a block; its sequence. */
export function inclusion(head: Head, proof: unknown, block: Uint8Array): number {
  const { path, said } = members(proof);
  if (said["tree_size"] !== head.size)
    throw new ProofError(`the proof is for ${said["tree_size"]} blocks and the head has ${head.size}: ask with tree_size`);
  const index = said["leaf_index"];
  if (typeof index !== "number") throw new TypeError(`${JSON.stringify(index)} is no index of a leaf`);
  checkInclusion(head, index, leafHash(block), path);
  return index + 1;
}

/** Checks an answer of `GET .../proofs/consistency` from one head to another. */
export function consistency(old: Head, now: Head, proof: unknown): void {
  const { path, said } = members(proof);
  if (said["first"] !== old.size || said["second"] !== now.size)
    throw new ProofError(`the proof is from ${said["first"]} to ${said["second"]} blocks, the heads have ${old.size} and ${now.size}`);
  checkConsistency(old, now, path);
}

/** Checks that these are the bytes of all blocks of a head, in their order. */
export async function whole(head: Head, blocks: Iterable<Uint8Array> | AsyncIterable<Uint8Array>): Promise<void> {
  const tree = new Tree();
  for await (const block of blocks) tree.append(leafHash(block));
  if (tree.size !== head.size) throw new ProofError(`${tree.size} blocks were given, and the head has ${head.size}`);
  if (!same(tree.root(), head.root)) throw new ProofError("the blocks do not have the root of the head");
}

/** Where a head is kept: a file (`headFile` of `formdb/node`), a place of a page's `localStorage`, or what one has. */
export interface HeadStore {
  /** What was written last; undefined or null where nothing was. */
  read(): Promise<string | undefined | null> | string | undefined | null;
  /** It is to be there as a whole or not at all. */
  write(text: string): Promise<void> | void;
}

/** The last head that held. It moves forward alone, and only to what is proved to continue it. */
export class KeptHead {
  readonly #store: HeadStore;

  constructor(store: HeadStore) {
    this.#store = store;
  }

  async read(): Promise<Head | undefined> {
    const text = await this.#store.read();
    return text === undefined || text === null ? undefined : Head.of(JSON.parse(text));
  }

  /**
   * Keeps `now` once `proof` shows that it continues the kept one, which is returned. Where none was kept nothing is proved:
   * `now` is taken as it is.
   */
  async advance(now: Head, proof?: unknown): Promise<Head | undefined> {
    const old = await this.read();
    if (old !== undefined) consistency(old, now, proof);
    await this.#store.write(`${JSON.stringify(now)}\n`);
    return old;
  }
}
