// The page at /live: follows the journal of a database by server-sent events, draws the features that are
// written on a map, and lists the last entries.
"use strict";

const base = document.currentScript.dataset.base;
const part = (id) => document.getElementById(id);
const [map, features, entries] = ["map", "features", "entries"].map(part);

// Shapes on the map, rows in the list, and blocks that are shown of what was there before.
const mostShapes = 2000;
const mostRows = 20;
const before = 200;
const again = 2000;

let source = null;
let last = 0;
let shapes = new Map();
const counts = {};

// Who asks. An event source sets no header fields, and takes it in its address, which nobody sees.
const credential = () => part("credential").value.trim();
const ask = (path, options = {}) =>
  fetch(path, { ...options, headers: credential() ? { authorization: `Bearer ${credential()}` } : {} });
const api = (path) => `${base}/api/v1/databases${path}`;
const say = (text) => { part("state").textContent = text; };
const element = (name, text) => {
  const made = document.createElement(name);
  made.textContent = text;
  return made;
};

/* The map: longitude to the right, latitude upwards. */

const drawing = (name, attributes) => {
  const made = document.createElementNS("http://www.w3.org/2000/svg", name);
  for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
  return made;
};
const line = (positions, end) => `M${positions.map(([lon, lat]) => `${lon} ${-lat}`).join("L")}${end}`;
const point = ([lon, lat]) => drawing("circle", { cx: lon, cy: -lat, r: radius() });
const path = (lines, kind) => drawing("path", { d: lines.join(""), class: kind });

const draw = ({ type, coordinates, geometries }) => {
  switch (type) {
    case "Point": return [point(coordinates)];
    case "MultiPoint": return coordinates.map(point);
    case "LineString": return [path([line(coordinates, "")], "line")];
    case "MultiLineString": return [path(coordinates.map((one) => line(one, "")), "line")];
    case "Polygon": return [path(coordinates.map((ring) => line(ring, "z")), "area")];
    case "MultiPolygon": return [path(coordinates.flat().map((ring) => line(ring, "z")), "area")];
    default: return (geometries || []).flatMap(draw);
  }
};

const view = { x: -180, y: -90, width: 360 };
const radius = () => view.width / 240;
const look = () => {
  map.setAttribute("viewBox", `${view.x} ${view.y} ${view.width} ${view.width / 2}`);
  for (const circle of features.querySelectorAll("circle")) circle.setAttribute("r", radius());
};
map.addEventListener("wheel", (event) => {
  event.preventDefault();
  const box = map.getBoundingClientRect();
  const [right, down] = [(event.clientX - box.left) / box.width, (event.clientY - box.top) / box.height];
  const width = Math.min(360, Math.max(0.01, view.width * (event.deltaY > 0 ? 1.25 : 0.8)));
  view.x += (view.width - width) * right;
  view.y += ((view.width - width) / 2) * down;
  view.width = width;
  look();
}, { passive: false });
map.addEventListener("pointermove", (event) => {
  if (event.buttons !== 1) return;
  const degrees = view.width / map.getBoundingClientRect().width;
  view.x -= event.movementX * degrees;
  view.y -= event.movementY * degrees;
  look();
});

const remove = (id) => {
  for (const shape of shapes.get(id) || []) shape.remove();
  shapes.delete(id);
};
const show = (id, geometry, label) => {
  remove(id);
  const drawn = geometry ? draw(geometry) : [];
  for (const shape of drawn) {
    const title = drawing("title", {});
    title.textContent = label;
    shape.append(title);
  }
  features.append(...drawn);
  shapes.set(id, drawn);
  if (shapes.size > mostShapes) remove(shapes.keys().next().value);
};

/* What comes */

const about = ({ feature_id, series_id, points, link, body = {} }) =>
  body.series_id || series_id || body.id || feature_id || (body.reverts && `block ${body.reverts}`) || link || "";

// A revert is the put or delete that it does.
const apply = (entry) => {
  const { op, body } = entry.op === "revert" ? entry.body || {} : entry;
  if (op === "put_feature" && entry.matched !== "before") {
    const { id, geometry, properties } = body || {};
    if (id !== undefined) show(id, geometry, `${id} ${JSON.stringify(properties)}`);
  } else if (op === "delete_feature" || entry.matched === "before") remove(about({ ...entry, body }));
};

