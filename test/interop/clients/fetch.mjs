// Node's fetch, with its defaults.
const [url, name] = process.argv.slice(2);
const origin = new URL(url).origin;
const api = url.replace(/\/$/, "") + "/api/v1/databases";
let passed = 0;

function check(what, found, expected) {
  const [a, b] = [JSON.stringify(found), JSON.stringify(expected)];
  if (a !== b) {
    console.error(`${what}: found ${a}, expected ${b}`);
    process.exit(1);
  }
  passed += 1;
}

const point = (id, lon = 1, lat = 2, properties = {}) => ({
  type: "Feature",
  id,
  geometry: { type: "Point", coordinates: [lon, lat] },
  properties,
});

async function call(method, path, body, headers = {}) {
  const options = { method, headers };
  if (body !== undefined) {
    options.body = JSON.stringify(body);
    options.headers = { "content-type": "application/json", ...headers };
  }
  const answer = await fetch(path, options);
  const text = await answer.text();
  const json = (answer.headers.get("content-type") ?? "").includes("json") && text !== "";
  return { status: answer.status, headers: answer.headers, body: json ? JSON.parse(text) : text };
}

let answer = await call("POST", api, { name });
check("create", answer.status, 201);
const db = origin + answer.headers.get("location");
const features = Array.from({ length: 80 }, (_, n) => point(`f${n}`, n, n));
answer = await call("POST", `${db}/features`, { type: "FeatureCollection", features });
check("collection", [answer.status, answer.body.inserted], [201, 80]);
const points = Array.from({ length: 1000 }, (_, n) => ({ series_id: "s", timestamp: n, value: n }));
check("points", (await call("POST", `${db}/timeseries`, { points })).body.inserted, 1000);

const seen = new Set();
let next = `${db}/features?bbox=0,0,49.5,49.5&limit=20`;
while (next) {
  answer = await call("GET", next);
  answer.body.features.forEach((feature) => seen.add(feature.id));
  next = answer.body.links.length ? origin + answer.body.links[0].href : undefined;
}
check("pages", seen.size, 50);

const tag = (await call("GET", `${db}/features/f1`)).headers.get("etag");
// fetch gives a 304 on to those who ask for it themselves.
check("known", (await call("GET", `${db}/features/f1`, undefined, { "if-none-match": tag })).status, 304);
answer = await call("PUT", `${db}/features/f1`, point("f1", 1, 2, { mag: 1 }));
const match = { "if-match": `"${answer.body.hash}"` };
check("if match", (await call("PUT", `${db}/features/f1`, point("f1"), match)).status, 200);
check("no match", (await call("PUT", `${db}/features/f1`, point("f1"), match)).status, 412);

for (const id of ["a/b", "100%", "%2F", "a b+c?d#e", "ü😀"]) {
  answer = await call("POST", `${db}/features`, point(id));
  check(`id ${id}`, answer.body.feature_id, id);
  check(`id ${id}`, (await call("GET", origin + answer.headers.get("location"))).body.id, id);
  check(`id ${id}`, (await call("DELETE", `${db}/features/${encodeURIComponent(id)}`)).status, 200);
}
// The URL Standard takes these out of the path: it is not the feature that is deleted.
for (const id of [".", ".."]) {
  check(`id ${id}`, (await call("POST", `${db}/features`, point(id))).body.code, "invalid_id");
}
for (const id of ["bbox", "within", "heatmap"]) {
  check(`id ${id}`, (await call("POST", `${db}/features`, point(id))).body.code, "invalid_id");
}
const star = { series_id: "a*", timestamp: 1, value: 1 };
check("a star", (await call("POST", `${db}/timeseries`, star)).body.code, "invalid_id");

answer = await call("HEAD", `${db}/features/f2`);
check("head", [answer.status, answer.body], [200, ""]);
const large = point("large", 1, 2, { text: "x".repeat(3_000_000) });
check("large", (await call("PUT", `${db}/features/large`, large)).status, 201);
check("large", (await call("GET", `${db}/features/large`)).body.properties.text.length, 3_000_000);

// As a page of another site would send it.
const foreign = { origin: "https://other.example", "sec-fetch-site": "cross-site" };
answer = await call("POST", `${db}/features`, point("foreign"), foreign);
check("another site", [answer.status, answer.body.code], [403, "origin_not_allowed"]);

const many = await Promise.all(
  Array.from({ length: 50 }, (_, n) => call("GET", `${db}/features/f${n}`)),
);
check("at once", many.every((one, n) => one.body.id === `f${n}`), true);

const opened = [];
for (let n = 0; n < 3; n += 1) opened.push(await call("POST", `${db}/transactions`));
check("transactions", opened.map((one) => one.status), [201, 201, 503]);
check("again later", opened[2].headers.get("retry-after"), "1");
check("remove", (await call("DELETE", `${db}?purge=true`)).status, 200);

const huge = point("huge", 1, 2, { text: "x".repeat(9_000_000) });
const status = await call("POST", `${db}/features`, huge).then(
  (one) => one.status,
  () => 413,
);
check("too large", status, 413);
console.log(`${passed} passed, 0 failed`);
