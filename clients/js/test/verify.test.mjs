// The verifier, against RFC 9162's own definitions, facts that are published, and every altered byte.
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { createHash, randomBytes } from "node:crypto";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import test from "node:test";
import { checkConsistency, checkInclusion, Head, hex, KeptHead, leafHash, ProofError, sha256, Tree, whole } from "formdb/verify";

// The leaves of the test data of transparency-dev/merkle, and the roots of its first eight trees: facts of
// RFC 6962, which the definitions below have to come to as well.
const LEAVES = ["", "00", "10", "2021", "3031", "40414243", "5051525354555657", "606162636465666768696a6b6c6d6e6f"].map((text) => Buffer.from(text, "hex"));
const ROOTS = ["6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
  "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125",
  "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77",
  "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
  "4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4",
  "76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef",
  "ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c",
  "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328"];
const MANY = Array.from({ length: 70 }, (_, number) => Buffer.from(`block ${number}`));
const NOTHING = createHash("sha256").digest();

// With the platform's hash, which the one of the verifier is held against by that.
const hash = (...parts) => new Uint8Array(createHash("sha256").update(Buffer.concat(parts)).digest());
/** The largest power of two below `count`. */
const cut = (count) => 2 ** Math.floor(Math.log2(count - 1));
/** MTH of RFC 9162, 2.1.1. */
function root(blocks) {
  if (blocks.length < 2) return blocks.length === 0 ? hash() : hash(Buffer.of(0), blocks[0]);
  const k = cut(blocks.length);
  return hash(Buffer.of(1), root(blocks.slice(0, k)), root(blocks.slice(k)));
}
/** PATH of RFC 9162, 2.1.3.1. */
function path(index, blocks) {
  if (blocks.length === 1) return [];
  const k = cut(blocks.length);
  return index < k ? [...path(index, blocks.slice(0, k)), root(blocks.slice(k))] : [...path(index - k, blocks.slice(k)), root(blocks.slice(0, k))];
}
/** SUBPROOF of RFC 9162, 2.1.4.1. */
function proof(old, blocks, complete = true) {
  if (old === blocks.length) return complete ? [] : [root(blocks)];
  const k = cut(blocks.length);
  return old <= k ? [...proof(old, blocks.slice(0, k), complete), root(blocks.slice(k))] : [...proof(old - k, blocks.slice(k), false), root(blocks.slice(0, k))];
}
const head = (blocks, log) => new Head(blocks.length, root(blocks), log);

/** The same bytes with each of them altered, in its lowest and in its highest bit. */
const altered = (bytes) => Array.from(bytes).flatMap((_, place) => [1, 128].map((bit) => {
  const other = Uint8Array.from(bytes);
  other[place] ^= bit;
  return other;
}));
const alteredPaths = (nodes) => [
  ...nodes.flatMap((node, place) => [
    ...altered(node).map((other) => nodes.with?.(place, other) ?? [...nodes.slice(0, place), other, ...nodes.slice(place + 1)]),
    [...nodes.slice(0, place), ...nodes.slice(place + 1)],
    [...nodes.slice(0, place), node, ...nodes.slice(place)],
  ]),
  [...nodes, new Uint8Array(32)],
  [new Uint8Array(32), ...nodes],
  ...(nodes.length > 1 && hex(nodes[0]) !== hex(nodes[1]) ? [[nodes[1], nodes[0], ...nodes.slice(2)]] : []),
];
let count = 0;
const refused = (check) => {
  assert.throws(check, ProofError);
  count++;
};

