// The script of the page at /docs, run with a stand-in for the browser's document: that it shows every
// call, opens every schema, and that its forms send what the line of curl says.
//
//     node docs_page.mjs http://127.0.0.1:4000
import vm from "node:vm";
import assert from "node:assert/strict";

const base = process.argv[2];
const text = async (path) => (await fetch(base + path)).text();

class Node {
  constructor(name) {
    Object.assign(this, { name, children: [], listeners: {}, attributes: {}, className: "" });
  }
  append(...children) {
    for (const child of children) {
      assert.ok(typeof child === "string" || child instanceof Node, `${this.name} gets ${child}`);
      this.children.push(child);
    }
  }
  replaceChildren(...children) {
    this.children = [];
    this.append(...children);
  }
  addEventListener(event, act) { this.listeners[event] = act; }
  setAttribute(key, value) { this.attributes[key] = value; }
  get textContent() { return this.children.map((child) => (typeof child === "string" ? child : child.textContent)).join(""); }
  set textContent(value) { this.children = [value]; }
  get value() {
    if (this.typed !== undefined) return this.typed;
    if (this.name === "select") return this.children[0]?.textContent ?? "";
    return this.name === "textarea" ? this.textContent : this.attributes.value ?? "";
  }
  all(name) {
    return this.children.filter((child) => child instanceof Node)
      .flatMap((child) => [...(child.name === name ? [child] : []), ...child.all(name)]);
  }
}

const parts = { main: new Node("main"), contents: new Node("nav") };
const requests = [];
const send = async (path, options = {}) => {
  requests.push({ path, ...options });
  return fetch(base + path, options);
};
const html = await text("/docs");
const context = {
  document: {
    currentScript: { dataset: { document: /data-document="([^"]*)"/.exec(html)[1] } },
    createElement: (name) => new Node(name),
    getElementById: (id) => parts[id],
  },
  location: { hash: "", origin: base },
  fetch: send, performance, console, AbortController, TextDecoder, setTimeout,
};
vm.runInNewContext(await text("/docs/docs.js"), context);
const api = JSON.parse(await text("/openapi.json"));
const sections = () => parts.main.all("section");
for (let tries = 0; sections().length === 0 && tries < 100; tries++) await new Promise((wait) => setTimeout(wait, 50));

const operations = Object.values(api.paths).flatMap((methods) => Object.values(methods));
assert.deepEqual(sections().map((section) => section.attributes.id).sort(), operations.map((one) => one.operationId).sort());
assert.equal(parts.contents.all("a").length, operations.length);

// Everything that opens is opened, some levels deep: schemas hold themselves.
let opened = 0;
const open = (node, depth) => {
  for (const details of node.all("details")) {
    if (!details.listeners.toggle || details.opened) continue;
    details.opened = true;
    details.listeners.toggle();
    opened++;
    if (depth > 0) open(details, depth - 1);
  }
};
for (let level = 0; level < 3; level++) open(parts.main, 1);
assert.ok(opened > 300);

const section = (id) => sections().find((one) => one.attributes.id === id);
const attempt = async (id, values) => {
  const [form] = section(id).all("form");
  for (const label of form.all("label")) {
    const [input] = [...label.all("input"), ...label.all("select"), ...label.all("textarea")];
    const [title] = label.children;
    const name = (title.textContent ?? title).replace(/ \*$/, "");
    if (name in values) input.typed = values[name];
  }
  form.listeners.input();
  const before = requests.length;
  await form.listeners.submit({ preventDefault() {} });
  assert.equal(requests.length, before + 1);
  return { sent: requests.at(-1), shown: form.textContent };
};

let tried = await attempt("postFeatures", { db: "quakes", Body: '{"type":"Feature","id":"it\'s.","geometry":null}' });
assert.match(tried.shown, /201 Created/);
assert.ok(tried.shown.includes(`curl -i -X POST '${base}/api/v1/databases/quakes/features' -H 'Content-Type: application/geo+json'`));
assert.ok(tried.shown.includes(`"it'\\''s."`));
tried = await attempt("getFeature", { db: "quakes", id: "it's." });
assert.match(tried.shown, /200 OK/);
tried = await attempt("getFeatures", { db: "quakes", filters: "prop.mag=gte:6\nprop.mag=lt:9.5", limit: "1" });
assert.equal(tried.sent.path, "/api/v1/databases/quakes/features?limit=1&prop.mag=gte%3A6&prop.mag=lt%3A9.5");
assert.match(tried.shown, /"numberReturned": 1/);
tried = await attempt("getFeature", { db: "quakes", id: ".." });
assert.ok(tried.sent.path.endsWith("/features/%2E%2E"));
const [credential] = parts.main.all("input").filter((input) => input.attributes.type === "password");
credential.typed = "secret";
tried = await attempt("getFeature", { db: "quakes", id: "it's." });
assert.equal(tried.sent.headers.Authorization, "Bearer secret");
assert.ok(tried.shown.includes('"Authorization: Bearer $KEY"') && !tried.shown.includes("secret"));
tried = await attempt("getJournalStream", { db: "quakes", since: "0" });
assert.match(tried.shown, /event: journal_event\ndata: \{"after":0,/);
console.log(`${operations.length} calls, ${opened} parts opened, 5 requests tried`);
