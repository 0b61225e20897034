/** Time series of a database. */

import { ACCEPTED, Download, type PointForm } from "./download.js";
import { params, provenanceParams, segment, seriesPath } from "./query.js";
import type { Scope } from "./scope.js";
import type { UploadSource } from "./source.js";
import type {
  AsOf, AttributeFilters, Call, OnDuplicate, Parameters, Point, PointInput, PointsWritten, Recorded, Schema, Upload, When,
} from "./types.js";
import { upload, type UploadOptions } from "./upload.js";

/** A range of points: from `start` on and before `end`. */
export interface Range {
  start?: When | undefined;
  end?: When | undefined;
}

/** Which points, of which series where several are named. */
export type Points = Parameters<"getSeriesByPrefix", "shape"> & AsOf & AttributeFilters;

/** Options of writes of points. */
export type PointsWrite = Recorded & Parameters<"postTimeseries", "series_id" | "shape" | "missing" | "on_error">;

/** Attributes of a series: any members. */
export type Attributes = Readonly<Record<string, unknown>>;

/** Which series there are to be. */
export type Listing = Parameters<"getTimeseries", "include"> & AsOf & AttributeFilters;

/**
 * The time series of a database. `db.series` is one.
 *
 * Where a series is named, a star at the end (`"mitte/*"`) means all whose ids begin so; `pattern`, `attr.NAME` and `feature`
 * choose among them.
 */
export class Series {
  readonly #scope: Scope;

  constructor(scope: Scope) {
    this.#scope = scope;
  }

  /** The series there are, each with the number of its points, its ends, and its attributes. */
  list({ as_of, signal, ...given }: Listing = {}): AsyncGenerator<Schema<"SeriesEntry">, void, undefined> {
    return this.#scope.at(as_of).rows("/timeseries", { given: params({ include: "attributes", ...given }), signal });
  }

  /**
   * The points from `start` on and before `end`, all as of one state.
   *
   * `value` are conditions such as `"gte:5"`; `include` asks for where points come from (`["seq", "provenance"]`).
   */
  points(series: string, { as_of, signal, ...given }: Points = {}): AsyncGenerator<Point, void, undefined> {
    return this.#scope.at(as_of).rows(seriesPath(series), { given: params(given), signal });
  }

  /** Aggregates of one series, of the whole range or of each bucket of `interval`, exact and rounded once. */
  async aggregate(series: string, { as_of, signal, ...given }: Parameters<"getAggregate"> & AsOf): Promise<Schema<"Aggregate">> {
    return this.#scope.at(as_of).read(seriesPath(series) + "/aggregate", { given: params(given), signal });
  }

  /** The same of all series whose ids begin so. */
  async aggregates(prefix: string, { as_of, signal, ...given }: Parameters<"getAggregateByPrefix"> & AsOf & AttributeFilters):
    Promise<Schema<"Aggregates">> {
    return this.#scope.at(as_of).read(`${seriesPath(typeof prefix !== "string" || prefix.endsWith("*") ? prefix : `${prefix}*`)}/aggregate`, { given: params(given), signal });
  }

  /** The point with the greatest timestamp of one series. */
  async latest(series: string, { as_of, signal }: AsOf = {}): Promise<Schema<"Latest">> {
    return this.#scope.at(as_of).read(`${seriesPath(series)}/latest`, { signal });
  }

  /** Count, ends, extremes, mean and standard deviation of one series. */
  async summary(series: string, { as_of, signal, ...given }: Parameters<"getSummary"> & AsOf = {}): Promise<Schema<"Summary">> {
    return this.#scope.at(as_of).read(`${seriesPath(series)}/summary`, { given: params(given), signal });
  }

  /** Writes points of one series, as one block. `on_duplicate: "replace"` corrects those of the same times. */
  async write(series: string, timestamps: readonly When[], values: readonly number[],
    options: PointsWrite & { metadata?: readonly (Readonly<Record<string, unknown>> | null)[] } = {}): Promise<PointsWritten> {
    const { metadata, provenance, key, signal, ...given } = options;
    const body = { series_id: series, timestamps, values, metadata, provenance };
    return this.#scope.write("POST", "/timeseries", { key, signal }, params(given), body);
  }

