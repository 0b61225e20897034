// The data set that the load test knows: every feature, series and value is a function of its
// number, so the test can say what an answer has to be without asking the server.
//
// Places lie around towns, of which few are large and most are small. What is popular follows
// Zipf's law: the n-th is asked for 1/n times as often as the first.

import { SharedArray } from 'k6/data';

export const FEATURES = 12000;
export const SERIES = 100;
// Of each series a day, a point a minute.
export const MINUTES = 1440;
// Features in a page of a box, and in an answer to `nearby`.
export const PAGE = 50;
export const NEAREST = 10;

const TOWNS = 40;
const AREAS = 300;
const DAY = Date.UTC(2025, 0, 1);
const KINDS = ['well', 'mast', 'gauge', 'shelter', 'spring'];
// Degrees from the middle of a town within which its places lie.
const SPREAD = 0.75;
// Degrees from the middle of an area within which its nearest places are looked for.
const NEAR = 0.1;

// A number in [0, 1) that depends on `n` and `salt` alone.
function fraction(n, salt) {
  let mixed = Math.imul(n + 1, 0x2545f491) ^ Math.imul(salt + 1, 0x5851f42d);
  mixed = Math.imul(mixed ^ (mixed >>> 15), 0x6c078965);
  mixed = Math.imul(mixed ^ (mixed >>> 13), 0x6c078965);
  mixed = Math.imul(mixed ^ (mixed >>> 16), 0x6c078965);
  return (mixed >>> 0) / 4294967296;
}

/** Of `0 <= u < 1` a rank from 0 to `n - 1`: rank r comes about 1/(r + 1) times as often as rank 0. */
export function zipf(u, n) {
  return Math.min(Math.floor(Math.pow(n + 1, u)), n) - 1;
}

const degrees = (x) => Math.round(x * 1e5) / 1e5;

// Around the middle of a town, denser towards it. `u` gives numbers in [0, 1).
function around(town, u) {
  const offset = (a, b, c) => ((u(a) + u(b) + u(c)) / 1.5 - 1) * SPREAD;
  return [
    degrees(fraction(town, 1) * 300 - 150 + offset(3, 4, 5)),
    degrees(fraction(town, 2) * 110 - 50 + offset(6, 7, 8)),
  ];
}

/** The position of place `n`: `[longitude, latitude]`. */
export function position(n) {
  return around(zipf(fraction(n, 9), TOWNS), (salt) => fraction(n, salt));
}

/** A position where people are, drawn anew at each call. */
export function somewhere() {
  return around(zipf(Math.random(), TOWNS), Math.random);
}

export function feature(id, n, coordinates) {
  return {
    type: 'Feature',
    id,
    geometry: { type: 'Point', coordinates },
    properties: { name: `Place ${n}`, kind: KINDS[n % KINDS.length], level: (n % 97) / 8 },
    provenance: { source: 'survey', agent: `team-${n % 7}` },
  };
}

/** Place `n` as it is written before the test begins. It is block `n + 1`. */
export function place(n) {
  return feature(`place-${n}`, n, position(n));
}

/** A place by its popularity; neighbours in rank are none on the map. */
export function popularPlace() {
  return (zipf(Math.random(), FEATURES) * 7919) % FEATURES;
}

// Multiples of 1/8, so that their sums are exact in doubles.
export function value(series, minute) {
  return 15 + (series % 20) + ((minute * 7 + series * 13) % 96) / 8;
}

/** The microseconds since 1970 of a minute of the day that the series have. */
export function micros(minute) {
  return (DAY + minute * 60000) * 1000;
}

/** A time in microseconds as the server writes it. */
export function iso(us) {
  const rest = String(us % 1000).padStart(3, '0');
  return new Date(Math.floor(us / 1000)).toISOString().replace('Z', `${rest}Z`);
}

/** Metres between two positions on a sphere: within 0.6 % of those on the ellipsoid. */
export function metres([x1, y1], [x2, y2]) {
  const radians = Math.PI / 180;
  const dy = Math.sin(((y2 - y1) * radians) / 2);
  const dx = Math.sin(((x2 - x1) * radians) / 2);
  const a = dy * dy + Math.cos(y1 * radians) * Math.cos(y2 * radians) * dx * dx;
  return 2 * 6371008.8 * Math.asin(Math.sqrt(a));
}

// Worked out once for all users. Of each area: its `box`; how many places are in it (`count`)
// and the first page of them (`places`); its middle `point`, and the places that are nearest to
// it, with their distances (`near`, at most NEAREST, none that is far).
export const areas = new SharedArray('areas', () => {
  const cells = new Map();
  const cell = (x, y) => `${Math.floor(x)},${Math.floor(y)}`;
  for (let n = 0; n < FEATURES; n++) {
    const [x, y] = position(n);
    const key = cell(x, y);
    if (!cells.has(key)) cells.set(key, []);
    cells.get(key).push([n, x, y]);
  }

  return Array.from({ length: AREAS }, (_, a) => {
    const point = around(zipf(fraction(a, 19), TOWNS), (salt) => fraction(a, salt + 20));
    const [x, y] = point;
    const half = 0.03 + 0.12 * fraction(a, 18);
    const box = [x - half, y - half, x + half, y + half].map(degrees);
    const candidates = [];
    for (const dx of [-1, 0, 1])
      for (const dy of [-1, 0, 1]) candidates.push(...(cells.get(cell(x + dx, y + dy)) || []));

    const inside = candidates
      .filter(([, px, py]) => px >= box[0] && py >= box[1] && px <= box[2] && py <= box[3])
      .map(([n]) => n)
      .sort((one, other) => one - other);
    const near = candidates
      .filter(([, px, py]) => Math.abs(px - x) < NEAR && Math.abs(py - y) < NEAR)
      .map(([n, px, py]) => [n, metres(point, [px, py])])
      .sort((one, other) => one[1] - other[1])
      .slice(0, NEAREST);
    return { box, count: inside.length, places: inside.slice(0, PAGE), point, near };
  });
});

export function popularArea() {
  return areas[zipf(Math.random(), AREAS)];
}
