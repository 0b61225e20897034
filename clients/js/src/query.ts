/** Parameters and paths as the API writes them. */

/** Names and values of parameters; a name may come several times. */
export type Pairs = readonly (readonly [string, string])[];

// Words that are searches where an id of a feature stands.
const SEARCHES: ReadonlySet<string> = new Set(["bbox", "nearby", "geometry", "within", "contains", "intersects", "heatmap"]);
// Conditions that all have to hold come once for each; other lists are one value with commas.
const CONDITIONS: ReadonlySet<string> = new Set(["value", "time", "seq"]);

/** One value of a parameter. */
export function textOf(value: unknown): string {
  if (value instanceof Date) return value.toISOString();
  if (Array.isArray(value)) return value.map(textOf).join(",");
  if (typeof value === "string" || typeof value === "number" || typeof value === "boolean") return String(value);
  throw new TypeError(`${String(value)} is no parameter`);
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

/**
 * One part of a path: what would lead to another path, and so to another call, is refused. Whatever speaks HTTP here takes
 * dots out of a path, also where they are encoded.
 */
export function segment(text: string): string {
  if (text === "" || text === "." || text === "..") throw new TypeError(`${JSON.stringify(text)} is no id and no name: it cannot stand in a path`);
  return encodeURIComponent(text);
}

/** The path of a feature, below that of its database. */
export function featurePath(id: string | number): string {
  const text = String(id);
  return `/features/${SEARCHES.has(text) ? `%${text.charCodeAt(0).toString(16)}${text.slice(1)}` : segment(text)}`;
}

/** The path of a series, or with a star at the end of all whose ids begin so. */
export function seriesPath(series: string): string {
  return series.endsWith("*") ? `/timeseries/${encodeURIComponent(series.slice(0, -1))}*` : `/timeseries/${segment(series)}`;
}
