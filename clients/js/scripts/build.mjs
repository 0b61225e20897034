// Makes dist of src.
//
//     node scripts/build.mjs [--check]
//
// compiles it, or fails where dist is not what this would make. dist is kept with the sources, so that the package can be
// installed from its folder where there is no compiler.
import { spawnSync } from "node:child_process";
import { chmodSync, mkdtempSync, readFileSync, readdirSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

const home = fileURLToPath(new URL("..", import.meta.url));
const check = process.argv.includes("--check");
const kept = join(home, "dist");
const made = check ? mkdtempSync(join(tmpdir(), "formdb-dist-")) : kept;
const contents = (folder) => new Map(readdirSync(folder).sort().map((name) => [name, readFileSync(join(folder, name), "utf8")]));

if (!check) rmSync(kept, { recursive: true, force: true });
const compiler = join(home, "node_modules", "typescript", "bin", "tsc");
const done = spawnSync(process.execPath, [compiler, "--project", home, "--outDir", made], { stdio: "inherit" });
if (done.status !== 0) process.exit(1);
if (!check) chmodSync(join(made, "verify_command.js"), 0o755);
else {
  const [one, other] = [contents(kept), contents(made)];
  rmSync(made, { recursive: true });
  const wrong = [...new Set([...one.keys(), ...other.keys()])].filter((name) => one.get(name) !== other.get(name));
  if (wrong.length > 0) {
    console.error(`dist is not made of src as it is; run npm run build: ${wrong.join(", ")}`);
    process.exit(1);
  }
}
