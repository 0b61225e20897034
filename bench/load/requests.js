// What a user asks for, and what is wrong with an answer. Each request is
// `{kind, method, path, body, status, fault}`: `fault(answer, response)` is null for the right
// answer, else a sentence.

import exec from 'k6/execution';
import * as world from './world.js';

// Percent of all requests: 60 read, 30 insert, 10 aggregate.
const MIX = [
  [20, box],
  [10, nearby],
  [15, range],
  [15, byId],
  [15, insertFeature],
  [15, insertPoint],
  [5, aggregate],
  [3, figure],
  [2, count],
];

export const KINDS = MIX.map(([_, request]) => request.name);

/** The next request of this user, in a database at path `db`. */
export function next(db) {
  let left = Math.random() * 100;
  const [, request] = MIX.find(([share]) => (left -= share) < 0);
  const { path, ...rest } = request();
  return { kind: request.name, path: db + path, ...rest };
}

// The last of what this user wrote, some of which it reads again.
const KEPT = 8;
const written = { features: [], points: [], number: 0 };

function keep(list, item) {
  list.push(item);
  if (list.length > KEPT) list.shift();
}

const any = (list) => list[Math.floor(Math.random() * list.length)];
const get = (path, fault) => ({ method: 'GET', path, body: null, status: 200, fault });
const post = (path, body, fault) => ({ method: 'POST', path, body, status: 201, fault });
const series = (n, rest) => `/timeseries/sensor-${n}${rest}`;
const span = (from, to) => `start=${world.iso(world.micros(from))}&end=${world.iso(world.micros(to))}`;
const popularSeries = () => world.zipf(Math.random(), world.SERIES);

// Null when all are the same, else the first that is not.
function different(what, found, expected) {
  if (found.length !== expected.length)
    return `found ${found.length} ${what}, expected ${expected.length}`;
  const at = expected.findIndex((item, i) => found[i] !== item);
  return at < 0 ? null : `found ${found[at]} as number ${at} of ${what}, expected ${expected[at]}`;
}

function box() {
  const area = world.popularArea();
  return get(`/features?bbox=${area.box.join(',')}&limit=${world.PAGE}`, ({ features }) => {
    const [west, south, east, north] = area.box;
    const outside = features.find(({ geometry: { coordinates: [x, y] } }) =>
      x < west || x > east || y < south || y > north);
    if (outside) return `found ${outside.id} in the box ${area.box}, at ${outside.geometry.coordinates}`;
    // In the order they were written, so those that were there before the test come first.
    const ids = features.map(({ id }) => id);
    if (new Set(ids).size < ids.length) return `found a feature twice in the box ${area.box}`;
    const known = area.places.map((n) => `place-${n}`);
    return different(`features of the box ${area.box}`, ids.slice(0, known.length), known)
      || different('known features after new ones', ids.slice(known.length).filter((id) => id.startsWith('place-')), []);
  });
}

function nearby() {
  const { point, near } = world.popularArea();
  return get(`/features/nearby?point=${point.join(',')}&k=${world.NEAREST}`, ({ features }) => {
    if (features.length !== world.NEAREST)
      return `found ${features.length} features, expected the nearest ${world.NEAREST}`;
    let last = 0;
    for (const { id, distance, geometry } of features) {
      if (distance < last) return `found ${id} at ${distance} m after one at ${last} m`;
      const expected = world.metres(point, geometry.coordinates);
      if (Math.abs(distance - expected) > 0.01 * expected + 0.01)
        return `found ${id} at ${distance} m, expected about ${expected} m`;
      last = distance;
    }
    const ids = new Set(features.map(({ id }) => id));
    if (ids.size < features.length) return `found a feature twice near ${point}`;
    const missed = near.find(([n, distance]) => distance < 0.98 * last && !ids.has(`place-${n}`));
    return missed ? `place-${missed[0]}, ${missed[1]} m away, is missing before one at ${last} m` : null;
  });
}

function range() {
  if (written.points.length > 0 && Math.random() < 0.2) return readPoint(any(written.points));
  const n = popularSeries();
  const from = world.MINUTES - 60 - world.zipf(Math.random(), world.MINUTES - 60);
  const minutes = Array.from({ length: 60 }, (_, i) => from + i);
  return get(series(n, `?${span(from, from + 60)}`), ({ data }) =>
    different('timestamps', data.map((point) => point.timestamp), minutes.map((m) => world.iso(world.micros(m))))
    || different('values', data.map((point) => point.value), minutes.map((m) => world.value(n, m))));
}

