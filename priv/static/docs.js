"use strict";
// The page of the API, made of openapi.json: what each call takes and gives, and a form to try it.
// Text becomes text nodes and nothing else, so what the server says is never taken for HTML.

const source = document.currentScript.dataset.document;
// Longer answers are cut on the page; the whole went over the wire.
const SHOWN_CHARACTERS = 100000;
const FIRST_SECONDS = 3;

function element(name, properties = {}, ...children) {
  const made = document.createElement(name);
  for (const [key, value] of Object.entries(properties)) {
    if (key === "class") made.className = value;
    else if (key.startsWith("on")) made.addEventListener(key.slice(2), value);
    else if (value !== undefined && value !== false) made.setAttribute(key, value === true ? "" : value);
  }
  made.append(...children.flat(Infinity).filter((child) => child !== null && child !== undefined));
  return made;
}

const code = (text) => element("code", {}, text);

fetch(source)
  .then((answer) => {
    if (!answer.ok) throw new Error(`${source} was answered ${answer.status}`);
    return answer.json();
  })
  .then(show)
  .catch((problem) => document.getElementById("main").append(element("p", { class: "needed" }, String(problem))));

// For servers that ask for one. It is kept nowhere but here, and goes with the page.
const credential = element("input", { type: "password", autocomplete: "off", placeholder: "API key or token" });

function show(api) {
  const main = document.getElementById("main");
  const contents = document.getElementById("contents");
  main.append(
    element("p", { class: "note" }, `Version ${api.info.version}. For programs: `, element("a", { href: source }, "openapi.json"), "."),
    ...paragraphs(api.info.description),
    element("p", {}, element("label", {}, "Where the server asks for a credential, send this one: ", credential)));
  for (const { name } of api.tags) {
    contents.append(element("strong", {}, name));
    main.append(element("h2", {}, name));
    for (const [path, methods] of Object.entries(api.paths)) {
      for (const [method, operation] of Object.entries(methods)) {
        if (!operation.tags.includes(name)) continue;
        const verb = method.toUpperCase();
        contents.append(element("a", { href: "#" + operation.operationId, title: operation.summary },
          element("span", { class: "method" }, verb), path.replace("/api/v1/databases", "…")));
        main.append(section(api, path, verb, operation));
      }
    }
  }
  if (location.hash) document.getElementById(location.hash.slice(1))?.scrollIntoView();
}

// `words` in backquotes are code.
function paragraphs(text) {
  return text ? text.trim().split("\n\n").map((paragraph) => element("p", {}, inline(paragraph))) : [];
}

function inline(text) {
  return text.split("`").map((part, i) => (i % 2 ? code(part) : part));
}

function resolve(api, term) {
  if (!term.$ref) return term;
  return term.$ref.slice(2).split("/").reduce((found, step) => found[step], api);
}

function section(api, path, verb, operation) {
  const form = element("details", { ontoggle: once(() => form.append(attempt(api, path, verb, operation))) },
    element("summary", {}, "Try it"));
  return element("section", { id: operation.operationId },
    element("h3", {}, element("span", { class: "method" }, verb), code(path)),
    element("p", {}, operation.summary),
    ...paragraphs(operation.description),
    parameters(api, operation.parameters || []),
    body(api, operation.requestBody),
    answers(api, operation.responses),
    form);
}

function once(act) {
  let done = false;
  return () => {
    if (!done) act();
    done = true;
  };
}

function parameters(api, list) {
  if (list.length === 0) return null;
  const rows = list.map((parameter) => element("tr", {},
    element("td", {}, code(parameter.name), parameter.required ? element("span", { class: "needed" }, " required") : null),
    element("td", {}, parameter.in),
    element("td", {}, inline(parameter.description), " ", schema(api, shape(parameter), true))));
  return [element("h4", {}, "Parameters"),
    element("table", {}, element("tr", {}, ...["Name", "In", ""].map((title) => element("th", {}, title))), rows)];
}

// What a parameter may be; one that is JSON says so as a body does.
function shape(parameter) {
  return parameter.schema ?? Object.values(parameter.content)[0].schema;
}

function body(api, body) {
  if (!body) return null;
  return [element("h4", {}, body.required ? "Body" : "Body, which may be left out"), media(api, body.content)];
}

function media(api, content) {
  const types = Object.keys(content || {});
  if (types.length === 0) return [element("span", { class: "note" }, "No body.")];
  const schemas = [...new Set(types.map((type) => JSON.stringify(content[type].schema)))];
  return schemas.map((text) => element("div", {},
    types.filter((type) => JSON.stringify(content[type].schema) === text).map((type) => [code(type), " "]),
    schema(api, JSON.parse(text))));
}