test("its SHA-256 is that of the standard", () => {
  assert.equal(hex(sha256()), NOTHING.toString("hex"));
  assert.equal(hex(sha256(Buffer.from("abc"))), "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
  for (let size = 0; size < 300; size++) {
    const bytes = randomBytes(size);
    assert.equal(hex(sha256(bytes)), createHash("sha256").update(bytes).digest("hex"), `${size} bytes`);
    assert.equal(hex(sha256(bytes.subarray(0, size >> 1), bytes.subarray(size >> 1))), createHash("sha256").update(bytes).digest("hex"));
  }
  const large = randomBytes(5_000_001);
  assert.equal(hex(sha256(large)), createHash("sha256").update(large).digest("hex"));
});

test("roots are those that are published", async () => {
  for (const [place, expected] of ROOTS.entries()) {
    assert.equal(hex(root(LEAVES.slice(0, place + 1))), expected);
    await whole(new Head(place + 1, Buffer.from(expected, "hex")), LEAVES.slice(0, place + 1));
  }
  await whole(new Head(0, NOTHING), []);
});

test("every path of every tree holds", () => {
  for (let size = 1; size <= MANY.length; size++) {
    const now = head(MANY.slice(0, size));
    for (let index = 0; index < size; index++) checkInclusion(now, index, leafHash(MANY[index]), path(index, MANY.slice(0, size)));
    for (let old = 0; old <= size; old++) checkConsistency(head(MANY.slice(0, old)), now, old === 0 ? [] : proof(old, MANY.slice(0, size)));
  }
});

test("trees of more blocks than 32 bits count", () => {
  // All leaves are the same one, so that the root of each subtree is known by its height.
  const heights = [leafHash(Buffer.from("x"))];
  while (heights.length < 45) heights.push(hash(Buffer.of(1), heights.at(-1), heights.at(-1)));
  const size = 2 ** 40;
  const now = new Head(size, heights[40]);
  const nodes = heights.slice(0, 40);
  for (const index of [0, 2 ** 32, size - 1]) checkInclusion(now, index, heights[0], nodes);
  refused(() => checkInclusion(now, size, heights[0], nodes));
  checkConsistency(new Head(2 ** 35, heights[35]), now, heights.slice(35, 40));
  refused(() => checkConsistency(new Head(2 ** 35, heights[34]), now, heights.slice(35, 40)));
});

test("every altered byte of an inclusion proof is refused", () => {
  count = 0;
  for (let size = 1; size < 10; size++) {
    const now = head(MANY.slice(0, size));
    for (let index = 0; index < size; index++) {
      const leaf = leafHash(MANY[index]), nodes = path(index, MANY.slice(0, size));
      for (const other of alteredPaths(nodes)) refused(() => checkInclusion(now, index, leaf, other));
      for (const block of altered(MANY[index])) refused(() => checkInclusion(now, index, leafHash(block), nodes));
      for (const wrong of altered(now.root)) refused(() => checkInclusion(new Head(size, wrong), index, leaf, nodes));
      for (let other = -1; other < size + 2; other++) if (other !== index) refused(() => checkInclusion(now, other, leaf, nodes));
      refused(() => checkInclusion(now, index + 0.5, leaf, nodes));
    }
  }
  assert.ok(count > 10_000);
});

test("every altered byte of a consistency proof is refused", () => {
  count = 0;
  for (let size = 1; size < 10; size++) {
    const now = head(MANY.slice(0, size));
    for (let first = 1; first <= size; first++) {
      const old = head(MANY.slice(0, first)), nodes = proof(first, MANY.slice(0, size));
      for (const other of alteredPaths(nodes)) refused(() => checkConsistency(old, now, other));
      for (const wrong of altered(old.root)) refused(() => checkConsistency(new Head(first, wrong), now, nodes));
      for (const wrong of altered(now.root)) refused(() => checkConsistency(old, new Head(size, wrong), nodes));
      if (first < size) refused(() => checkConsistency(now, old, nodes));
    }
  }
  assert.ok(count > 10_000);
});

test("every altered block is refused by the whole tree", async () => {
  const now = head(MANY.slice(0, 9));
  for (let place = 0; place < 9; place++)
    for (const block of altered(MANY[place])) await assert.rejects(whole(now, [...MANY.slice(0, place), block, ...MANY.slice(place + 1, 9)]), ProofError);
  await assert.rejects(whole(now, MANY.slice(0, 8)), ProofError);
  await assert.rejects(whole(now, [MANY[1], MANY[0], ...MANY.slice(2, 9)]), ProofError);
});

test("a kept head moves only to what continues it", async () => {
  let kept;
  const store = new KeptHead({ read: () => kept, write: (text) => { kept = text; } });
  const old = head(MANY.slice(0, 3), "log a"), now = head(MANY.slice(0, 7), "log a");
  assert.equal(await store.advance(old), undefined);
  const told = (blocks) => ({ first: 3, second: 7, path: proof(3, blocks).map(hex) });
  const forged = [...MANY.slice(0, 2), Buffer.from("another"), ...MANY.slice(3, 7)];
  await assert.rejects(store.advance(head(forged, "log a"), told(forged)), ProofError);
  await assert.rejects(store.advance(head(MANY.slice(0, 7), "log b"), told(MANY.slice(0, 7))), ProofError);
  assert.deepEqual(await store.read(), old);
  assert.deepEqual(await store.advance(now, told(MANY.slice(0, 7))), old);
  await assert.rejects(store.advance(old, { first: 7, second: 3, path: [] }), ProofError);
  assert.deepEqual(await store.read(), now);
});

test("what is no head, hash or proof is told as such", () => {
  for (const wrong of [null, 5, {}, { tree_size: "1", root: ROOTS[0] }, { tree_size: 1, root: "00" }, { tree_size: -1, root: ROOTS[0] }, { tree_size: 1, root: ROOTS[0], log: 1 }])
    assert.throws(() => Head.of(wrong), TypeError);
});

test("it stands alone", () => {
  const source = readFileSync(new URL("../src/verify.ts", import.meta.url), "utf8");
  assert.doesNotMatch(source, /^import |\bimport\(|require\(/m);
  const folder = mkdtempSync(join(tmpdir(), "formdb-verify-"));
  const command = fileURLToPath(new URL("../dist/verify_command.js", import.meta.url));
  const run = (...words) => spawnSync(process.execPath, [command, ...words], { encoding: "utf8" });
  const write = (name, content) => {
    writeFileSync(join(folder, name), content instanceof Uint8Array ? content : JSON.stringify(content));
    return join(folder, name);
  };
  const [old, now] = [write("old", head(MANY.slice(0, 5))), write("new", head(MANY.slice(0, 9)))];
  const grown = write("grown", { first: 5, second: 9, path: proof(5, MANY.slice(0, 9)).map(hex) });
  const within = write("within", { leaf_index: 3, tree_size: 5, path: path(3, MANY.slice(0, 5)).map(hex) });
  const block = write("block", MANY[3]);
  assert.match(run("consistency", old, now, grown).stdout, /^holds: the first 5 blocks of 9/);
  assert.match(run("inclusion", old, within, block).stdout, /^holds: block 4 /);
  assert.match(run("tree", old, ...MANY.slice(0, 5).map((bytes, place) => write(`${place}.cbor`, bytes))).stdout, /^holds: these are all 5/);
  const lie = run("inclusion", old, within, write("block", altered(MANY[3])[7]));
  assert.deepEqual([lie.status, lie.stdout.startsWith("DOES NOT HOLD")], [1, true]);
  assert.equal(run("consistency", now, old, grown).status, 1);
  assert.equal(run("inclusion", now, within, write("block", MANY[3])).status, 1);
  for (const wrong of [[], ["inclusion", old], ["tree", join(folder, "nothing")], ["consistency", within, now, grown]]) assert.equal(run(...wrong).status, 2);
  rmSync(folder, { recursive: true });
});

test("how fast proofs are checked", () => {
  const blocks = Array.from({ length: 4096 }, (_, number) => Buffer.from(`a block of some bytes ${number}`.padEnd(300)));
  const proofs = Array.from({ length: 64 }, (_, turn) => [turn * 61, path(turn * 61, blocks)]);
  const now = head(blocks);
  let began = performance.now();
  let checked = 0;
  while (performance.now() - began < 500) for (const [index, nodes] of proofs) {
    checkInclusion(now, index, leafHash(blocks[index]), nodes);
    checked++;
  }
  const each = checked / ((performance.now() - began) / 1000);
  began = performance.now();
  const tree = new Tree();
  for (const block of blocks) tree.append(leafHash(block));
  assert.equal(hex(tree.root()), hex(now.root));
  const hashed = blocks.length / ((performance.now() - began) / 1000);
  console.log(`figures: ${Math.round(each)} inclusion proofs of 4,096 blocks a second, ${Math.round(hashed)} blocks of 300 bytes hashed into a tree a second`);
});
