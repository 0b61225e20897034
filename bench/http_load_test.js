// Load test of the HTTP API, for k6:
//
//   k6 run bench/http_load_test.js
//   k6 run -e BASE_URL=https://db.example -e TOKEN=... -e SCENARIO=mix bench/http_load_test.js
//
// It makes a database of its own, which it purges at the end, with a data set in which every right
// answer is known (load/world.js), and checks what every answer says. Two scenarios, one after
// the other, and one beside the first:
//
//   mix    USERS users come over RAMP and stay for HOLD. Each waits 100 ms on average between
//          requests: 60 % read, 30 % insert, 10 % aggregate (load/requests.js).
//   listen LISTENERS clients follow the database over WebSockets while `mix` runs, and hold each event
//          against the rule that it names the one before it.
//   rate   the same requests at the RATES, a step each, whether answers come or not. Finds the
//          highest rate at which 95 % of the answers take less than 10 ms.
//
// Environment, or -e:
//
//   BASE_URL      http://127.0.0.1:4000
//   TOKEN         none; sent as `Authorization: Bearer`. Its scope is admin:k6-* (it makes a database and purges it)
//   SCENARIO      all; mix or rate alone
//   USERS         100; in `rate` the most requests that are under way at once
//   LISTENERS     10; 0: nobody listens
//   RAMP, HOLD    5m and 2m
//   RATES         500,1000,1500,2000,2500,3000,4000; requests a second, rising
//   STEP          10s; how long each rate is held, after 2 s (RISE) to come to it
//   BENCH_QUICK   not empty: other defaults, with which all of it takes half a minute
//   BENCH_JSON    none; a file to write the figures to
//
// k6 is on the PATH or, after `bin/setup --tools`, .tools/k6/bin/k6. It ends with 99 when an
// answer was wrong or an error, or when of `mix` p95 is not below 500 ms or p99 not below
// 1000 ms; with 107 when the database could not be made. All other bounds are only reported.
//
// k6 takes a good part of a processor itself: on the server's own machine the figures are those
// of both together. GOGC=400 in its environment lets it collect garbage less.

import { check, sleep } from 'k6';
import exec from 'k6/execution';
import http from 'k6/http';
import { WebSocket } from 'k6/experimental/websockets';
import { Counter, Trend } from 'k6/metrics';
import { report } from './load/report.js';
import { KINDS, next } from './load/requests.js';
import * as world from './load/world.js';

const quick = Boolean(__ENV.BENCH_QUICK);
const setting = (name, usual, whenQuick) => __ENV[name] || (quick ? whenQuick : usual);

// Seconds of a duration such as 90s, 1m30s or 2h.
function seconds(name, usual, whenQuick) {
  const text = setting(name, usual, whenQuick);
  const units = { h: 3600, m: 60, s: 1 };
  const parts = text.match(/^(\d+[hms])+$/) && text.match(/\d+[hms]/g);
  if (!parts) throw new Error(`${name} is ${text}; expected a duration such as 90s or 1m30s`);
  return parts.reduce((sum, part) => sum + parseInt(part, 10) * units[part.slice(-1)], 0);
}

function wholes(name, usual, whenQuick, least = 1) {
  const text = setting(name, usual, whenQuick);
  const numbers = text.split(',').map(Number);
  if (!numbers.every((n) => Number.isInteger(n) && n >= least))
    throw new Error(`${name} is ${text}; expected whole numbers from ${least} on`);
  return numbers;
}

const plan = {
  quick,
  base: setting('BASE_URL', 'http://127.0.0.1:4000', 'http://127.0.0.1:4000').replace(/\/+$/, ''),
  scenario: setting('SCENARIO', 'all', 'all'),
  users: wholes('USERS', '100', '20')[0],
  listeners: wholes('LISTENERS', '10', '5', 0)[0],
  ramp: seconds('RAMP', '5m', '3s'),
  hold: seconds('HOLD', '2m', '4s'),
  rates: wholes('RATES', '500,1000,1500,2000,2500,3000,4000', '500'),
  rise: seconds('RISE', '2s', '1s'),
  step: seconds('STEP', '10s', '3s'),
};
if (!['all', 'mix', 'rate'].includes(plan.scenario))
  throw new Error(`SCENARIO is ${plan.scenario}; expected all, mix or rate`);
const mixes = plan.scenario !== 'rate';