function answers(api, responses) {
  const rows = Object.entries(responses).map(([status, response]) => {
    const whole = resolve(api, response);
    const fields = Object.keys(whole.headers || {});
    return element("tr", {},
      element("td", {}, code(status)),
      element("td", {}, whole.description, element("br"), element("span", { class: "note" }, fields.join(", "))),
      element("td", {}, media(api, whole.content)));
  });
  const good = rows.filter((_, i) => Object.keys(responses)[i] < "400");
  const bad = rows.filter((_, i) => Object.keys(responses)[i] >= "400");
  return [element("h4", {}, "Answers"), element("table", {}, good),
    element("details", {}, element("summary", {}, "Errors"), element("table", {}, bad))];
}

// A schema in words. What has a name is opened when it is asked for: some hold themselves.
function schema(api, term, brief = false) {
  if (term.$ref) {
    const name = term.$ref.split("/").pop();
    const target = resolve(api, term);
    if (brief && !target.properties && !target.anyOf && !target.oneOf) return schema(api, target, true);
    const opened = element("details", { ontoggle: once(() => opened.append(schema(api, target))) },
      element("summary", {}, name));
    return opened;
  }
  const choices = term.anyOf || term.oneOf;
  const parts = [element("span", { class: "note" }, words(term))];
  if (term.description && !brief) parts.push(" ", ...inline(term.description));
  if (choices) parts.push(element("ul", { class: "members" }, choices.map((one) => element("li", {}, schema(api, one)))));
  if (term.properties) {
    parts.push(element("ul", { class: "members" }, Object.entries(term.properties).map(([name, member]) =>
      element("li", {}, code(name), (term.required || []).includes(name) ? element("span", { class: "needed" }, " always") : null,
        " ", schema(api, member)))));
  }
  for (const [word, inner] of [["each: ", term.items], ["others: ", term.additionalProperties]]) {
    if (inner && typeof inner === "object") parts.push(element("div", {}, word, schema(api, inner)));
  }
  return element("span", {}, parts);
}

function words(term) {
  const said = [];
  if ("const" in term) said.push(JSON.stringify(term.const));
  else if (term.enum) said.push(term.enum.map((value) => JSON.stringify(value)).join(", "));
  else if (term.type) said.push(term.type);
  else if (term.anyOf || term.oneOf) said.push("one of");
  if (term.format) said.push(`as ${term.format}`);
  if (term.pattern) said.push(`as ${term.pattern}`);
  for (const [key, word] of [["minimum", "from"], ["maximum", "to"], ["minLength", "at least"], ["maxLength", "at most"],
    ["minItems", "at least"], ["maxItems", "at most"]]) {
    if (term[key] !== undefined) said.push(`${word} ${term[key]}`);
  }
  if (term.default !== undefined) said.push(`unless given ${JSON.stringify(term.default)}`);
  if (term.examples) said.push(`e.g. ${JSON.stringify(term.examples[0])}`);
  return said.join(", ");
}