function readPoint({ n, timestamp, value }) {
  return get(series(n, `?start=${timestamp}&end=${timestamp + 1}`), ({ data }) =>
    data.some((point) => point.timestamp === world.iso(timestamp) && point.value === value)
      ? null
      : `the point of sensor-${n} at ${world.iso(timestamp)} with ${value} is missing`);
}

function byId() {
  if (written.features.length > 0 && Math.random() < 0.25) {
    const { feature, hash } = any(written.features);
    return readFeature(feature, (response) =>
      different('entity tags', [response.headers.Etag], [`"${hash}"`]));
  }
  const n = world.popularPlace();
  return readFeature(world.place(n), (response) =>
    different('sequences', [response.headers['Formdb-Seq']], [String(n + 1)]));
}

function readFeature(expected, headerFault) {
  return get(`/features/${expected.id}`, (found, response) => {
    const facts = ({ id, geometry, properties, provenance }) =>
      [id, geometry.type, ...geometry.coordinates, properties.name, properties.kind, properties.level,
        provenance.source, provenance.agent];
    return different(`facts of ${expected.id}`, facts(found), facts(expected)) || headerFault(response);
  });
}

const isHash = (text) => /^[0-9a-f]{64}$/.test(text);

function insertFeature() {
  const number = written.number++;
  const id = `new-${exec.vu.idInTest}-${number}`;
  const feature = world.feature(id, number, world.somewhere());
  return post('/features', feature, ({ feature_id, seq, hash }) => {
    if (feature_id !== id || !(seq > world.FEATURES) || !isHash(hash))
      return `found feature_id ${feature_id}, seq ${seq} and hash ${hash} for ${id}`;
    keep(written.features, { feature, hash });
    return null;
  });
}

function insertPoint() {
  const n = popularSeries();
  // Users that write in the same millisecond differ in the microsecond.
  const timestamp = Date.now() * 1000 + (exec.vu.idInTest % 1000);
  const value = Math.floor(Math.random() * 800) / 8;
  const point = { series_id: `sensor-${n}`, timestamp, value };
  return post('/timeseries', point, ({ point_id, seq, hash }) => {
    if (!point_id || !(seq > world.FEATURES) || !isHash(hash))
      return `found point_id ${point_id}, seq ${seq} and hash ${hash}`;
    keep(written.points, { n, timestamp, value });
    return null;
  });
}

const AGGREGATIONS = {
  avg: (values) => AGGREGATIONS.sum(values) / values.length,
  sum: (values) => values.reduce((sum, value) => sum + value, 0),
  min: (values) => Math.min(...values),
  max: (values) => Math.max(...values),
  count: (values) => values.length,
  first: (values) => values[0],
};

// An aggregate of `buckets` buckets of so many minutes, the first from minute `from` on.
function aggregated(from, minutes, buckets, interval) {
  const n = popularSeries();
  const name = any(Object.keys(AGGREGATIONS));
  const path = `/aggregate?aggregation=${name}&${span(from, from + minutes * buckets)}${interval}`;
  return get(series(n, path), ({ data }) => {
    const starts = Array.from({ length: buckets }, (_, i) => from + i * minutes);
    const expected = starts.map((start) =>
      AGGREGATIONS[name](Array.from({ length: minutes }, (_, i) => world.value(n, start + i))));
    return different('buckets', data.map((bucket) => bucket.timestamp), starts.map((m) => world.iso(world.micros(m))))
      || different(`${name}s`, data.map((bucket) => bucket.value), expected);
  });
}

// Six hours by quarters of an hour, as a chart asks for them.
function aggregate() {
  return aggregated(world.MINUTES - 360 - 15 * world.zipf(Math.random(), 72), 15, 24, '&interval=15m');
}

// One figure over an hour.
function figure() {
  return aggregated(world.MINUTES - 60 - world.zipf(Math.random(), world.MINUTES - 60), 60, 1, '');
}

function count() {
  const area = world.popularArea();
  return get(`/features?bbox=${area.box.join(',')}&count=true`, ({ numberMatched }) =>
    numberMatched >= area.count ? null : `counted ${numberMatched}, expected ${area.count} at least`);
}