const row = (entry) => {
  const made = document.createElement("tr");
  const source = entry.actor || entry.provenance?.agent || entry.provenance?.source || "";
  const texts = [entry.seq, entry.time.replace("T", " ").slice(0, 19), entry.op, about(entry), source];
  made.append(...texts.map((text) => element("td", String(text))));
  entries.prepend(made);
  if (entries.children.length > mostRows) entries.lastElementChild.remove();
};

const count = () => {
  const figures = {
    "blocks received": counts.received,
    "features shown": shapes.size,
    "last block": last,
    ...counts.operations,
  };
  part("counts").replaceChildren(...Object.entries(figures).flatMap(([name, figure]) =>
    [element("dt", name), element("dd", figure.toLocaleString("en"))]));
};

// Once a picture, however much comes.
let changed = [];
const take = (entry) => {
  if (changed.push(entry) === 1) requestAnimationFrame(() => {
    const all = changed;
    changed = [];
    all.forEach(apply);
    all.slice(-mostRows).forEach(row);
    count();
  });
  last = entry.seq;
  counts.received++;
  counts.operations[entry.op] = (counts.operations[entry.op] || 0) + 1;
};

/* Following */

// An event source does not tell why it was refused.
const why = async (url) => {
  const leave = new AbortController();
  try {
    const answer = await ask(url, { signal: leave.signal });
    return answer.ok ? { detail: "the connection was lost" } : await answer.json();
  } catch {
    return { detail: "the server cannot be reached" };
  } finally {
    leave.abort();
  }
};

const open = (db, filter) => {
  source?.close();
  const url = `${api(`/${encodeURIComponent(db)}/journal/stream`)}?since=${last}${filter && "&"}${filter}`;
  const mine = (source = new EventSource(url + (credential() && `&token=${encodeURIComponent(credential())}`)));
  mine.addEventListener("journal_event", ({ data }) => take(JSON.parse(data)));
  mine.addEventListener("live", () => say(`Following ${db}.`));
  mine.addEventListener("lagging", () => say(`Following ${db}; more comes than is shown.`));
  mine.addEventListener("waiting", () => say(`Waiting until ${db} is open.`));
  mine.addEventListener("begun", () => say(`Following ${db}.`));
  mine.addEventListener("closed", ({ data }) => say(`Not following ${db}: ${JSON.parse(data).reason}.`));
  mine.onopen = () => say(`Following ${db}.`);
  // The browser asks again by itself unless it was refused.
  mine.onerror = async () => {
    if (mine !== source || mine.readyState !== EventSource.CLOSED) return;
    const problem = await why(url);
    if (mine !== source) return;
    say(`Not following ${db}: ${problem.detail}. It is tried again.`);
    // A database of the same name that was made anew has other blocks.
    setTimeout(() => mine === source && (problem.pointer === "/since" ? follow() : open(db, filter)), again);
  };
};

const follow = async () => {
  const [db, filter] = [part("db").value, part("filter").value.trim()];
  if (!db) return say("There is no database yet.");
  history.replaceState(null, "", `?${new URLSearchParams({ db, filter })}`);
  for (const id of [...shapes.keys()]) remove(id);
  entries.replaceChildren();
  Object.assign(counts, { received: 0, operations: {} });
  const answer = await ask(api(`/${encodeURIComponent(db)}`));
  const info = await answer.json();
  if (!answer.ok) return say(info.detail);
  last = Math.max(0, info.durable_seq - before);
  count();
  open(db, filter);
};

// The databases that may be read; another one may be asked for with another credential.
const list = async (chosen) => {
  const answer = await ask(api(""));
  const told = await answer.json();
  part("db").replaceChildren(...(told.databases || []).map(({ id }) => {
    const option = element("option", id);
    option.selected = id === chosen;
    return option;
  }));
  if (!answer.ok) say(told.detail);
  return answer.ok;
};

const start = async () => {
  const asked = new URLSearchParams(location.search);
  part("filter").value = asked.get("filter") || "";
  part("what").addEventListener("submit", async (event) => {
    event.preventDefault();
    const chosen = part("db").value || asked.get("db");
    if (await list(chosen)) await follow();
  });
  if (await list(asked.get("db"))) await follow();
};

start().catch((error) => say(`The server cannot be asked: ${error.message}`));