const scenarios = {};
if (mixes)
  scenarios.mix = {
    executor: 'ramping-vus',
    exec: 'mix',
    startVUs: 0,
    stages: [
      { duration: `${plan.ramp}s`, target: plan.users },
      { duration: `${plan.hold}s`, target: plan.users },
    ],
    gracefulRampDown: '5s',
    gracefulStop: '5s',
  };
// Until the last requests of `mix` are answered, too.
const listening = plan.ramp + plan.hold + 4;
if (mixes && plan.listeners > 0)
  scenarios.listen = {
    executor: 'per-vu-iterations',
    exec: 'listen',
    vus: plan.listeners,
    iterations: 1,
    maxDuration: `${listening + 20}s`,
    gracefulStop: '5s',
  };
if (plan.scenario !== 'mix')
  scenarios.rate = {
    executor: 'ramping-arrival-rate',
    exec: 'rate',
    startTime: mixes ? `${plan.ramp + plan.hold + 5}s` : '0s',
    startRate: 0,
    timeUnit: '1s',
    stages: plan.rates.flatMap((target) => [
      { duration: `${plan.rise}s`, target },
      { duration: `${plan.step}s`, target },
    ]),
    preAllocatedVUs: plan.users,
    gracefulStop: '5s',
  };

export const options = {
  scenarios,
  thresholds: {
    checks: ['rate==1'],
    http_req_failed: ['rate==0'],
    ...(mixes ? { 'http_req_duration{scenario:mix}': ['p(95)<500', 'p(99)<1000'] } : {}),
  },
  summaryTrendStats: ['count', 'min', 'med', 'p(95)', 'p(99)', 'max'],
  setupTimeout: '120s',
  teardownTimeout: '60s',
};

// Milliseconds from the first byte sent to the last one received: of each kind of request in
// `mix`, and of each step of `rate`.
const ofKind = Object.fromEntries(KINDS.map((kind) => [kind, new Trend(`mix_${kind}`, true)]));
const ofStep = plan.rates.map((rate) => new Trend(`rate_${rate}`, true));
// Requests of `mix` once all users are there.
const held = new Counter('mix_held');
// Events that all who listen had, and gaps among them.
const heard = new Counter('heard');
// Of the server's cache of answers, from after the data set was written to the end.
const cacheHits = new Counter('cache_hits');
const cacheMisses = new Counter('cache_misses');

const headers = { 'Content-Type': 'application/json' };
if (__ENV.TOKEN) headers.Authorization = `Bearer ${__ENV.TOKEN}`;

function send(method, path, body, tags) {
  return http.request(method, plan.base + path, body && JSON.stringify(body), { headers, tags });
}

export function setup() {
  const name = `k6-${Date.now()}-${Math.floor(Math.random() * 1e6)}`;
  const db = `/api/v1/databases/${name}`;
  const call = (method, path, body, expected) => {
    const response = send(method, path, body, { name: 'setup' });
    if (response.status !== expected)
      throw new Error(`${method} ${plan.base}${path}: found ${response.status} ${response.error}${response.body}, expected ${expected}`);
    return response.json();
  };

  call('POST', '/api/v1/databases', { name }, 201);
  try {
    for (let first = 0; first < world.FEATURES; first += 1000) {
      const length = Math.min(1000, world.FEATURES - first);
      const features = Array.from({ length }, (_, i) => world.place(first + i));
      call('POST', `${db}/features`, { type: 'FeatureCollection', features }, 201);
    }
    const minutes = Array.from({ length: world.MINUTES }, (_, minute) => minute);
    for (let n = 0; n < world.SERIES; n++) {
      const values = minutes.map((minute) => world.value(n, minute));
      call('POST', `${db}/timeseries`, { series_id: `sensor-${n}`, timestamps: minutes.map(world.micros), values }, 201);
    }
    const { features, points } = call('GET', db, null, 200);
    if (features !== world.FEATURES || points !== world.SERIES * world.MINUTES)
      throw new Error(`found ${features} features and ${points} points after writing ${world.FEATURES} and ${world.SERIES * world.MINUTES}`);
    return { name, db, cache: cacheFigures(name) };
  } catch (error) {
    send('DELETE', `${db}?purge=true`);
    throw error;
  }
}

