#!/usr/bin/env node
/** The verifier as a program that takes files. */

import { readFile } from "node:fs/promises";
import { consistency, Head, inclusion, ProofError, whole } from "./verify.js";

const USAGE = `Checks what a FormDB server says about its journal, without trusting it.

    formdb-verify consistency OLD_HEAD HEAD PROOF   the journal of HEAD begins with that of OLD_HEAD
    formdb-verify inclusion   HEAD PROOF BLOCK      BLOCK is in the journal of HEAD, with exactly these bytes
    formdb-verify tree        HEAD BLOCK...         these are all blocks of HEAD, in their order

HEAD and OLD_HEAD are answers of GET .../tree, PROOF is one of GET .../proofs/inclusion or .../proofs/consistency,
and BLOCK has the bytes of GET .../blocks/SEQ as application/cbor; all are files. The exit status is 0 where the
statement holds, 1 where it does not, and 2 where a file cannot be read.
`;

const document = async (file: string): Promise<unknown> => JSON.parse(await readFile(file, "utf8"));
const head = async (file: string) => Head.of(await document(file));

async function* contents(files: readonly string[]) {
  for (const file of files) yield await readFile(file);
}

async function checked(command: string | undefined, files: readonly string[]): Promise<string | undefined> {
  const [first, second, third] = files;
  if (command === "consistency" && files.length === 3) {
    const [old, now] = [await head(first!), await head(second!)];
    consistency(old, now, await document(third!));
    return `the first ${old.size} blocks of ${now.size} are those of the old head, unchanged`;
  }
  if (command === "inclusion" && files.length === 3) {
    const of = await head(first!);
    const seq = inclusion(of, await document(second!), await readFile(third!));
    return `block ${seq} is in the journal of ${of.size} blocks, with exactly these bytes`;
  }
  if (command === "tree" && files.length > 0) {
    const of = await head(first!);
    await whole(of, contents(files.slice(1)));
    return `these are all ${of.size} blocks of the journal, in their order`;
  }
  return undefined;
}

try {
  const [command, ...files] = process.argv.slice(2);
  const held = await checked(command, files);
  if (held === undefined) {
    process.stderr.write(USAGE);
    process.exitCode = 2;
  } else console.log(`holds: ${held}`);
} catch (error) {
  const proof = error instanceof ProofError;
  if (proof) console.log(`DOES NOT HOLD: ${error.message}`);
  else console.error(`cannot be checked: ${error instanceof Error ? error.message : error}`);
  process.exitCode = proof ? 1 : 2;
}
