// What the programs beside this have in common: they check, and ask whoever has started them to do
// something to the server (`kill`, `stop`) by a line on standard output, which is answered by a line when it
// runs again.
import { createRequire } from "node:module";
import assert from "node:assert/strict";
import readline from "node:readline";

export const require = createRequire(new URL("../../../.tools/npm/", import.meta.url));

// No program runs for ever.
setTimeout(() => { throw new Error("it does not come to its end"); }, 600_000).unref();

// What it has started ends with it.
process.on("SIGTERM", () => process.exit(1));

const lines = readline.createInterface({ input: process.stdin })[Symbol.asyncIterator]();
export const ask = async (what) => {
  console.log(what);
  await lines.next();
};

export const pause = (ms) => new Promise((wait) => setTimeout(wait, ms));

let count = 0;
export const passed = () => count;
export const pass = () => { count++; };
export const check = (what, found, expected) => {
  assert.deepEqual(found, expected, what);
  pass();
};
