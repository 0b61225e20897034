// The code of the README, run as a reader would, on a server without data; and what the package is made of.
import assert from "node:assert/strict";
import { execFileSync, spawnSync } from "node:child_process";
import { lstatSync, mkdirSync, mkdtempSync, readFileSync, readdirSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import test, { after, before } from "node:test";
import { PROJECT, Server } from "./server.mjs";

const HERE = fileURLToPath(new URL("..", import.meta.url));
const SHOWN = "http://127.0.0.1:4000";
const folder = mkdtempSync(join(tmpdir(), "formdb-js-readme-"));
let server;
before(async () => { server = await Server.start(); });
after(() => rmSync(folder, { recursive: true }));

const fences = [...readFileSync(join(HERE, "README.md"), "utf8").matchAll(/^```(\w+)\n(.*?)^```$/gms)].map(([, kind, content]) => ({ kind, content }));
const code = fences.filter(({ kind }) => kind === "js").map(({ content }) => content).join("");
const run = (program, ...words) => {
  const done = spawnSync(program, words, { cwd: folder, encoding: "utf8", env: { ...process.env, npm_config_offline: "true" } });
  assert.equal(done.status, 0, done.stdout + done.stderr);
  return done.stdout;
};

test("it is made of its sources, and its types of what the server says", () => {
  execFileSync(process.execPath, [join(HERE, "scripts", "build.mjs"), "--check"], { stdio: "inherit" });
  execFileSync(process.execPath, [join(HERE, "scripts", "types.mjs"), "--check", server.url], { stdio: "inherit" });
});

test("only phoenix is needed, and files only where they are asked for", () => {
  for (const name of readdirSync(join(HERE, "src"))) {
    const imported = [...readFileSync(join(HERE, "src", name), "utf8").matchAll(/(?:from|import\() ?"([^"]+)"/g)].map(([, from]) => from);
    for (const from of imported) {
      if (from.startsWith("./") || from === "../types/openapi.js") continue;
      assert.ok(from === "phoenix" ? name === "channel.ts" : from.startsWith("node:") && ["node.ts", "verify_command.ts"].includes(name), `${name}: ${from}`);
    }
  }
});

test("all that is exported is documented", () => {
  const undocumented = [];
  for (const name of readdirSync(join(HERE, "src"))) {
    const lines = readFileSync(join(HERE, "src", name), "utf8").split("\n");
    lines.forEach((line, at) => {
      if (!/^export (abstract )?(async )?(class|function\*?|interface|const|type) \w/.test(line)) return;
      if (!lines[at - 1].endsWith("*/")) undocumented.push(`${name}: ${line}`);
    });
  }
  assert.deepEqual(undocumented, []);
});

test("it is installed from its folder, without a compiler and without the net, and the README prints what it shows", () => {
  writeFileSync(join(folder, "package.json"), '{"private":true,"type":"module"}');
  // As npm has fetched it: what is not in the folder comes from where bin/setup has put it.
  const phoenix = run("npm", "pack", "--silent", join(HERE, "node_modules", "phoenix")).trim();
  run("npm", "install", "--no-audit", "--no-fund", "--silent", `./${phoenix}`);
  writeFileSync(join(folder, ".npmrc"), "install-links=true\n");
  run("npm", "install", "--no-audit", "--no-fund", "--silent", HERE);
  // It stays a copy when npm installs again.
  run("npm", "install", "--no-audit", "--no-fund", "--silent");
  assert.ok(!lstatSync(join(folder, "node_modules", "formdb")).isSymbolicLink());
  assert.deepEqual(readdirSync(join(folder, "node_modules")).filter((name) => !name.startsWith(".")).sort(), ["formdb", "phoenix"]);
  assert.ok(!readdirSync(join(folder, "node_modules", "formdb")).includes("src"));
  assert.equal(spawnSync(join(folder, "node_modules", ".bin", "formdb-verify"), { encoding: "utf8" }).status, 2);
  symlinkSync(join(PROJECT, "priv"), join(folder, "priv"));
  writeFileSync(join(folder, "readme.js"), code.replaceAll(SHOWN, server.url));
  const printed = run(process.execPath, "readme.js");
  const shown = fences.filter(({ kind }) => kind === "text").map(({ content }) => content).join("");
  assert.equal(printed, shown);
});

test("the code of the README is what the types allow", () => {
  // Blocks are of one program; what a compiler cannot know of properties is said.
  mkdirSync(join(folder, "typed"));
  const typed = code.replaceAll(".properties.limit", ".properties!.limit")
    .replaceAll(/receipt\.(\w+)/g, "receipt!.$1!").replaceAll("read();", "read() as any;").replaceAll("catch (error)", "catch (error: any)");
  writeFileSync(join(folder, "typed", "readme.ts"), typed);
  const options = { strict: true, noEmit: true, target: "ES2022", module: "NodeNext", lib: ["ES2022", "DOM"], typeRoots: [join(HERE, "node_modules", "@types")], types: ["node"] };
  writeFileSync(join(folder, "typed", "tsconfig.json"), JSON.stringify({ compilerOptions: options, files: ["readme.ts"] }));
  run(process.execPath, join(HERE, "node_modules", "typescript", "bin", "tsc"), "--project", join(folder, "typed"));
  // And what is no name of the API is refused.
  writeFileSync(join(folder, "typed", "readme.ts"), typed.replace("on_duplicate:", "on_duplicates:"));
  const wrong = spawnSync(process.execPath, [join(HERE, "node_modules", "typescript", "bin", "tsc"), "--project", join(folder, "typed")], { encoding: "utf8" });
  assert.match(wrong.stdout, /on_duplicates/);
});
