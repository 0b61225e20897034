/** Time series of a database. */
import { Download, type PointForm } from "./download.js";
import type { Scope } from "./scope.js";
import type { UploadSource } from "./source.js";
import type { AsOf, AttributeFilters, Call, OnDuplicate, Parameters, Point, PointInput, PointsWritten, Recorded, Schema, Upload, When } from "./types.js";
import { type UploadOptions } from "./upload.js";
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
export declare class Series {
    #private;
    constructor(scope: Scope);
    /** The series there are, each with the number of its points, its ends, and its attributes. */
    list({ as_of, signal, ...given }?: Listing): AsyncGenerator<Schema<"SeriesEntry">, void, undefined>;
    /**
     * The points from `start` on and before `end`, all as of one state.
     *
     * `value` are conditions such as `"gte:5"`; `include` asks for where points come from (`["seq", "provenance"]`).
     */
    points(series: string, { as_of, signal, ...given }?: Points): AsyncGenerator<Point, void, undefined>;
    /** Aggregates of one series, of the whole range or of each bucket of `interval`, exact and rounded once. */
    aggregate(series: string, { as_of, signal, ...given }: Parameters<"getAggregate"> & AsOf): Promise<Schema<"Aggregate">>;
    /** The same of all series whose ids begin so. */
    aggregates(prefix: string, { as_of, signal, ...given }: Parameters<"getAggregateByPrefix"> & AsOf & AttributeFilters): Promise<Schema<"Aggregates">>;
    /** The point with the greatest timestamp of one series. */
    latest(series: string, { as_of, signal }?: AsOf): Promise<Schema<"Latest">>;
    /** Count, ends, extremes, mean and standard deviation of one series. */
    summary(series: string, { as_of, signal, ...given }?: Parameters<"getSummary"> & AsOf): Promise<Schema<"Summary">>;
    /** Writes points of one series, as one block. `on_duplicate: "replace"` corrects those of the same times. */
    write(series: string, timestamps: readonly When[], values: readonly number[], options?: PointsWrite & {
        metadata?: readonly (Readonly<Record<string, unknown>> | null)[];
    }): Promise<PointsWritten>;
    /** Writes points of any series, all or none. */
    writePoints(points: Iterable<PointInput>, options?: PointsWrite): Promise<PointsWritten>;
    /** Puts another point in the place of one. */
    correct(series: string, pointId: string, value: number, options?: Recorded & {
        timestamp?: When;
    }): Promise<Schema<"PointCorrected">>;
    /** Deletes the points of a range, without one all of the series. They stay readable as of before. */
    delete(series: string, options?: Recorded & Range & {
        tz?: string;
    }): Promise<Schema<"PointsDeleted">>;
    /** Puts these points in the place of all from `start` on and before `end`, in one transaction. */
    replace(series: string, { start, end }: {
        start: When;
        end: When;
    }, timestamps: readonly When[], values: readonly number[], options?: Recorded & {
        tz?: string;
        unit?: Schema<"Unit">;
    }): Promise<Schema<"PointsReplaced">>;
    /** What is known about a series: its unit, its feature, and the like. */
    attributes(series: string, { as_of, signal }?: AsOf): Promise<Schema<"Attributes">>;
    /** Replaces all attributes of a series. */
    setAttributes(series: string, attributes: Attributes, options?: Recorded): Promise<Schema<"AttributesWritten">>;
    /** The blocks that wrote or deleted points of a range, the oldest first. */
    history(series: string, { as_of, signal, start, end }?: AsOf & Range): AsyncGenerator<Schema<"TouchingBlock">, void, undefined>;
    /** The points that were `added` and `removed` between two sequences or times. */
    diff(series: string, { signal, ...given }: Call & {
        from: When;
        to?: When;
    }): Promise<Omit<Schema<"SeriesDiff">, "links">>;
    /**
     * Writes any number of points in constant memory: a table (.csv), lines (.ndjson), or what gives points.
     *
     * What broke off is sent again by itself; run again with the same `key`, an upload goes on where it was, for as long as
     * the server knows keys (a day). Faulty rows are left out and are in `rejected` of what is returned.
     */
    upload(source: UploadSource, options?: UploadOptions & Recorded & Parameters<"postTimeseries", "on_duplicate"> & {
        on_duplicate?: OnDuplicate;
    }): Promise<Upload>;
    /** All points of one series, or with a star at the end of several, as bytes, in constant memory; as a table, unless `form` says otherwise. */
    download(series?: string, { form, as_of, signal, ...given }?: AsOf & Range & {
        form?: PointForm;
        tz?: string;
        shape?: Schema<"Shape">;
    }): Download;
}
