// What a run came to: as text, and as the record that bench/support/report.exs writes of the other
// benchmarks. A figure's `target` is what is aimed at; the bounds that decide how k6 ends stand in
// its `note`.

const PERCENTILES = [['p50', 'med'], ['p95', 'p(95)'], ['p99', 'p(99)']];
// Milliseconds below which 95 % of the answers are to be.
const AIM = 10;
// Of a rate that was asked for, the part that has to be reached.
const REACHED = 0.97;

const CHECKED = 'every answer, against a data set in which all answers are known';

export function report(plan, kinds, data) {
  const metric = (name) => (data.metrics[name] ? data.metrics[name].values : null);
  const passed = Object.values(data.metrics).every(({ thresholds }) =>
    Object.values(thresholds || {}).every(({ ok }) => ok));
  const counts = (name, key) => (metric(name) || {})[key] || 0;
  const right = counts('checks', 'passes');
  const steps = plan.scenario === 'mix' ? [] : stepsOf(plan, metric);
  const figures = [
    ...figuresOfMix(plan, kinds, metric),
    ...figuresOfRates(steps),
    ...figuresOfListeners(plan, metric),
    ...figuresOfCache(metric),
    figure('all', 'wrong answers', counts('checks', 'fails'), '', 'lower', { target: 0, note: 'bound 0' }),
    // Of this metric k6 counts what did fail as "passes".
    figure('all', 'errors', counts('http_req_failed', 'passes'), '', 'lower', { target: 0, note: 'bound 0' }),
  ];
  const seconds = data.state.testRunDurationMs / 1000;
  const record = {
    benchmark: 'http_load',
    started: new Date(Date.now() - seconds * 1000).toISOString(),
    finished: true,
    passed,
    quick: plan.quick,
    rounds: 1,
    timed_by: 'k6',
    settings: plan,
    figures,
  };
  const heads = [
    `${plan.scenario} against ${plan.base}, ${plan.users} users, ${Math.round(seconds)} s`,
    `checked: ${CHECKED}: ${right} right`,
  ];
  const verdict = passed ? 'passed' : 'FAILED: an answer was wrong, or a bound was missed';
  return { record, text: [...heads, ...linesOf(figures), ...table(steps), '', verdict, ''].join('\n') };
}

function figure(section, name, value, unit, better, more) {
  const range = { values: [value], min: value, median: value, max: value };
  return { section, name, unit, better, ...range, target: null, hits: null, checked: CHECKED, note: null, kept: true, ...more };
}

function figuresOfMix({ hold }, kinds, metric) {
  const all = metric('http_req_duration{scenario:mix}');
  if (!all || all.count === 0) return [];
  const figures = [];
  const held = metric('mix_held');
  if (held) figures.push(figure('mix', 'requests, all users there', held.count / hold, '/s', 'higher'));
  const bounds = { p95: { target: AIM, note: 'bound 500 ms' }, p99: { note: 'bound 1000 ms' } };
  for (const [name, key] of PERCENTILES) figures.push(figure('mix', name, all[key], 'ms', 'lower', bounds[name]));
  figures.push(figure('mix', 'longest', all.max, 'ms', 'lower'));
  for (const kind of kinds) {
    const values = metric(`mix_${kind}`);
    if (!values) continue;
    for (const [name, key] of PERCENTILES)
      figures.push(figure('mix, by kind of request', `${kind} ${name}`, values[key], 'ms', 'lower'));
  }
  return figures;
}

function figuresOfListeners({ listeners, ramp, hold }, metric) {
  const heard = metric('heard');
  if (!heard) return [];
  return [figure('listen', `events to ${listeners} sockets`, heard.count / (ramp + hold), '/s', 'higher', { checked: 'that each names the one before it' })];
}

function figuresOfCache(metric) {
  const [hits, misses] = ['cache_hits', 'cache_misses'].map((name) => (metric(name) || { count: 0 }).count);
  if (hits + misses === 0) return [];
  return [figure('all', 'answers from the cache of results', (100 * hits) / (hits + misses), '%', 'higher', { hits })];
}

function stepsOf(plan, metric) {
  return plan.rates.map((rate) => {
    const values = metric(`rate_${rate}`) || { count: 0 };
    const [p50, p95, p99] = PERCENTILES.map(([_, key]) => values[key]);
    const reached = values.count / plan.step;
    return { rate, reached, p50, p95, p99, holds: reached >= REACHED * rate && p95 < AIM };
  });
}

function figuresOfRates(steps) {
  if (steps.length === 0) return [];
  const failing = steps.findIndex(({ holds }) => !holds);
  const holding = failing < 0 ? steps : steps.slice(0, failing);
  const highest = holding.length > 0 ? holding[holding.length - 1].rate : 0;
  const note = failing < 0 ? 'the highest that was tried' : null;
  const began = steps.filter(({ reached }) => reached > 0);
  return [
    figure('rate', `highest with p95 < ${AIM} ms`, highest, '/s', 'higher', { note }),
    ...began.map(({ rate, p95 }) => figure('rate', `p95 at ${rate} /s`, p95, 'ms', 'lower')),
  ];
}

const number = (value) => (value === undefined ? '-' : value.toFixed(value >= 1000 ? 0 : 2));

function linesOf(figures) {
  let last = null;
  return figures.flatMap(({ section, name, values: [value], unit, better, target, note }) => {
    const heading = section === last ? [] : ['', section];
    last = section;
    const met = target === null ? null : (better === 'lower' ? value <= target : value >= target);
    const notes = [target === null ? null : `aim ${target} ${unit}: ${met ? 'met' : 'missed'}`, note];
    const line = `  ${name.padEnd(36)}${number(value).padStart(10)} ${unit.padEnd(4)}${notes.filter(Boolean).join('; ')}`;
    return [...heading, line.trimEnd()];
  });
}

function table(steps) {
  if (steps.length === 0) return [];
  const row = (cells) => cells.map((cell) => String(cell).padStart(10)).join('').trimEnd();
  return [
    '',
    row(['rate /s', 'reached', 'p50 ms', 'p95 ms', 'p99 ms', '']),
    ...steps.map(({ rate, reached, p50, p95, p99, holds }) =>
      row([rate, ...[reached, p50, p95, p99].map(number), holds ? 'holds' : 'no'])),
  ];
}
