/**
 * FormDB: GeoJSON features and time series with provenance and a provable journal.
 *
 * @packageDocumentation
 */
export { Client, type ClientOptions } from "./client.js";
export { Database, type Subscription } from "./database.js";
export { Download, type FeatureForm, type PointForm } from "./download.js";
export { ApiError, BadAnswer, BadCall, BadRequest, BadSource, Conflict, ConnectionFailed, Forbidden, FormDBError, NotFound, NotReplayable, PreconditionFailed, ServerError, TooManyRequests, Unauthorized, UploadFailed, } from "./errors.js";
export { Features, type FeatureWrite, type Where } from "./features.js";
export { Journal, type Undone } from "./journal.js";
export type { Carrier } from "./live.js";
export type { Transport } from "./channel.js";
export type { Fetch } from "./http.js";
export { NEVER, RETRY, type Retry } from "./retry.js";
export { type Attributes, type Listing, type Points, type PointsWrite, type Range, Series } from "./series.js";
export type { Items, Source, UploadSource } from "./source.js";
export { Transaction, type TransactionOptions } from "./transaction.js";
export type * from "./types.js";
export type { UploadOptions } from "./upload.js";
