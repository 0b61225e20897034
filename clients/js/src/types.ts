/** What calls take and give: documents as they are on the wire, with types that are made of the server's OpenAPI document. */

import type { components, operations } from "../types/openapi.js";

type Schemas = components["schemas"];

/** Options that every call has. */
export interface Call {
  /** Ends the call: it rejects with the reason of the signal. */
  signal?: AbortSignal | undefined;
}

/** Options that every write has. */
export interface Write extends Call {
  /** The `Idempotency-Key`: a write is done once for each; a new one without it. */
  key?: string | undefined;
}

/** Options of writes that are recorded with where the data comes from. */
export interface Recorded extends Write {
  provenance?: Provenance | undefined;
}

/** The state that a question is about. */
export interface AsOf extends Call {
  /** A sequence, or a time; the state of now without it. */
  as_of?: When | undefined;
}

/** A point in time: ISO 8601 text, a Date, or an integer (microseconds since 1970, or what `unit` says). As `as_of` an integer is a sequence. */
export type When = string | number | Date;
/** Where data comes from: any members. */
export type Provenance = Readonly<Record<string, unknown>>;
/** A condition in the words of the API, such as `"gte:5"`; of several all have to hold. */
export type Condition = string | number | boolean | readonly (string | number)[];
/** Filters by properties, such as `{"prop.mag": "gte:5"}`, and by the version: its time and sequence. */
export type Filters = { [name: `prop.${string}`]: Condition; time?: Condition | undefined; seq?: Condition | undefined };
/** Filters by the attributes of series, such as `{"attr.unit": "Cel"}`. */
export type AttributeFilters = { [name: `attr.${string}`]: Condition };
/** West, south, east, north. */
export type Bbox = readonly [number, number, number, number];

type Query<Operation extends keyof operations> = NonNullable<operations[Operation]["parameters"]["query"]>;
type Value<T> = string extends T ? string | number | Date | readonly (string | number)[]
  : T extends readonly string[] ? Condition : T;
// What the client sees to itself, or takes in another form.
type Ours = "as_of" | "cursor" | "transaction" | "filters" | "attributes" | "provenance" | "count" | "token" | "log" | "hash";

/** The parameters of a call, by the names that they have on the wire. */
export type Parameters<Operation extends keyof operations, Without extends string = never> = Call & {
  [Name in keyof Query<Operation> as Exclude<Name, Ours | Without>]?: Value<NonNullable<Query<Operation>[Name]>> | undefined;
};

/** A geometry of GeoJSON, in longitude and latitude. */
export type Geometry = Schemas["Geometry"];
/** A feature as the server gives it: `formdb` and `provenance` are the version's; of a search by distance `distance` is in metres. */
export type Feature = Omit<Schemas["Feature"], "distance"> & { distance?: number };
/** A feature to be written. */
export type FeatureInput = Omit<Schemas["WrittenFeature"], "id" | "provenance"> & { id?: string | number | null; provenance?: Provenance | null };
/** Changes of a feature, as a JSON merge patch (RFC 7396): null removes a member. */
export type FeaturePatch = { readonly [Member in "geometry" | "properties" | "provenance" | "bbox"]?: unknown };
/** A point to be written. */
export type PointInput = Omit<Schemas["PointInput"], "timestamp" | "provenance" | "metadata"> & {
  timestamp: When; provenance?: Provenance; metadata?: Readonly<Record<string, unknown>>;
};
/** A point of a series; `seq`, `hash`, `time`, `actor`, `point_id`, `metadata` and `provenance` where `include` asks for them. */
export type Point = Omit<Schemas["SeriesPoint"], "series_id"> & { series_id?: string };
/** A block as the journal shows it; what it is about stands in `body`, or without bodies in members of its own. */
export type Entry = Schemas["BlockOutline"] & Partial<Pick<Schemas["Block"], "body">>;
/** A version of a feature. */
export type Version = Schemas["VersionEntry"];
/** The receipt of a write of one feature. */
export type FeatureWritten = Schemas["FeatureWritten"];
/** The receipt of a write of several features. */
export type FeaturesWritten = Schemas["CollectionWritten"];
/** The receipt of a write of points; one of a single point has the members of its block too. */
export type PointsWritten = Schemas["SeveralWritten"] & Partial<Schemas["PointWritten"]>;
/** What became of a stream: the lines that were left out are in `rejected`, those of an earlier try in `skipped`. */
export type Upload = Schemas["UploadDone"];
/** A fault of a document. */
export type Fault = Schemas["Fault"];
/** What was undone. */
export type Reverted = Schemas["RevertedBlocks"];
/** What undoing would do, and what stands in its way. */
export type RevertPlan = Schemas["RevertPlan"];
/** A database in figures. */
export type Info = Schemas["Database"];
/** A database of the list of them; one that is open has its figures. */
export type Listed = Schemas["DatabaseState"];
/** An operation of a transaction. */
export type Operation = Schemas["OperationInput"];
/** What a commit wrote. */
export type Committed = Schemas["Committed"];
/** What is done with points of times at which there are some. */
export type OnDuplicate = Schemas["OnDuplicate"];
/** A schema of the API by its name, for what has no name here. */
export type Schema<Name extends keyof Schemas> = Schemas[Name];

/** How far an upload has come. `rows` counts the lines that were sent. */
export interface Progress {
  readonly sentBytes: number;
  readonly totalBytes: number | undefined;
  readonly rows: number;
  readonly attempt: number;
}

/** A block that a subscription was told of. `matched` says which version the filter takes. */
export interface LiveEvent {
  readonly seq: number;
  /** The sequence of the event before this one, or of where the subscription began. */
  readonly after: number;
  readonly matched: "before" | "after" | "both" | "neither" | undefined;
  readonly entry: Entry;
}
