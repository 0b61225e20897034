/** Features of a database. */
import { ACCEPTED, Download } from "./download.js";
import { BadCall } from "./errors.js";
import { featurePath, params, provenanceParams, textOf } from "./query.js";
import { upload } from "./upload.js";
/** The features of a database. `db.features` is one. */
export class Features {
    #scope;
    constructor(scope) {
        this.#scope = scope;
    }
    /** One feature. Throws NotFound where there is none, with the block that deleted it where one did. */
    async get(id, { as_of, signal } = {}) {
        return this.#scope.at(as_of).read(featurePath(id), { signal });
    }
    /**
     * Writes a feature: a new one, or a new version. One without an id is given one. `ifAbsent` says that there is to be none
     * of that id; else the write is refused with PreconditionFailed.
     */
    async put(feature, options = {}) {
        const { provenance, ifMatch, ifAbsent, key, signal, ...given } = options;
        const body = provenance === undefined ? feature : { ...feature, provenance };
        const conditions = ifAbsent ? { "if-none-match": "*" } : replacing(ifMatch);
        if (body.id === undefined || body.id === null) {
            if (Object.keys(conditions).length > 0)
                throw new BadCall("a condition is about a feature with an id");
            return this.#scope.write("POST", "/features", { key, signal }, params(given), body);
        }
        return this.#scope.write("PUT", featurePath(body.id), { key, signal }, params(given), body, conditions);
    }
    /**
     * Writes features as one transaction, all or none; with `on_error: "skip"` all that have no fault. For more than fits
     * into one request (64 MiB) there is `upload`.
     */
    async putMany(features, options = {}) {
        const { provenance, key, signal, ...given } = options;
        const body = { type: "FeatureCollection", features: [...features] };
        return this.#scope.write("POST", "/features", { key, signal }, [...params(given), ...provenanceParams(provenance)], body);
    }
    /** Changes a part of a feature (a JSON merge patch: null removes a member). */
    async patch(id, changes, options = {}) {
        const { provenance, ifMatch, durability, ...write } = options;
        const body = provenance === undefined ? changes : { ...changes, provenance };
        return this.#scope.write("PATCH", featurePath(id), write, params({ durability }), body, replacing(ifMatch));
    }
    /** Deletes a feature. Its versions stay readable as of before. */
    async delete(id, options = {}) {
        const { provenance, ifMatch, durability, ...write } = options;
        const body = provenance === undefined ? undefined : { provenance };
        return this.#scope.write("DELETE", featurePath(id), write, params({ durability }), body, replacing(ifMatch));
    }
    /**
     * All features, or those that are related to a box, a geometry or a stored feature; all as of one state.
     *
     * Filters are in the words of the API, such as `{"prop.mag": ["gte:5", "lt:9"]}`.
     */
    search({ limit, as_of, signal, ...where } = {}) {
        const { path, given, body, method } = question(where);
        return this.#scope.at(as_of).rows(path, { given: [...given, ...params({ limit })], body, method, signal });
    }
    /** Features around a position or a stored feature, the nearest first, each with its `distance` in metres. */
    nearby({ as_of, signal, ...given }) {
        return this.#scope.at(as_of).rows("/features/nearby", { given: params(given), signal });
    }
    /** How many features `search` would find. */
    async count({ as_of, signal, ...where } = {}) {
        const { path, given, body, method } = question(where);
        const counted = [...given, ...params({ count: true })];
        return (await this.#scope.at(as_of).read(path, { given: counted, body, method, has: { numberMatched: "number" }, signal })).numberMatched;
    }
    /** How many features are in each cell, `cell` degrees wide or a tile of `zoom`. */
    async heatmap({ as_of, signal, ...given }) {
        return (await this.#scope.at(as_of).read("/features/heatmap", {
            given: params(given), has: { cells: "array" }, signal,
        })).cells;
    }
    /** The versions of a feature, the oldest first, with their provenance. */
    async *history(id, { as_of, signal } = {}) {
        const scope = this.#scope.at(as_of);
        let since;
        do {
            const page = await scope.read(`${featurePath(id)}/provenance`, {
                given: params({ since }), has: { provenance_chain: "array", next: "any" }, signal,
            });
            yield* page.provenance_chain;
            since = page.next;
        } while (since !== null);
    }
    /** What changed in a feature between two sequences or times, as operations of a JSON Patch in `changes`. */
    async diff(id, { signal, ...given }) {
        return this.#scope.plain(`${featurePath(id)}/diff`, { given: params(given), signal });
    }
    /** What a feature was derived from, over all steps. */
    async lineage(id, { as_of, signal } = {}) {
        return this.#scope.at(as_of).read(`${featurePath(id)}/lineage`, { signal });
    }
    /**
     * Writes any number of features in constant memory: of a file, or of what gives them one after the other.
     *
     * A file is known by its name's end (.geojson, also packed as .gz; .ndjson, .geojsonl, .geojsons, also packed as .gz or
     * .zst). What broke off is sent again by itself; run again with the same `key`, an upload goes on where it was, for as
     * long as the server knows keys (a day). Faulty lines are left out and are in `rejected` of what is returned.
     */
    async upload(source, options = {}) {
        const { provenance, key, signal, progress, ...given } = options;
        const all = [...params({ on_error: "skip", ...given }), ...provenanceParams(provenance)];
        return upload(this.#scope, "/features", source, all, { key, signal, progress });
    }
    /** All features as bytes, in constant memory; as lines, unless `form` says otherwise. */
    download({ form = "ndjson", as_of, signal, ...given } = {}) {
        return new Download(this.#scope.at(as_of).pieces("/features", ACCEPTED[form], { given: params(given), signal }), form);
    }
}
/** The condition that a version is still there. */
function replacing(ifMatch) {
    if (ifMatch !== undefined && !/^[\x21\x23-\x7e]+$/.test(ifMatch))
        throw new BadCall("ifMatch is the hash of a version: nothing was sent");
    return ifMatch === undefined ? {} : { "if-match": `"${ifMatch}"` };
}
/** Path, parameters and body of a search. */
function question({ geometry, ...where }) {
    if ([where.bbox, geometry, where.feature].filter((each) => each !== undefined).length > 1)
        throw new BadCall("of bbox, geometry and feature there can be one");
    if (geometry !== undefined)
        return { method: "POST", path: "/features/geometry", given: params(where), body: { geometry } };
    const path = where.feature === undefined ? "/features" : "/features/geometry";
    return { method: "GET", path, given: params({ ...where, bbox: where.bbox === undefined ? undefined : textOf(where.bbox) }), body: undefined };
}