  /** Writes points of any series, all or none. */
  async writePoints(points: Iterable<PointInput>, options: PointsWrite = {}): Promise<PointsWritten> {
    const { provenance, key, signal, ...given } = options;
    return this.#scope.write("POST", "/timeseries", { key, signal }, [...params(given), ...provenanceParams(provenance)], { points: [...points] });
  }

  /** Puts another point in the place of one. */
  async correct(series: string, pointId: string, value: number, options: Recorded & { timestamp?: When } = {}): Promise<Schema<"PointCorrected">> {
    const { timestamp, provenance, ...write } = options;
    return this.#scope.write("PUT", `${seriesPath(series)}/points/${segment(pointId)}`, write, [], { value, timestamp, provenance });
  }

  /** Deletes the points of a range, without one all of the series. They stay readable as of before. */
  async delete(series: string, options: Recorded & Range & { tz?: string } = {}): Promise<Schema<"PointsDeleted">> {
    const { start, end, tz, provenance, ...write } = options;
    return this.#scope.write("DELETE", seriesPath(series), write, params({ start, end, tz }), provenance === undefined ? undefined : { provenance });
  }

  /** Puts these points in the place of all from `start` on and before `end`, in one transaction. */
  async replace(series: string, { start, end }: { start: When; end: When }, timestamps: readonly When[], values: readonly number[],
    options: Recorded & { tz?: string; unit?: Schema<"Unit"> } = {}): Promise<Schema<"PointsReplaced">> {
    const { tz, unit, provenance, ...write } = options;
    return this.#scope.write("PUT", seriesPath(series), write, params({ start, end, tz, unit }), { timestamps, values, provenance });
  }

  /** What is known about a series: its unit, its feature, and the like. */
  async attributes(series: string, { as_of, signal }: AsOf = {}): Promise<Schema<"Attributes">> {
    return this.#scope.at(as_of).read(`${seriesPath(series)}/attributes`, { signal });
  }

  /** Replaces all attributes of a series. */
  async setAttributes(series: string, attributes: Attributes, options: Recorded = {}): Promise<Schema<"AttributesWritten">> {
    const { provenance, ...write } = options;
    const body = provenance === undefined ? attributes : { ...attributes, provenance };
    return this.#scope.write("PUT", `${seriesPath(series)}/attributes`, write, [], body);
  }

  /** The blocks that wrote or deleted points of a range, the oldest first. */
  async *history(series: string, { as_of, signal, start, end }: AsOf & Range = {}): AsyncGenerator<Schema<"TouchingBlock">, void, undefined> {
    const scope = this.#scope.at(as_of);
    let since: number | null | undefined;
    do {
      const page: Schema<"SeriesProvenance"> = await scope.read(`${seriesPath(series)}/provenance`, {
        given: params({ start, end, since }), has: { provenance_chain: "array", next: "any" }, signal,
      });
      yield* page.provenance_chain;
      since = page.next;
    } while (since !== null);
  }

  /** The points that were `added` and `removed` between two sequences or times. */
  async diff(series: string, { signal, ...given }: Call & { from: When; to?: When }): Promise<Omit<Schema<"SeriesDiff">, "links">> {
    let cursor: string | undefined;
    let whole: Omit<Schema<"SeriesDiff">, "links"> | undefined;
    do {
      const asked = { given: params({ ...given, cursor }), has: { added: "array", removed: "array", links: "array" } as const, signal };
      const { links, ...page }: Schema<"SeriesDiff"> = await this.#scope.plain(`${seriesPath(series)}/diff`, asked);
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
  async upload(source: UploadSource,
    options: UploadOptions & Recorded & Parameters<"postTimeseries", "on_duplicate"> & { on_duplicate?: OnDuplicate } = {}): Promise<Upload> {
    const { provenance, key, signal, progress, ...given } = options;
    const all = [...params({ on_error: "skip", ...given }), ...provenanceParams(provenance)];
    return upload(this.#scope, "/timeseries", source, all, { key, signal, progress });
  }

  /** All points of one series, or with a star at the end of several, as bytes, in constant memory; as a table, unless `form` says otherwise. */
  download(series = "*",
    { form = "csv", as_of, signal, ...given }: AsOf & Range & { form?: PointForm; tz?: string; shape?: Schema<"Shape"> } = {}): Download {
    return new Download(this.#scope.at(as_of).pieces(seriesPath(series), ACCEPTED[form], { given: params(given), signal }), form);
  }
}
