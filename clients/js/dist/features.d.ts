/** Features of a database. */
import { Download, type FeatureForm } from "./download.js";
import type { Scope } from "./scope.js";
import type { UploadSource } from "./source.js";
import type { AsOf, Bbox, Call, Feature, FeatureInput, FeaturePatch, FeatureWritten, FeaturesWritten, Filters, Geometry, Parameters, Recorded, Schema, Upload, Version, When } from "./types.js";
import { type UploadOptions } from "./upload.js";
/** Where to look: a box, a geometry or a stored feature, of which there can be one; and filters. */
export type Where = Parameters<"getFeaturesByGeometry", "geometry" | "bbox" | "limit"> & Filters & {
    bbox?: Bbox | undefined;
    geometry?: Geometry | undefined;
};
/** Options of the writes of one feature. */
export interface FeatureWrite extends Recorded {
    /** The hash of the version that is to be there; else the write is refused with PreconditionFailed. */
    ifMatch?: string | undefined;
    durability?: Schema<"Durability"> | undefined;
}
/** The features of a database. `db.features` is one. */
export declare class Features {
    #private;
    constructor(scope: Scope);
    /** One feature. Throws NotFound where there is none, with the block that deleted it where one did. */
    get(id: string | number, { as_of, signal }?: AsOf): Promise<Feature>;
    /**
     * Writes a feature: a new one, or a new version. One without an id is given one. `ifAbsent` says that there is to be none
     * of that id; else the write is refused with PreconditionFailed.
     */
    put(feature: FeatureInput, options?: FeatureWrite & Parameters<"putFeature"> & {
        ifAbsent?: boolean;
    }): Promise<FeatureWritten>;
    /**
     * Writes features as one transaction, all or none; with `on_error: "skip"` all that have no fault. For more than fits
     * into one request (64 MiB) there is `upload`.
     */
    putMany(features: Iterable<FeatureInput>, options?: Recorded & Parameters<"postFeatures">): Promise<FeaturesWritten>;
    /** Changes a part of a feature (a JSON merge patch: null removes a member). */
    patch(id: string | number, changes: FeaturePatch, options?: FeatureWrite): Promise<FeatureWritten>;
    /** Deletes a feature. Its versions stay readable as of before. */
    delete(id: string | number, options?: FeatureWrite): Promise<FeatureWritten>;
    /**
     * All features, or those that are related to a box, a geometry or a stored feature; all as of one state.
     *
     * Filters are in the words of the API, such as `{"prop.mag": ["gte:5", "lt:9"]}`.
     */
    search({ limit, as_of, signal, ...where }?: Where & AsOf & {
        limit?: number;
    }): AsyncGenerator<Feature, void, undefined>;
    /** Features around a position or a stored feature, the nearest first, each with its `distance` in metres. */
    nearby({ as_of, signal, ...given }: Parameters<"getFeaturesNearby"> & Filters & AsOf): AsyncGenerator<Feature, void, undefined>;
    /** How many features `search` would find. */
    count({ as_of, signal, ...where }?: Where & AsOf): Promise<number>;
    /** How many features are in each cell, `cell` degrees wide or a tile of `zoom`. */
    heatmap({ as_of, signal, ...given }: Parameters<"getFeaturesHeatmap"> & Filters & AsOf): Promise<readonly Schema<"HeatmapCell">[]>;
    /** The versions of a feature, the oldest first, with their provenance. */
    history(id: string | number, { as_of, signal }?: AsOf): AsyncGenerator<Version, void, undefined>;
    /** What changed in a feature between two sequences or times, as operations of a JSON Patch in `changes`. */
    diff(id: string | number, { signal, ...given }: Call & {
        from: When;
        to?: When;
    }): Promise<Schema<"FeatureDiff">>;
    /** What a feature was derived from, over all steps. */
    lineage(id: string | number, { as_of, signal }?: AsOf): Promise<Schema<"Lineage">>;
    /**
     * Writes any number of features in constant memory: of a file, or of what gives them one after the other.
     *
     * A file is known by its name's end (.geojson, also packed as .gz; .ndjson, .geojsonl, .geojsons, also packed as .gz or
     * .zst). What broke off is sent again by itself; run again with the same `key`, an upload goes on where it was, for as
     * long as the server knows keys (a day). Faulty lines are left out and are in `rejected` of what is returned.
     */
    upload(source: UploadSource, options?: UploadOptions & Recorded & Parameters<"postFeatures">): Promise<Upload>;
    /** All features as bytes, in constant memory; as lines, unless `form` says otherwise. */
    download({ form, as_of, signal, ...given }?: AsOf & Filters & {
        form?: FeatureForm;
        bbox?: Bbox;
    }): Download;
}
