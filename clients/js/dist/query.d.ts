/** Parameters and paths as the API writes them. */
/** Names and values of parameters; a name may come several times. */
export type Pairs = readonly (readonly [string, string])[];
/** One value of a parameter. */
export declare function textOf(value: unknown): string;
/** The parameters that are given. */
export declare function params(given: object): Pairs;
/** Provenance of all that a call writes, or that a block has to have. */
export declare function provenanceParams(provenance: object | undefined): Pairs;
/** The key of a write, as the server takes it. */
export declare function checkedKey(key: unknown): string;
/**
 * One part of a path: what would lead to another path, and so to another call, is refused. Whatever speaks HTTP here takes
 * dots out of a path, also where they are encoded.
 */
export declare function segment(text: unknown): string;
/** The path of a feature, below that of its database. */
export declare function featurePath(id: string | number): string;
/** The path of a series, or with a star at the end of all whose ids begin so. */
export declare function seriesPath(series: string): string;
