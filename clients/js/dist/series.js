/** Time series of a database. */
import { ACCEPTED, Download } from "./download.js";
import { params, provenanceParams, segment, seriesPath } from "./query.js";
import { upload } from "./upload.js";
/**
 * The time series of a database. `db.series` is one.
 *
 * Where a series is named, a star at the end (`"mitte/*"`) means all whose ids begin so; `pattern`, `attr.NAME` and `feature`
 * choose among them.
 */
export class Series {
    #scope;
    constructor(scope) {
        this.#scope = scope;
    }
    /** The series there are, each with the number of its points, its ends, and its attributes. */
    list({ as_of, signal, ...given } = {}) {
        return this.#scope.at(as_of).rows("/timeseries", { given: params({ include: "attributes", ...given }), signal });
    }
    /**
     * The points from `start` on and before `end`, all as of one state.
     *
     * `value` are conditions such as `"gte:5"`; `include` asks for where points come from (`["seq", "provenance"]`).
     */
    points(series, { as_of, signal, ...given } = {}) {
        return this.#scope.at(as_of).rows(seriesPath(series), { given: params(given), signal });
    }
    /** Aggregates of one series, of the whole range or of each bucket of `interval`, exact and rounded once. */
    async aggregate(series, { as_of, signal, ...given }) {
        return this.#scope.at(as_of).read(seriesPath(series) + "/aggregate", { given: params(given), signal });
    }
    /** The same of all series whose ids begin so. */
    async aggregates(prefix, { as_of, signal, ...given }) {
        return this.#scope.at(as_of).read(`${seriesPath(typeof prefix !== "string" || prefix.endsWith("*") ? prefix : `${prefix}*`)}/aggregate`, { given: params(given), signal });
    }
    /** The point with the greatest timestamp of one series. */
    async latest(series, { as_of, signal } = {}) {
        return this.#scope.at(as_of).read(`${seriesPath(series)}/latest`, { signal });
    }
    /** Count, ends, extremes, mean and standard deviation of one series. */
    async summary(series, { as_of, signal, ...given } = {}) {
        return this.#scope.at(as_of).read(`${seriesPath(series)}/summary`, { given: params(given), signal });
    }
    /** Writes points of one series, as one block. `on_duplicate: "replace"` corrects those of the same times. */
    async write(series, timestamps, values, options = {}) {
        const { metadata, provenance, key, signal, ...given } = options;
        const body = { series_id: series, timestamps, values, metadata, provenance };
        return this.#scope.write("POST", "/timeseries", { key, signal }, params(given), body);
    }
    /** Writes points of any series, all or none. */
    async writePoints(points, options = {}) {
        const { provenance, key, signal, ...given } = options;
        return this.#scope.write("POST", "/timeseries", { key, signal }, [...params(given), ...provenanceParams(provenance)], { points: [...points] });
    }
    /** Puts another point in the place of one. */
    async correct(series, pointId, value, options = {}) {
        const { timestamp, provenance, ...write } = options;
        return this.#scope.write("PUT", `${seriesPath(series)}/points/${segment(pointId)}`, write, [], { value, timestamp, provenance });
    }
    /** Deletes the points of a range, without one all of the series. They stay readable as of before. */
    async delete(series, options = {}) {
        const { start, end, tz, provenance, ...write } = options;
        return this.#scope.write("DELETE", seriesPath(series), write, params({ start, end, tz }), provenance === undefined ? undefined : { provenance });
    }
    /** Puts these points in the place of all from `start` on and before `end`, in one transaction. */
    async replace(series, { start, end }, timestamps, values, options = {}) {
        const { tz, unit, provenance, ...write } = options;
        return this.#scope.write("PUT", seriesPath(series), write, params({ start, end, tz, unit }), { timestamps, values, provenance });
    }
    /** What is known about a series: its unit, its feature, and the like. */
    async attributes(series, { as_of, signal } = {}) {
        return this.#scope.at(as_of).read(`${seriesPath(series)}/attributes`, { signal });
    }
    /** Replaces all attributes of a series. */
    async setAttributes(series, attributes, options = {}) {
        const { provenance, ...write } = options;
        const body = provenance === undefined ? attributes : { ...attributes, provenance };
        return this.#scope.write("PUT", `${seriesPath(series)}/attributes`, write, [], body);
    }
    /** The blocks that wrote or deleted points of a range, the oldest first. */
    async *history(series, { as_of, signal, start, end } = {}) {
        const scope = this.#scope.at(as_of);
        let since;
        do {
            const page = await scope.read(`${seriesPath(series)}/provenance`, {
                given: params({ start, end, since }), has: { provenance_chain: "array", next: "any" }, signal,
            });
            yield* page.provenance_chain;
            since = page.next;
        } while (since !== null);
    }
    /** The points that were `added` and `removed` between two sequences or times. */
    async diff(series, { signal, ...given }) {
        let cursor;
        let whole;
        do {
            const asked = { given: params({ ...given, cursor }), has: { added: "array", removed: "array", links: "array" }, signal };
            const { links, ...page } = await this.#scope.plain(`${seriesPath(series)}/diff`, asked);
            whole = whole === undefined ? page : { ...whole, added: [...whole.added, ...page.added], removed: [...whole.removed, ...page.removed] };
            const next = links.find(({ rel }) => rel === "next")?.href;
            cursor = next === undefined ? undefined : (new URL(next, "http://x").searchParams.get("cursor") ?? undefined);
        } while (cursor !== undefined);
        return whole;
    }
    /**
     * Writes any number of points in constant memory: a table (.csv), lines (.ndjson), or what gives points.
     *
     * What broke off is sent again by itself; run again with the same `key`, an upload goes on where it was, for as long as
     * the server knows keys (a day). Faulty rows are left out and are in `rejected` of what is returned.
     */
    async upload(source, options = {}) {
        const { provenance, key, signal, progress, ...given } = options;
        const all = [...params({ on_error: "skip", ...given }), ...provenanceParams(provenance)];
        return upload(this.#scope, "/timeseries", source, all, { key, signal, progress });
    }
    /** All points of one series, or with a star at the end of several, as bytes, in constant memory; as a table, unless `form` says otherwise. */
    download(series = "*", { form = "csv", as_of, signal, ...given } = {}) {
        return new Download(this.#scope.at(as_of).pieces(seriesPath(series), ACCEPTED[form], { given: params(given), signal }), form);
    }
}