export function teardown({ name, db, cache }) {
  const now = cacheFigures(name);
  if (cache && now) {
    cacheHits.add(now.hits - cache.hits);
    cacheMisses.add(now.misses - cache.misses);
  }
  const response = send('DELETE', `${db}?purge=true`, null, { name: 'teardown' });
  check(response, { 'the database is purged': ({ status }) => status === 200 });
}

// Null where the server shows its metrics to nobody who comes this way.
function cacheFigures(name) {
  const response = http.get(`${plan.base}/metrics`, {
    headers, tags: { name: 'metrics' }, responseCallback: http.expectedStatuses({ min: 200, max: 499 }),
  });
  const counter = (what) => {
    const line = new RegExp(`^formdb_database_query_cache_${what}_total\\{database="${name}"\\} (\\S+)$`, 'm').exec(response.body);
    return line && Number(line[1]);
  };
  const [hits, misses] = [counter('hits'), counter('misses')];
  return hits === null || misses === null ? null : { hits, misses };
}

const elapsed = () => (Date.now() - exec.scenario.startTime) / 1000;

// One request of this user's, and what it took. A few wrong answers of each user are told.
let told = 0;
function ask(db, tags) {
  const { kind, method, path, body, status, fault } = next(db);
  const response = send(method, path, body, { name: kind, ...tags });
  const wrong = response.status === status
    ? faultOf(fault, response)
    : `found status ${response.status} ${response.error}, expected ${status}: ${response.body}`;
  check(response, { [`${kind}: the right answer`]: () => wrong === null }, tags);
  if (wrong !== null && told++ < 3) console.error(`${method} ${path}: ${wrong}`);
  return { kind, took: response.timings.duration };
}

function faultOf(fault, response) {
  try {
    return fault(response.json(), response);
  } catch (error) {
    return `the answer has not the form expected (${error}): ${response.body}`;
  }
}

export function mix({ db }) {
  if (elapsed() >= plan.ramp) held.add(1);
  const { kind, took } = ask(db, {});
  ofKind[kind].add(took);
  // People come independently of each other: times between requests are exponential.
  sleep(-Math.log(1 - Math.random()) * 0.1);
}

export function listen({ name }) {
  const topic = `journal:${name}`;
  const socket = new WebSocket(`${plan.base.replace(/^http/, 'ws')}/socket/websocket?vsn=2.0.0`, null, { headers });
  const say = (...message) => socket.send(JSON.stringify(message));
  let last = null;
  let wrong = null;
  let beating;
  const note = (what) => { wrong = wrong || what; };
  socket.onopen = () => {
    say('1', '1', topic, 'phx_join', {});
    beating = setInterval(() => say(null, 'h', 'phoenix', 'heartbeat', {}), 25000);
    setTimeout(() => socket.close(), listening * 1000);
  };
  // Of an event the first two numbers are enough, which is less work than all of it.
  socket.onmessage = ({ data }) => {
    const event = /"journal_event",\{"after":(\d+),"matched":"\w+","seq":(\d+)/.exec(data);
    if (event) {
      if (Number(event[1]) !== last) note(`after ${last} came ${event[2]}, which is said to be after ${event[1]}`);
      last = Number(event[2]);
      heard.add(1);
    } else if (last === null) {
      const [, , , , { status, response }] = JSON.parse(data);
      if (status !== 'ok') note(`the join is answered ${data}`);
      last = response.seq;
    }
  };
  socket.onerror = ({ error }) => note(`the socket failed: ${error}`);
  // It is this one that ends it.
  let done = false;
  setTimeout(() => { done = true; }, listening * 1000);
  socket.onclose = () => {
    clearInterval(beating);
    if (!done) note('the socket was closed');
    if (last === null) note('it was never joined');
    check(wrong, { 'listening: every event after the one before': (fault) => fault === null });
    if (wrong) console.error(`listening: ${wrong}`);
  };
}

export function rate({ db }) {
  const at = elapsed();
  const length = plan.rise + plan.step;
  const step = Math.min(Math.floor(at / length), plan.rates.length - 1);
  const { took } = ask(db, { step: String(plan.rates[step]) });
  if (at - step * length >= plan.rise) ofStep[step].add(took);
}

export function handleSummary(data) {
  const { text, record } = report(plan, KINDS, data);
  const files = { stdout: text };
  if (__ENV.BENCH_JSON) files[__ENV.BENCH_JSON] = `${JSON.stringify(record, null, 2)}\n`;
  return files;
}