// A request to try: fields, the same as a line of curl, and what is answered.
function attempt(api, path, verb, operation) {
  const base = api.servers[0].url.replace(/\/$/, "");
  const fields = (operation.parameters || []).map((parameter) => ({ parameter, input: field(api, parameter) }));
  const content = operation.requestBody ? Object.entries(operation.requestBody.content) : [];
  const type = element("select", {}, content.map(([name]) => element("option", {}, name)));
  const text = element("textarea", { spellcheck: "false" }, content.length ? example(api, content[0][1].schema) : "");
  const line = element("pre");
  const result = element("div", { "aria-live": "polite" });

  const request = () => {
    let filled = path;
    const query = [];
    const headers = {};
    for (const { parameter, input } of fields) {
      const value = input.value;
      if (parameter.in === "path") filled = filled.replace(`{${parameter.name}}`, segment(value));
      else if (value === "") continue;
      else if (parameter.in === "header") headers[parameter.name] = value;
      else if (parameter.explode) query.push(...filters(value));
      else query.push([parameter.name, value]);
    }
    const sent = content.length && text.value !== "" ? text.value : undefined;
    if (sent !== undefined) headers["Content-Type"] = type.value;
    if (credential.value !== "" && operation.security.length) headers.Authorization = `Bearer ${credential.value}`;
    const asked = query.map(([name, value]) => `${encodeURIComponent(name)}=${encodeURIComponent(value)}`).join("&");
    return { url: base + filled + (asked ? "?" + asked : ""), headers, sent };
  };

  const update = () => {
    const { url, headers, sent } = request();
    const parts = ["curl", "-i"];
    if (verb !== "GET") parts.push("-X", verb);
    parts.push(quote(location.origin + url));
    for (const [name, value] of Object.entries(headers)) {
      // Not shown: others may see the page, and a shell keeps its lines.
      parts.push("-H", name === "Authorization" ? '"Authorization: Bearer $KEY"' : quote(`${name}: ${value}`));
    }
    if (sent !== undefined) parts.push("--data-binary", quote(sent));
    line.textContent = parts.join(" ");
  };

  const send = async (event) => {
    event.preventDefault();
    const { url, headers, sent } = request();
    result.replaceChildren(element("p", { class: "note" }, "…"));
    const began = performance.now();
    try {
      const leave = new AbortController();
      const answer = await fetch(url, { method: verb, headers, body: sent, signal: leave.signal });
      const events = (answer.headers.get("content-type") || "").startsWith("text/event-stream");
      const given = events ? await beginning(answer.body.getReader(), leave) : await answer.text();
      const took = Math.round(performance.now() - began);
      const named = [...answer.headers].map(([name, value]) => `${name}: ${value}`).join("\n");
      result.replaceChildren(element("h4", {}, `${answer.status} ${answer.statusText} (${took} ms)`),
        element("pre", {}, named), element("pre", {}, pretty(given, answer.headers.get("content-type") || "")));
    } catch (problem) {
      result.replaceChildren(element("p", { class: "needed" }, String(problem)));
    }
  };

  const form = element("form", { onsubmit: send, oninput: update },
    fields.map(({ parameter, input }) => element("label", {},
      element("span", {}, code(parameter.name), parameter.required ? element("span", { class: "needed" }, " *") : null), input)),
    content.length ? element("label", {}, code("Content-Type"), type) : null,
    content.length ? element("label", {}, "Body", text) : null,
    element("button", {}, "Send"), element("h4", {}, "As a command"), line, result);
  update();
  return form;
}

// What comes in the first seconds of an answer that has no end.
async function beginning(reader, leave) {
  const decoder = new TextDecoder();
  let text = "";
  setTimeout(() => leave.abort(), FIRST_SECONDS * 1000);
  try {
    for (let read; !(read = await reader.read()).done;) text += decoder.decode(read.value, { stream: true });
  } catch {
    text += "…";
  }
  return text;
}

// The dots of a path would be taken out by the browser.
function segment(value) {
  if (value === "." || value === "..") return value.replaceAll(".", "%2E");
  return encodeURIComponent(value).replaceAll("*", "%2A");
}

// One filter a line, as it would stand in the query string.
function filters(text) {
  return text.split("\n").filter((line) => line.includes("=")).map((line) => {
    const at = line.indexOf("=");
    return [line.slice(0, at), line.slice(at + 1)];
  });
}

function field(api, parameter) {
  const target = resolve(api, shape(parameter));
  if (parameter.explode) return element("textarea", { placeholder: "prop.mag=gte:5" });
  const fixed = "const" in target ? [target.const] : null;
  const values = target.enum || fixed || (target.type === "boolean" ? [true, false] : null);
  if (values) {
    return element("select", {}, parameter.required ? null : element("option", {}, ""),
      values.map((value) => element("option", {}, String(value))));
  }
  const suggested = parameter.example ?? target.examples?.[0];
  const needed = parameter.required && suggested !== undefined;
  return element("input", { value: needed ? String(suggested) : undefined, required: parameter.required,
    placeholder: suggested === undefined ? undefined : String(suggested) });
}

// The first example in a schema, or in one that it refers to.
function example(api, term, depth = 0) {
  const target = resolve(api, term);
  if (target.examples) {
    const [first] = target.examples;
    return typeof first === "string" ? first : JSON.stringify(first, null, 2);
  }
  if (depth > 4) return "";
  for (const one of target.anyOf || target.oneOf || []) {
    const found = example(api, one, depth + 1);
    if (found) return found;
  }
  return "";
}

function pretty(text, type) {
  let shown = text;
  if (/json/.test(type)) {
    try {
      shown = JSON.stringify(JSON.parse(text), null, 2);
    } catch {
      // As it came.
    }
  }
  return shown.length > SHOWN_CHARACTERS ? shown.slice(0, SHOWN_CHARACTERS) + "\n…" : shown;
}

function quote(text) {
  return "'" + text.replaceAll("'", "'\\''") + "'";
}
