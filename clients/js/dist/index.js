/**
 * FormDB: GeoJSON features and time series with provenance and a provable journal.
 *
 * @packageDocumentation
 */
export { Client } from "./client.js";
export { Database } from "./database.js";
export { Download } from "./download.js";
export { ApiError, BadAnswer, BadCall, BadRequest, BadSource, Conflict, ConnectionFailed, Forbidden, FormDBError, NotFound, NotReplayable, PreconditionFailed, ServerError, TooManyRequests, Unauthorized, UploadFailed, } from "./errors.js";
export { Features } from "./features.js";
export { Journal } from "./journal.js";
export { NEVER, RETRY } from "./retry.js";
export { Series } from "./series.js";
export { Transaction } from "./transaction.js";
