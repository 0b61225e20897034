/** Parameters and paths as the API writes them. */

import { BadCall } from "./errors.js";
import { isText } from "./json.js";

/** Names and values of parameters; a name may come several times. */
export type Pairs = readonly (readonly [string, string])[];

// Words that are searches where an id of a feature stands.
const SEARCHES: ReadonlySet<string> = new Set(["bbox", "nearby", "geometry", "within", "contains", "intersects", "heatmap"]);
// Conditions that all have to hold come once for each; other lists are one value with commas.
const CONDITIONS: ReadonlySet<string> = new Set(["value", "time", "seq"]);

/** One value of a parameter. */
export function textOf(value: unknown): string {
  if (value instanceof Date && !Number.isNaN(value.getTime())) return value.toISOString();
  if (Array.isArray(value)) return value.map(textOf).join(",");
  if (typeof value === "string" && isText(value)) return value;
  if (typeof value === "boolean" || (typeof value === "number" && Number.isFinite(value))) return String(value);
  throw new BadCall(`${named(value)} is no value of a parameter: nothing was sent`);
}

/** The parameters that are given. */
export function params(given: object): Pairs {
  return Object.entries(given).flatMap(([name, value]: [string, unknown]) => {
    if (value === undefined || value === null) return [];
    const several = Array.isArray(value) && (CONDITIONS.has(name) || name.includes("."));
    return (several ? value : [value]).map((each) => [name, textOf(each)] as const);
  });
}

/** Provenance of all that a call writes, or that a block has to have. */
export function provenanceParams(provenance: object | undefined): Pairs {
  return params(Object.fromEntries(Object.entries(provenance ?? {}).map(([name, value]) => [`provenance.${name}`, value])));
}

/** A value in a message. */
function named(value: unknown): string {
  if (typeof value === "string") return value.length > 60 ? `${JSON.stringify(value.slice(0, 60))}...` : JSON.stringify(value);
  if (typeof value === "object" && value !== null) return value instanceof Date ? "an invalid Date" : "an object";
  return typeof value === "function" ? "a function" : String(value);
}

/** The key of a write, as the server takes it. */
export function checkedKey(key: unknown): string {
  if (typeof key !== "string" || !/^[\x21-\x7e]{1,255}$/.test(key))
    throw new BadCall("a key (Idempotency-Key) is 1 to 255 visible ASCII characters: nothing was sent");
  return key;
}

/**
 * One part of a path: what would lead to another path, and so to another call, is refused. Whatever speaks HTTP here takes
 * dots out of a path, also where they are encoded.
 */
export function segment(text: unknown): string {
  if (typeof text !== "string" || !isText(text) || text === "" || text === "." || text === "..") throw new BadCall(`${named(text)} is no id and no name: it cannot stand in a path`);
  return encodeURIComponent(text);
}

/** The path of a feature, below that of its database. */
export function featurePath(id: string | number): string {
  const text = numbered(id);
  return `/features/${typeof text === "string" && SEARCHES.has(text) ? `%${text.charCodeAt(0).toString(16)}${text.slice(1)}` : segment(text)}`;
}

/** An id as it stands in a path. The same number is written in several ways there and in a body, but for small integers. */
function numbered(id: unknown): unknown {
  if (typeof id !== "number") return id;
  if (!Number.isSafeInteger(id)) throw new BadCall(`${id} is no id: a number that is one is an integer below 2^53; give others as text`);
  return String(id);
}

/** The path of a series, or with a star at the end of all whose ids begin so. */
export function seriesPath(series: string): string {
  if (typeof series !== "string" || !series.endsWith("*")) return `/timeseries/${segment(series)}`;
  // Dots alone lead nowhere else here, for the star stands behind them.
  return `/timeseries/${series === "*" ? "" : segment(series).slice(0, -1)}*`;
}
