// Makes types/openapi.d.ts of what a server says of itself.
//
//     node scripts/types.mjs [--check] http://127.0.0.1:4000
//
// writes it, or fails where it is not what this would write.
import openapiTS, { astToString } from "openapi-typescript";
import { readFile, writeFile } from "node:fs/promises";

const target = new URL("../types/openapi.d.ts", import.meta.url);
const check = process.argv.includes("--check");
const base = process.argv.slice(2).find((word) => word !== "--check") ?? "http://127.0.0.1:4000";

/** What the client calls, in the form in which it calls it. */
function used(document) {
  for (const [path, item] of Object.entries(document.paths)) {
    if (!/^\/(api\/v1|auth)\//.test(path)) delete document.paths[path];
    for (const operation of Object.values(item)) {
      if (!operation?.operationId) continue;
      const answers = Object.entries(operation.responses).filter(([status]) => status.startsWith("2"));
      for (const [, answer] of answers) {
        delete answer.headers;
        delete answer.content?.["application/cbor"];
      }
      operation.responses = Object.fromEntries(answers);
      delete operation.requestBody?.content["application/cbor"];
    }
  }
  // A tuple would be of two numbers alone, and literals would have to be declared as one.
  document.components.schemas.Position = { type: "array", items: { type: "number" } };
  return document;
}

const document = used(await (await fetch(new URL("openapi.json", base.replace(/\/*$/, "/")))).json());
const text = "// Made by scripts/types.mjs of the OpenAPI document of the server. Do not edit.\n\n" +
  astToString(await openapiTS(document, { emptyObjectsUnknown: true }));
if (!check) await writeFile(target, text);
else if ((await readFile(target, "utf8").catch(() => "")) !== text) {
  console.error("types/openapi.d.ts is not what the server says: start one, and run npm run types -- http://127.0.0.1:4000");
  process.exit(1);
}
