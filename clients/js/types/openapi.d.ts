// Made by scripts/types.mjs of the OpenAPI document of the server. Do not edit.

export interface paths {
    "/api/v1/version": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** Versions of the server and the API. */
        get: operations["getVersion"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/auth/token": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * Signs in: gives a token.
         * @description Either name and password of a user, in the body or by HTTP Basic, or an API key as Bearer. The token is good for FORMDB_TOKEN_SECONDS (900) and may be renewed. Where the server has no credentials at all, 404.
         */
        post: operations["postAuthToken"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/auth/refresh": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * Gives a new token for one that is still good.
         * @description Up to FORMDB_SIGN_IN_SECONDS (12 hours) after the sign-in, and as long as the user or the key is there. Where the server has no credentials at all, 404.
         */
        post: operations["postAuthRefresh"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/auth/verify": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * Who asks, and what they may do.
         * @description Where the server has no credentials at all, 404.
         */
        post: operations["postAuthVerify"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/databases": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * All databases.
         * @description Where credentials are needed, those that whoever asks may read.
         *
         *     `Accept` chooses the form: JSON (`application/json`), which is the default, or CBOR (`application/cbor`). `application/json` and `application/geo+json` stand for each other. A client that takes none of these is answered 406.
         */
        get: operations["getDatabases"];
        put?: never;
        /**
         * Creates a database, or opens it.
         * @description Where credentials are needed, the scope has to be admin on the name; without a name, on `*`.
         */
        post: operations["postDatabases"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/databases/{db}": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * A database in figures.
         * @description `Accept` chooses the form: JSON (`application/json`), which is the default, or CBOR (`application/cbor`). `application/json` and `application/geo+json` stand for each other. A client that takes none of these is answered 406.
         */
        get: operations["getDatabase"];
        put?: never;
        post?: never;
        /** Closes a database, or removes it. */
        delete: operations["deleteDatabase"];
        options?: never;
        head?: never;
        /**
         * Sets the defaults of a database.
         * @description What holds for requests that do not say otherwise. The change is a block as others are, and can be reverted.
         *
         *     Sent again with the same `Idempotency-Key` it is written once; the answer is that of the first time, with `Idempotency-Replayed: true`.
         */
        patch: operations["patchDatabase"];
        trace?: never;
    };
    "/api/v1/databases/{db}/schema": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * What is in a database.
         * @description `Accept` chooses the form: JSON (`application/json`), which is the default, or CBOR (`application/cbor`). `application/json` and `application/geo+json` stand for each other. A client that takes none of these is answered 406.
         */
        get: operations["getSchema"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/databases/{db}/features/bbox": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * Features in a box.
         * @description Filters are parameters of the query string, and all must hold: `prop.mag=gte:5`, `prop.size.lon=lt:3` of a member of a property, `prop.status=reviewed`, `prop.mag=in:5,6`, `prop.depth=exists`, `time=since:2026-01-31`, `seq=gt:100`. Operations are `eq`, `ne`, `gt`, `gte`, `lt`, `lte`, `in`, `exists`, `since` and `until`. One may be given twice, for both ends of a range.
         *
         *     An answer in JSON is a page of up to `limit` items, as of `seq`. The next one is at `href` of the link `next` in `links`, and in the header field `Link`: the same question with its `cursor`. On the last page there is neither.
         *
         *     `Accept` chooses the form: GeoJSON (`application/geo+json`), which is the default, or CBOR (`application/cbor`), JSON (`application/json`), lines of JSON (`application/x-ndjson`), a GeoJSON text sequence (`application/geo+json-seq`). `application/json` and `application/geo+json` stand for each other. A client that takes none of these is answered 406.
         *
         *     `application/x-ndjson`, `application/geo+json-seq`: all that is found, without pages, links and `Link`; `limit` is then how many items there are at most. An answer that cannot be finished ends with its connection.
         */
        get: operations["getFeaturesInBox"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/databases/{db}/features/nearby": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * Features around a position, nearest first.
         * @description Each feature has its `distance` in metres. `k`, `radius` or both are required: the `k` nearest, or all within `radius`.
         *
         *     Filters are parameters of the query string, and all must hold: `prop.mag=gte:5`, `prop.size.lon=lt:3` of a member of a property, `prop.status=reviewed`, `prop.mag=in:5,6`, `prop.depth=exists`, `time=since:2026-01-31`, `seq=gt:100`. Operations are `eq`, `ne`, `gt`, `gte`, `lt`, `lte`, `in`, `exists`, `since` and `until`. One may be given twice, for both ends of a range.
         *
         *     An answer in JSON is a page of up to `limit` items, as of `seq`. The next one is at `href` of the link `next` in `links`, and in the header field `Link`: the same question with its `cursor`. On the last page there is neither.
         *
         *     `Accept` chooses the form: GeoJSON (`application/geo+json`), which is the default, or CBOR (`application/cbor`), JSON (`application/json`), lines of JSON (`application/x-ndjson`), a GeoJSON text sequence (`application/geo+json-seq`). `application/json` and `application/geo+json` stand for each other. A client that takes none of these is answered 406.
         *
         *     `application/x-ndjson`, `application/geo+json-seq`: all that is found, without pages, links and `Link`; `limit` is then how many items there are at most. An answer that cannot be finished ends with its connection.
         */
        get: operations["getFeaturesNearby"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/databases/{db}/features/geometry": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * Features at a geometry.
         * @description Filters are parameters of the query string, and all must hold: `prop.mag=gte:5`, `prop.size.lon=lt:3` of a member of a property, `prop.status=reviewed`, `prop.mag=in:5,6`, `prop.depth=exists`, `time=since:2026-01-31`, `seq=gt:100`. Operations are `eq`, `ne`, `gt`, `gte`, `lt`, `lte`, `in`, `exists`, `since` and `until`. One may be given twice, for both ends of a range.
         *
         *     An answer in JSON is a page of up to `limit` items, as of `seq`. The next one is at `href` of the link `next` in `links`, and in the header field `Link`: the same question with its `cursor`. On the last page there is neither.
         *
         *     `Accept` chooses the form: GeoJSON (`application/geo+json`), which is the default, or CBOR (`application/cbor`), JSON (`application/json`), lines of JSON (`application/x-ndjson`), a GeoJSON text sequence (`application/geo+json-seq`). `application/json` and `application/geo+json` stand for each other. A client that takes none of these is answered 406.
         *
         *     `application/x-ndjson`, `application/geo+json-seq`: all that is found, without pages, links and `Link`; `limit` is then how many items there are at most. An answer that cannot be finished ends with its connection.
         */
        get: operations["getFeaturesByGeometry"];
        put?: never;
        /**
         * Features at a geometry. The body has the parameters.
         * @description Filters are parameters of the query string, and all must hold: `prop.mag=gte:5`, `prop.size.lon=lt:3` of a member of a property, `prop.status=reviewed`, `prop.mag=in:5,6`, `prop.depth=exists`, `time=since:2026-01-31`, `seq=gt:100`. Operations are `eq`, `ne`, `gt`, `gte`, `lt`, `lte`, `in`, `exists`, `since` and `until`. One may be given twice, for both ends of a range.
         *
         *     An answer in JSON is a page of up to `limit` items, as of `seq`. The next one is at `href` of the link `next` in `links`, and in the header field `Link`: the same question with its `cursor`. On the last page there is neither.
         *
         *     `Accept` chooses the form: GeoJSON (`application/geo+json`), which is the default, or CBOR (`application/cbor`), JSON (`application/json`), lines of JSON (`application/x-ndjson`), a GeoJSON text sequence (`application/geo+json-seq`). `application/json` and `application/geo+json` stand for each other. A client that takes none of these is answered 406.
         *
         *     `application/x-ndjson`, `application/geo+json-seq`: all that is found, without pages, links and `Link`; `limit` is then how many items there are at most. An answer that cannot be finished ends with its connection.
         */
        post: operations["postFeaturesByGeometry"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/databases/{db}/features/within": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * Features within a geometry or box.
         * @description Filters are parameters of the query string, and all must hold: `prop.mag=gte:5`, `prop.size.lon=lt:3` of a member of a property, `prop.status=reviewed`, `prop.mag=in:5,6`, `prop.depth=exists`, `time=since:2026-01-31`, `seq=gt:100`. Operations are `eq`, `ne`, `gt`, `gte`, `lt`, `lte`, `in`, `exists`, `since` and `until`. One may be given twice, for both ends of a range.
         *
         *     An answer in JSON is a page of up to `limit` items, as of `seq`. The next one is at `href` of the link `next` in `links`, and in the header field `Link`: the same question with its `cursor`. On the last page there is neither.
         *
         *     `Accept` chooses the form: GeoJSON (`application/geo+json`), which is the default, or CBOR (`application/cbor`), JSON (`application/json`), lines of JSON (`application/x-ndjson`), a GeoJSON text sequence (`application/geo+json-seq`). `application/json` and `application/geo+json` stand for each other. A client that takes none of these is answered 406.
         *
         *     `application/x-ndjson`, `application/geo+json-seq`: all that is found, without pages, links and `Link`; `limit` is then how many items there are at most. An answer that cannot be finished ends with its connection.
         */
        get: operations["getFeaturesWithin"];
        put?: never;
        /**
         * Features within a geometry or box. The body has the parameters.
         * @description Filters are parameters of the query string, and all must hold: `prop.mag=gte:5`, `prop.size.lon=lt:3` of a member of a property, `prop.status=reviewed`, `prop.mag=in:5,6`, `prop.depth=exists`, `time=since:2026-01-31`, `seq=gt:100`. Operations are `eq`, `ne`, `gt`, `gte`, `lt`, `lte`, `in`, `exists`, `since` and `until`. One may be given twice, for both ends of a range.
         *
         *     An answer in JSON is a page of up to `limit` items, as of `seq`. The next one is at `href` of the link `next` in `links`, and in the header field `Link`: the same question with its `cursor`. On the last page there is neither.
         *
         *     `Accept` chooses the form: GeoJSON (`application/geo+json`), which is the default, or CBOR (`application/cbor`), JSON (`application/json`), lines of JSON (`application/x-ndjson`), a GeoJSON text sequence (`application/geo+json-seq`). `application/json` and `application/geo+json` stand for each other. A client that takes none of these is answered 406.
         *
         *     `application/x-ndjson`, `application/geo+json-seq`: all that is found, without pages, links and `Link`; `limit` is then how many items there are at most. An answer that cannot be finished ends with its connection.
         */
        post: operations["postFeaturesWithin"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/databases/{db}/features/intersects": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * Features that meet one.
         * @description Filters are parameters of the query string, and all must hold: `prop.mag=gte:5`, `prop.size.lon=lt:3` of a member of a property, `prop.status=reviewed`, `prop.mag=in:5,6`, `prop.depth=exists`, `time=since:2026-01-31`, `seq=gt:100`. Operations are `eq`, `ne`, `gt`, `gte`, `lt`, `lte`, `in`, `exists`, `since` and `until`. One may be given twice, for both ends of a range.
         *
         *     An answer in JSON is a page of up to `limit` items, as of `seq`. The next one is at `href` of the link `next` in `links`, and in the header field `Link`: the same question with its `cursor`. On the last page there is neither.
         *
         *     `Accept` chooses the form: GeoJSON (`application/geo+json`), which is the default, or CBOR (`application/cbor`), JSON (`application/json`), lines of JSON (`application/x-ndjson`), a GeoJSON text sequence (`application/geo+json-seq`). `application/json` and `application/geo+json` stand for each other. A client that takes none of these is answered 406.
         *
         *     `application/x-ndjson`, `application/geo+json-seq`: all that is found, without pages, links and `Link`; `limit` is then how many items there are at most. An answer that cannot be finished ends with its connection.
         */
        get: operations["getFeaturesIntersecting"];
        put?: never;
        /**
         * Features that meet one. The body has the parameters.
         * @description Filters are parameters of the query string, and all must hold: `prop.mag=gte:5`, `prop.size.lon=lt:3` of a member of a property, `prop.status=reviewed`, `prop.mag=in:5,6`, `prop.depth=exists`, `time=since:2026-01-31`, `seq=gt:100`. Operations are `eq`, `ne`, `gt`, `gte`, `lt`, `lte`, `in`, `exists`, `since` and `until`. One may be given twice, for both ends of a range.
         *
         *     An answer in JSON is a page of up to `limit` items, as of `seq`. The next one is at `href` of the link `next` in `links`, and in the header field `Link`: the same question with its `cursor`. On the last page there is neither.
         *
         *     `Accept` chooses the form: GeoJSON (`application/geo+json`), which is the default, or CBOR (`application/cbor`), JSON (`application/json`), lines of JSON (`application/x-ndjson`), a GeoJSON text sequence (`application/geo+json-seq`). `application/json` and `application/geo+json` stand for each other. A client that takes none of these is answered 406.
         *
         *     `application/x-ndjson`, `application/geo+json-seq`: all that is found, without pages, links and `Link`; `limit` is then how many items there are at most. An answer that cannot be finished ends with its connection.
         */
        post: operations["postFeaturesIntersecting"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/databases/{db}/features/contains": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * Features that contain one.
         * @description Filters are parameters of the query string, and all must hold: `prop.mag=gte:5`, `prop.size.lon=lt:3` of a member of a property, `prop.status=reviewed`, `prop.mag=in:5,6`, `prop.depth=exists`, `time=since:2026-01-31`, `seq=gt:100`. Operations are `eq`, `ne`, `gt`, `gte`, `lt`, `lte`, `in`, `exists`, `since` and `until`. One may be given twice, for both ends of a range.
         *
         *     An answer in JSON is a page of up to `limit` items, as of `seq`. The next one is at `href` of the link `next` in `links`, and in the header field `Link`: the same question with its `cursor`. On the last page there is neither.
         *
         *     `Accept` chooses the form: GeoJSON (`application/geo+json`), which is the default, or CBOR (`application/cbor`), JSON (`application/json`), lines of JSON (`application/x-ndjson`), a GeoJSON text sequence (`application/geo+json-seq`). `application/json` and `application/geo+json` stand for each other. A client that takes none of these is answered 406.
         *
         *     `application/x-ndjson`, `application/geo+json-seq`: all that is found, without pages, links and `Link`; `limit` is then how many items there are at most. An answer that cannot be finished ends with its connection.
         */
        get: operations["getFeaturesContaining"];
        put?: never;
        /**
         * Features that contain one. The body has the parameters.
         * @description Filters are parameters of the query string, and all must hold: `prop.mag=gte:5`, `prop.size.lon=lt:3` of a member of a property, `prop.status=reviewed`, `prop.mag=in:5,6`, `prop.depth=exists`, `time=since:2026-01-31`, `seq=gt:100`. Operations are `eq`, `ne`, `gt`, `gte`, `lt`, `lte`, `in`, `exists`, `since` and `until`. One may be given twice, for both ends of a range.
         *
         *     An answer in JSON is a page of up to `limit` items, as of `seq`. The next one is at `href` of the link `next` in `links`, and in the header field `Link`: the same question with its `cursor`. On the last page there is neither.
         *
         *     `Accept` chooses the form: GeoJSON (`application/geo+json`), which is the default, or CBOR (`application/cbor`), JSON (`application/json`), lines of JSON (`application/x-ndjson`), a GeoJSON text sequence (`application/geo+json-seq`). `application/json` and `application/geo+json` stand for each other. A client that takes none of these is answered 406.
         *
         *     `application/x-ndjson`, `application/geo+json-seq`: all that is found, without pages, links and `Link`; `limit` is then how many items there are at most. An answer that cannot be finished ends with its connection.
         */
        post: operations["postFeaturesContaining"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/databases/{db}/features/heatmap": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * How many features are in each cell.
         * @description `cell` or `zoom` is required. Cells without features are left out. A feature counts in the cell of the middle of its bounding box.
         *
         *     Filters are parameters of the query string, and all must hold: `prop.mag=gte:5`, `prop.size.lon=lt:3` of a member of a property, `prop.status=reviewed`, `prop.mag=in:5,6`, `prop.depth=exists`, `time=since:2026-01-31`, `seq=gt:100`. Operations are `eq`, `ne`, `gt`, `gte`, `lt`, `lte`, `in`, `exists`, `since` and `until`. One may be given twice, for both ends of a range.
         *
         *     `Accept` chooses the form: JSON (`application/json`), which is the default, or CBOR (`application/cbor`). `application/json` and `application/geo+json` stand for each other. A client that takes none of these is answered 406.
         */
        get: operations["getFeaturesHeatmap"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/databases/{db}/features": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * All features, or those in a box.
         * @description Filters are parameters of the query string, and all must hold: `prop.mag=gte:5`, `prop.size.lon=lt:3` of a member of a property, `prop.status=reviewed`, `prop.mag=in:5,6`, `prop.depth=exists`, `time=since:2026-01-31`, `seq=gt:100`. Operations are `eq`, `ne`, `gt`, `gte`, `lt`, `lte`, `in`, `exists`, `since` and `until`. One may be given twice, for both ends of a range.
         *
         *     An answer in JSON is a page of up to `limit` items, as of `seq`. The next one is at `href` of the link `next` in `links`, and in the header field `Link`: the same question with its `cursor`. On the last page there is neither.
         *
         *     `Accept` chooses the form: GeoJSON (`application/geo+json`), which is the default, or CBOR (`application/cbor`), JSON (`application/json`), lines of JSON (`application/x-ndjson`), a GeoJSON text sequence (`application/geo+json-seq`). `application/json` and `application/geo+json` stand for each other. A client that takes none of these is answered 406.
         *
         *     `application/x-ndjson`, `application/geo+json-seq`: all that is found, without pages, links and `Link`; `limit` is then how many items there are at most. An answer that cannot be finished ends with its connection.
         */
        get: operations["getFeatures"];
        put?: never;
        /**
         * Writes a feature, or many at once.
         * @description A Feature, a geometry or a FeatureCollection is written as a whole, or not at all. Lines and sequences are written as they come, in batches of 5,000 records or 4 MiB; the answer is lines of progress. Positions are longitude, latitude.
         *
         *     Sent again with the same `Idempotency-Key` it is written once; the answer is that of the first time, with `Idempotency-Replayed: true`. A stream of lines, a sequence or a table has no such field: it is read again from its beginning, what was written counts in `skipped`, and `inserted` is what this request added, 0 if all of it was there.
         */
        post: operations["postFeatures"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/databases/{db}/features/{id}": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * A feature.
         * @description `id` is percent-encoded: `/` within it is written `%2F`, a star at its end `%2A`.
         *
         *     `Accept` chooses the form: GeoJSON (`application/geo+json`), which is the default, or CBOR (`application/cbor`). `application/json` and `application/geo+json` stand for each other. A client that takes none of these is answered 406.
         */
        get: operations["getFeature"];
        /**
         * Writes a feature.
         * @description `id` is percent-encoded: `/` within it is written `%2F`, a star at its end `%2A`.
         *
         *     Sent again with the same `Idempotency-Key` it is written once; the answer is that of the first time, with `Idempotency-Replayed: true`.
         */
        put: operations["putFeature"];
        post?: never;
        /**
         * Deletes a feature.
         * @description `id` is percent-encoded: `/` within it is written `%2F`, a star at its end `%2A`.
         *
         *     Sent again with the same `Idempotency-Key` it is written once; the answer is that of the first time, with `Idempotency-Replayed: true`.
         */
        delete: operations["deleteFeature"];
        options?: never;
        head?: never;
        /**
         * Changes a part of a feature.
         * @description The provenance of the new version is that of the patch; without one the version has none. That of the version before stays with that version.
         *
         *     `id` is percent-encoded: `/` within it is written `%2F`, a star at its end `%2A`.
         *
         *     Sent again with the same `Idempotency-Key` it is written once; the answer is that of the first time, with `Idempotency-Replayed: true`.
         */
        patch: operations["patchFeature"];
        trace?: never;
    };
    "/api/v1/databases/{db}/features/{id}/provenance": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * The versions of a feature.
         * @description `id` is percent-encoded: `/` within it is written `%2F`, a star at its end `%2A`.
         *
         *     `Accept` chooses the form: JSON (`application/json`), which is the default, or CBOR (`application/cbor`). `application/json` and `application/geo+json` stand for each other. A client that takes none of these is answered 406.
         */
        get: operations["getProvenance"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/databases/{db}/features/{id}/diff": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * What changed in a feature.
         * @description `id` is percent-encoded: `/` within it is written `%2F`, a star at its end `%2A`.
         *
         *     `Accept` chooses the form: JSON (`application/json`), which is the default, or CBOR (`application/cbor`). `application/json` and `application/geo+json` stand for each other. A client that takes none of these is answered 406.
         */
        get: operations["getFeatureDiff"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/databases/{db}/features/{id}/lineage": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * What a feature is derived from.
         * @description `id` is percent-encoded: `/` within it is written `%2F`, a star at its end `%2A`.
         *
         *     `Accept` chooses the form: JSON (`application/json`), which is the default, or CBOR (`application/cbor`). `application/json` and `application/geo+json` stand for each other. A client that takes none of these is answered 406.
         */
        get: operations["getLineage"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/databases/{db}/timeseries": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * All series.
         * @description An answer in JSON is a page of up to `limit` items, as of `seq`. The next one is at `href` of the link `next` in `links`, and in the header field `Link`: the same question with its `cursor`. On the last page there is neither.
         *
         *     `Accept` chooses the form: JSON (`application/json`), which is the default, or CBOR (`application/cbor`), lines of JSON (`application/x-ndjson`), CSV (`text/csv`). `application/json` and `application/geo+json` stand for each other. A client that takes none of these is answered 406.
         *
         *     `application/x-ndjson`, `text/csv`: all that is found, without pages, links and `Link`; `limit` is then how many items there are at most. An answer that cannot be finished ends with its connection.
         */
        get: operations["getTimeseries"];
        put?: never;
        /**
         * Writes points.
         * @description A point, a list of them or columns are written as a whole, or not at all. Lines and tables are written as they come, in batches of 5,000 records or 4 MiB; the answer is lines of progress. What becomes of points whose timestamps their series has, on_duplicate says.
         *
         *     Sent again with the same `Idempotency-Key` it is written once; the answer is that of the first time, with `Idempotency-Replayed: true`. A stream of lines, a sequence or a table has no such field: it is read again from its beginning, what was written counts in `skipped`, and `inserted` is what this request added, 0 if all of it was there.
         */
        post: operations["postTimeseries"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/databases/{db}/timeseries/{series}": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * The points of a series.
         * @description `series` is percent-encoded: `/` within it is written `%2F`, a star at its end `%2A`.
         *
         *     An answer in JSON is a page of up to `limit` items, as of `seq`. The next one is at `href` of the link `next` in `links`, and in the header field `Link`: the same question with its `cursor`. On the last page there is neither.
         *
         *     `Accept` chooses the form: JSON (`application/json`), which is the default, or CBOR (`application/cbor`), lines of JSON (`application/x-ndjson`), CSV (`text/csv`). `application/json` and `application/geo+json` stand for each other. A client that takes none of these is answered 406.
         *
         *     `application/x-ndjson`, `text/csv`: all that is found, without pages, links and `Link`; `limit` is then how many items there are at most. An answer that cannot be finished ends with its connection.
         */
        get: operations["getSeries"];
        /**
         * Replaces the points of a range.
         * @description All points from start on and before end go, and those of the body come, as one transaction. Both ends are required, or all=true. The points of the body lie in the range; there may be none.
         *
         *     `series` is percent-encoded: `/` within it is written `%2F`, a star at its end `%2A`.
         *
         *     Sent again with the same `Idempotency-Key` it is written once; the answer is that of the first time, with `Idempotency-Replayed: true`.
         */
        put: operations["putSeries"];
        post?: never;
        /**
         * Deletes points of a series.
         * @description `series` is percent-encoded: `/` within it is written `%2F`, a star at its end `%2A`.
         *
         *     Sent again with the same `Idempotency-Key` it is written once; the answer is that of the first time, with `Idempotency-Replayed: true`.
         */
        delete: operations["deleteSeries"];
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/databases/{db}/timeseries/{series}/points/{point_id}": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        /**
         * Corrects a point.
         * @description The point is deleted and another put in its place, as one transaction.
         *
         *     `series` is percent-encoded: `/` within it is written `%2F`, a star at its end `%2A`.
         *
         *     Sent again with the same `Idempotency-Key` it is written once; the answer is that of the first time, with `Idempotency-Replayed: true`.
         */
        put: operations["putPoint"];
        post?: never;
        /**
         * Deletes a point.
         * @description `series` is percent-encoded: `/` within it is written `%2F`, a star at its end `%2A`.
         *
         *     Sent again with the same `Idempotency-Key` it is written once; the answer is that of the first time, with `Idempotency-Replayed: true`.
         */
        delete: operations["deletePoint"];
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/databases/{db}/timeseries/{series}/attributes": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * The attributes of a series.
         * @description `series` is percent-encoded: `/` within it is written `%2F`, a star at its end `%2A`.
         *
         *     `Accept` chooses the form: JSON (`application/json`), which is the default, or CBOR (`application/cbor`). `application/json` and `application/geo+json` stand for each other. A client that takes none of these is answered 406.
         */
        get: operations["getAttributes"];
        /**
         * Sets the attributes of a series.
         * @description `series` is percent-encoded: `/` within it is written `%2F`, a star at its end `%2A`.
         *
         *     Sent again with the same `Idempotency-Key` it is written once; the answer is that of the first time, with `Idempotency-Replayed: true`.
         */
        put: operations["putAttributes"];
        post?: never;
        /**
         * Deletes them.
         * @description `series` is percent-encoded: `/` within it is written `%2F`, a star at its end `%2A`.
         *
         *     Sent again with the same `Idempotency-Key` it is written once; the answer is that of the first time, with `Idempotency-Replayed: true`.
         */
        delete: operations["deleteAttributes"];
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/databases/{db}/timeseries/{series}/attributes/provenance": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * The versions of attributes.
         * @description `series` is percent-encoded: `/` within it is written `%2F`, a star at its end `%2A`.
         *
         *     `Accept` chooses the form: JSON (`application/json`), which is the default, or CBOR (`application/cbor`). `application/json` and `application/geo+json` stand for each other. A client that takes none of these is answered 406.
         */
        get: operations["getAttributesProvenance"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/databases/{db}/timeseries/{prefix}*": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * The points of several series.
         * @description `prefix` is percent-encoded: `/` within it is written `%2F`, a star at its end `%2A`.
         *
         *     An answer in JSON is a page of up to `limit` items, as of `seq`. The next one is at `href` of the link `next` in `links`, and in the header field `Link`: the same question with its `cursor`. On the last page there is neither.
         *
         *     `Accept` chooses the form: JSON (`application/json`), which is the default, or CBOR (`application/cbor`), lines of JSON (`application/x-ndjson`), CSV (`text/csv`). `application/json` and `application/geo+json` stand for each other. A client that takes none of these is answered 406.
         *
         *     `application/x-ndjson`, `text/csv`: all that is found, without pages, links and `Link`; `limit` is then how many items there are at most. An answer that cannot be finished ends with its connection.
         */
        get: operations["getSeriesByPrefix"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/databases/{db}/timeseries/{series}/aggregate": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * What the points of a series come to.
         * @description `series` is percent-encoded: `/` within it is written `%2F`, a star at its end `%2A`.
         *
         *     `Accept` chooses the form: JSON (`application/json`), which is the default, or CBOR (`application/cbor`), lines of JSON (`application/x-ndjson`), CSV (`text/csv`). `application/json` and `application/geo+json` stand for each other. A client that takes none of these is answered 406.
         *
         *     `application/x-ndjson`, `text/csv`: all that is found, without pages, links and `Link`. An answer that cannot be finished ends with its connection.
         */
        get: operations["getAggregate"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/databases/{db}/timeseries/{prefix}*/aggregate": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * The same of several series.
         * @description `prefix` is percent-encoded: `/` within it is written `%2F`, a star at its end `%2A`.
         *
         *     `Accept` chooses the form: JSON (`application/json`), which is the default, or CBOR (`application/cbor`), lines of JSON (`application/x-ndjson`), CSV (`text/csv`). `application/json` and `application/geo+json` stand for each other. A client that takes none of these is answered 406.
         *
         *     `application/x-ndjson`, `text/csv`: all that is found, without pages, links and `Link`. An answer that cannot be finished ends with its connection.
         */
        get: operations["getAggregateByPrefix"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/databases/{db}/timeseries/{series}/summary": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * A series in figures.
         * @description `series` is percent-encoded: `/` within it is written `%2F`, a star at its end `%2A`.
         *
         *     `Accept` chooses the form: JSON (`application/json`), which is the default, or CBOR (`application/cbor`). `application/json` and `application/geo+json` stand for each other. A client that takes none of these is answered 406.
         */
        get: operations["getSummary"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/databases/{db}/timeseries/{series}/provenance": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * The blocks of a range of points.
         * @description `series` is percent-encoded: `/` within it is written `%2F`, a star at its end `%2A`.
         *
         *     An answer in JSON is a page of up to `limit` blocks. `next` is the `since` of the next one, and `null` on the last; the header field `Link` has the whole link. A page may be short, or empty, and still have a next one.
         *
         *     `Accept` chooses the form: JSON (`application/json`), which is the default, or CBOR (`application/cbor`). `application/json` and `application/geo+json` stand for each other. A client that takes none of these is answered 406.
         */
        get: operations["getSeriesProvenance"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/databases/{db}/timeseries/{series}/diff": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * What changed in a series.
         * @description `series` is percent-encoded: `/` within it is written `%2F`, a star at its end `%2A`.
         *
         *     An answer in JSON is a page of up to `limit` items, as of `seq`. The next one is at `href` of the link `next` in `links`, and in the header field `Link`: the same question with its `cursor`. On the last page there is neither.
         *
         *     `Accept` chooses the form: JSON (`application/json`), which is the default, or CBOR (`application/cbor`). `application/json` and `application/geo+json` stand for each other. A client that takes none of these is answered 406.
         */
        get: operations["getSeriesDiff"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/databases/{db}/timeseries/{prefix}*/summary": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * Several series in figures.
         * @description `prefix` is percent-encoded: `/` within it is written `%2F`, a star at its end `%2A`.
         *
         *     An answer in JSON is a page of up to `limit` items, as of `seq`. The next one is at `href` of the link `next` in `links`, and in the header field `Link`: the same question with its `cursor`. On the last page there is neither.
         *
         *     `Accept` chooses the form: JSON (`application/json`), which is the default, or CBOR (`application/cbor`), lines of JSON (`application/x-ndjson`), CSV (`text/csv`). `application/json` and `application/geo+json` stand for each other. A client that takes none of these is answered 406.
         *
         *     `application/x-ndjson`, `text/csv`: all that is found, without pages, links and `Link`; `limit` is then how many items there are at most. An answer that cannot be finished ends with its connection.
         */
        get: operations["getSummaryByPrefix"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/databases/{db}/timeseries/{series}/latest": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * The last point of a series.
         * @description `series` is percent-encoded: `/` within it is written `%2F`, a star at its end `%2A`.
         *
         *     `Accept` chooses the form: JSON (`application/json`), which is the default, or CBOR (`application/cbor`). `application/json` and `application/geo+json` stand for each other. A client that takes none of these is answered 406.
         */
        get: operations["getLatest"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/databases/{db}/timeseries/{prefix}*/latest": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * The last points of several series.
         * @description `prefix` is percent-encoded: `/` within it is written `%2F`, a star at its end `%2A`.
         *
         *     An answer in JSON is a page of up to `limit` items, as of `seq`. The next one is at `href` of the link `next` in `links`, and in the header field `Link`: the same question with its `cursor`. On the last page there is neither.
         *
         *     `Accept` chooses the form: JSON (`application/json`), which is the default, or CBOR (`application/cbor`), lines of JSON (`application/x-ndjson`), CSV (`text/csv`). `application/json` and `application/geo+json` stand for each other. A client that takes none of these is answered 406.
         *
         *     `application/x-ndjson`, `text/csv`: all that is found, without pages, links and `Link`; `limit` is then how many items there are at most. An answer that cannot be finished ends with its connection.
         */
        get: operations["getLatestByPrefix"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/databases/{db}/journal": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * Blocks in their order.
         * @description An answer in JSON is a page of up to `limit` blocks. `next` is the `since` of the next one, with `order=desc` its `until`, and `null` on the last; the header field `Link` has the whole link. A page may be short, or empty, and still have a next one.
         *
         *     `Accept` chooses the form: JSON (`application/json`), which is the default, or CBOR (`application/cbor`), lines of JSON (`application/x-ndjson`). `application/json` and `application/geo+json` stand for each other. A client that takes none of these is answered 406.
         *
         *     `application/x-ndjson`: all that is found, without pages, links and `Link`; `limit` is then how many items there are at most. An answer that cannot be finished ends with its connection.
         */
        get: operations["getJournal"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/databases/{db}/journal/events": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * Blocks that a filter takes, page by page.
         * @description What a stream sends after `since` (0 without it), as pages for requests that wait. `next` is the sequence up to which all is decided: the `since` of the next request, whether there is an entry or not.
         *
         *     Filters are parameters of the query string, and all must hold: `prop.mag=gte:5`, `prop.size.lon=lt:3` of a member of a property, `prop.status=reviewed`, `prop.mag=in:5,6`, `prop.depth=exists`, `time=since:2026-01-31`, `seq=gt:100`. Operations are `eq`, `ne`, `gt`, `gte`, `lt`, `lte`, `in`, `exists`, `since` and `until`. One may be given twice, for both ends of a range.
         *
         *     `Accept` chooses the form: JSON (`application/json`), which is the default, or CBOR (`application/cbor`). `application/json` and `application/geo+json` stand for each other. A client that takes none of these is answered 406.
         */
        get: operations["getJournalEvents"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/databases/{db}/journal/stream": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * Blocks as they come, as server-sent events.
         * @description What came after `since` is sent first, or after the block that `Last-Event-ID` names; without either only what comes from now on. The data of an event `journal_event` is an entry of the journal with the sequence of the event before it (`after`); of `live` and `lagging` it is the sequence up to which all was sent. After FORMDB_HEARTBEAT_MS without news an `id` without an event says how far the journal was looked through, or a comment that the connection lives. A stream of a database that is not open waits for it.
         *
         *     Filters are parameters of the query string, and all must hold: `prop.mag=gte:5`, `prop.size.lon=lt:3` of a member of a property, `prop.status=reviewed`, `prop.mag=in:5,6`, `prop.depth=exists`, `time=since:2026-01-31`, `seq=gt:100`. Operations are `eq`, `ne`, `gt`, `gte`, `lt`, `lte`, `in`, `exists`, `since` and `until`. One may be given twice, for both ends of a range.
         */
        get: operations["getJournalStream"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/databases/{db}/blocks/{block}": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * A block, as JSON or CBOR.
         * @description `Accept` chooses the form: JSON (`application/json`), which is the default, or CBOR (`application/cbor`). `application/json` and `application/geo+json` stand for each other. A client that takes none of these is answered 406.
         */
        get: operations["getBlock"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/databases/{db}/blocks/{block}/revert": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * Undoes a block.
         * @description Sent again with the same `Idempotency-Key` it is written once; the answer is that of the first time, with `Idempotency-Replayed: true`.
         */
        post: operations["postBlockRevert"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/databases/{db}/blocks/{block}/restore": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * Writes a version of a feature again.
         * @description Sent again with the same `Idempotency-Key` it is written once; the answer is that of the first time, with `Idempotency-Replayed: true`.
         */
        post: operations["postBlockRestore"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/databases/{db}/reverts": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * Undoes several blocks, or none.
         * @description A `filter` means no reverts, unless its `op` is `revert`; what was undone and done again is undone by the block that did it again. So the same filter is undone once: asked again it is 409, with `nothing_to_undo` in `errors`.
         *
         *     Sent again with the same `Idempotency-Key` it is written once; the answer is that of the first time, with `Idempotency-Replayed: true`.
         */
        post: operations["postReverts"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/databases/{db}/tree": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * The root of the Merkle tree.
         * @description `Accept` chooses the form: JSON (`application/json`), which is the default, or CBOR (`application/cbor`). `application/json` and `application/geo+json` stand for each other. A client that takes none of these is answered 406.
         */
        get: operations["getTree"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/databases/{db}/proofs/inclusion": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * A proof that a block is in the tree.
         * @description `Accept` chooses the form: JSON (`application/json`), which is the default, or CBOR (`application/cbor`). `application/json` and `application/geo+json` stand for each other. A client that takes none of these is answered 406.
         */
        get: operations["getInclusion"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/databases/{db}/proofs/consistency": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * A proof that the tree only grew.
         * @description `Accept` chooses the form: JSON (`application/json`), which is the default, or CBOR (`application/cbor`). `application/json` and `application/geo+json` stand for each other. A client that takes none of these is answered 406.
         */
        get: operations["getConsistency"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/databases/{db}/transactions": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /** Begins a transaction. */
        post: operations["postTransactions"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/databases/{db}/transactions/{txn}": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * Where a transaction stands.
         * @description `Accept` chooses the form: JSON (`application/json`), which is the default, or CBOR (`application/cbor`). `application/json` and `application/geo+json` stand for each other. A client that takes none of these is answered 406.
         */
        get: operations["getTransaction"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/databases/{db}/transactions/{txn}/operations": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * Adds operations.
         * @description Sent again with the same `Idempotency-Key` it is written once; the answer is that of the first time, with `Idempotency-Replayed: true`.
         */
        post: operations["postTransactionOperations"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/databases/{db}/transactions/{txn}/commit": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * Writes all of it, or nothing.
         * @description Sent again with the same `Idempotency-Key` it is written once; the answer is that of the first time, with `Idempotency-Replayed: true`.
         */
        post: operations["postTransactionCommit"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/databases/{db}/transactions/{txn}/abort": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /** Ends it without writing. */
        post: operations["postTransactionAbort"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/databases/{db}/webhooks": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * The webhooks of a database.
         * @description Whole addresses are shown to those alone who have admin on it. Of the past it is told what the journal has.
         *
         *     `Accept` chooses the form: JSON (`application/json`), which is the default, or CBOR (`application/cbor`). `application/json` and `application/geo+json` stand for each other. A client that takes none of these is answered 406.
         */
        get: operations["getWebhooks"];
        put?: never;
        /**
         * Registers a webhook.
         * @description Events of the journal are sent to its address from now on, or from `since` on. The secret by which they are signed is in this answer alone.
         */
        post: operations["postWebhooks"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/databases/{db}/webhooks/{webhook}": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * A webhook, and how it gets on.
         * @description `Accept` chooses the form: JSON (`application/json`), which is the default, or CBOR (`application/cbor`). `application/json` and `application/geo+json` stand for each other. A client that takes none of these is answered 406.
         */
        get: operations["getWebhook"];
        put?: never;
        post?: never;
        /** Deletes a webhook. */
        delete: operations["deleteWebhook"];
        options?: never;
        head?: never;
        /**
         * Changes, pauses or resumes a webhook.
         * @description With `rotate_secret` it gets another secret, which is in this answer alone.
         */
        patch: operations["patchWebhook"];
        trace?: never;
    };
    "/api/v1/databases/{db}/webhooks/{webhook}/dead-letters": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * Deliveries that were given up.
         * @description `Accept` chooses the form: JSON (`application/json`), which is the default, or CBOR (`application/cbor`). `application/json` and `application/geo+json` stand for each other. A client that takes none of these is answered 406.
         */
        get: operations["getDeadLetters"];
        put?: never;
        /** Sends deliveries that were given up again, or forgets them. */
        post: operations["postDeadLetters"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/databases/{db}/backups": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * The backups of a database.
         * @description Those in the server's folder of backups, and the one that is being taken.
         *
         *     `Accept` chooses the form: JSON (`application/json`), which is the default, or CBOR (`application/cbor`). `application/json` and `application/geo+json` stand for each other. A client that takes none of these is answered 406.
         */
        get: operations["getBackups"];
        put?: never;
        /**
         * Takes a backup of a database.
         * @description Of what is durable now, while others read and write, into the server's folder of backups. Without a name it is called by the time. It is answered when the backup is done or after some seconds: `state` is `running` then, and the list says how far it is.
         */
        post: operations["postBackups"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
}
export type webhooks = Record<string, never>;
export interface components {
    schemas: {
        /**
         * @example {
         *       "status": "ok"
         *     }
         */
        Alive: {
            /** @constant */
            status: "ok";
        };
        /**
         * @description `degraded`: reads go on, and `reasons` says what does not: the memory for indexes is all but used up, the disk has too little room, or a database does not follow the clock.
         * @example {
         *       "status": "ready"
         *     }
         */
        Ready: {
            status: components["schemas"]["Readiness"];
            reasons?: components["schemas"]["Reasons"];
        };
        /**
         * @example {
         *       "status": "not ready",
         *       "reasons": [
         *         {
         *           "database": "quakes",
         *           "reason": "its journal is being read"
         *         }
         *       ]
         *     }
         */
        NotReady: {
            /** @constant */
            status: "not ready";
            reasons: components["schemas"]["Reasons"];
        };
        /** @enum {string} */
        Readiness: "ready" | "degraded";
        Reasons: components["schemas"]["ReasonNotReady"][];
        ReasonNotReady: {
            reason: string;
            database?: components["schemas"]["DatabaseName"];
        };
        Server: {
            status: components["schemas"]["ServerStatus"];
            version: string;
            elixir: string;
            otp: string;
            schedulers: number;
            uptime_seconds: number;
            /** @description Open now; null where another server is the host. */
            connections: number | null;
            processes: number;
            memory: components["schemas"]["MemoryFigures"];
            index_memory: components["schemas"]["IndexMemoryFigures"];
            disk: components["schemas"]["DiskFigures"];
            databases: components["schemas"]["DatabaseState"][];
            reasons?: components["schemas"]["Reasons"];
        };
        /** @enum {string} */
        ServerStatus: "ok" | "degraded" | "stopping";
        /** @description Bytes of the Erlang VM, without those of the engine. */
        MemoryFigures: {
            total: number;
            processes: number;
            binary: number;
            ets: number;
            code: number;
        };
        /** @description The indexes of all databases; beyond the limit writes that add are refused. */
        IndexMemoryFigures: {
            used_bytes: number;
            limit_bytes: number;
        };
        /** @description The disk of the data folder. */
        DiskFigures: {
            /** @description null where the system does not say. */
            free_bytes: number | null;
            /** @description null where the system does not say. */
            size_bytes: number | null;
            /** @description Below it writes are refused. */
            min_free_bytes: number;
        };
        /**
         * @example {
         *       "version": "0.1.0",
         *       "api": "v1",
         *       "elixir": "1.14.0",
         *       "otp": "25",
         *       "tzdata": "2026f"
         *     }
         */
        Version: {
            version: string;
            /** @constant */
            api: "v1";
            elixir: string;
            otp: string;
            /** @description The release of the IANA time zone database. */
            tzdata: string;
        };
        Home: {
            name: string;
            version: string;
            databases: components["schemas"]["DatabaseLink"][];
            links: components["schemas"]["TypedLink"][];
        };
        DatabaseLink: {
            id: components["schemas"]["DatabaseName"];
            status: components["schemas"]["DatabaseStatus"];
            /** Format: uri-reference */
            href: string;
        };
        TypedLink: {
            rel: string;
            /** Format: uri-reference */
            href: string;
            type: string;
        };
        /** @description A page, or a part of one. */
        Page: string;
        /** @description A document of OpenAPI. */
        Document: {
            openapi: string;
            info: components["schemas"]["JsonObject"];
            paths: components["schemas"]["JsonObject"];
        };
        /** @description Figures of the databases, the requests and the VM, for Prometheus. */
        Metrics: string;
        /**
         * @example {
         *       "username": "ana",
         *       "password": "correct horse battery"
         *     }
         */
        SignIn: {
            username: string;
            /** Format: password */
            password: string;
        };
        Token: {
            /** @description A JSON Web Token, to be sent as Bearer. */
            access_token: string;
            /** @constant */
            token_type: "Bearer";
            /** @description Seconds for which it is good. */
            expires_in: number;
            scope: components["schemas"]["Scope"];
        };
        Verified: {
            /** @description True: what is not valid is answered 401. */
            active: boolean;
            /** @description What the journal calls them, as `actor`. */
            sub: string;
            scope: components["schemas"]["Scope"];
            /** @description When it expires, in seconds since the epoch; absent: never. */
            exp?: number;
        };
        /**
         * @description What may be done: `ACT:DATABASE` with spaces between. An act is `read`, `write` or `admin`, each of which implies those before it; a database is a name, the beginning of names with a star after it, or a star alone.
         * @example read:* write:team-*
         */
        Scope: string;
        /**
         * @description The name of a database.
         * @example quakes
         */
        DatabaseName: string;
        /**
         * @description Without a name the server makes one up (`db_...`).
         * @example {
         *       "name": "quakes"
         *     }
         */
        DatabaseRequest: {
            name?: components["schemas"]["DatabaseName"];
        };
        /**
         * @example {
         *       "databases": [
         *         {
         *           "id": "quakes",
         *           "status": "open"
         *         }
         *       ]
         *     }
         */
        Databases: {
            databases: components["schemas"]["ListedDatabase"][];
        };
        /** @description One that is `failed` has `code` and `detail`. */
        ListedDatabase: {
            id: components["schemas"]["DatabaseName"];
            status: components["schemas"]["DatabaseStatus"];
            code?: components["schemas"]["Code"];
            detail?: string;
        };
        /** @enum {string} */
        DatabaseStatus: "open" | "opening" | "closed" | "failed";
        /** @description An open database in figures; of another the name and the status. */
        DatabaseState: components["schemas"]["Database"] | components["schemas"]["ListedDatabase"];
        Database: {
            id: components["schemas"]["DatabaseName"];
            status: components["schemas"]["DatabaseStatus"];
            /** @description Public id of the log; a salvaged copy has another. */
            log: string;
            /** @description Blocks that readers see. */
            seq: number;
            /** @description Those of them that are on disk. */
            durable_seq: number;
            root: components["schemas"]["Hash"];
            features: number;
            /** @description Earlier versions of features. */
            versions: number;
            series: number;
            points: number;
            defaults: components["schemas"]["Defaults"];
            /** @description Memory of finished documents. */
            cached_bytes: number;
            /** @description How far the system's clock is ahead of commit times. */
            clock_offset_ms: number;
            /** @description Why it answers nothing until it is opened again. */
            failed: string | null;
            /** @description Memory of geometries kept ready to be compared. */
            geometry_cache_bytes: number;
            /** @description Groups committed since it was opened. */
            groups: number;
            index_bytes: components["schemas"]["IndexBytes"];
            journal_bytes: number;
            /** @description Why it takes no writes any more. */
            poisoned: string | null;
            query_cache: components["schemas"]["QueryCacheFigures"];
            /** @description Transactions that wait to be committed. */
            queued: number;
            scrub: components["schemas"]["ScrubFigures"];
            segments: number;
            /** @description Committed since it was opened. */
            transactions: number;
        };
        /** @description Memory of the indexes by what takes it, an estimate. */
        IndexBytes: {
            features: number;
            other: number;
            points: number;
            series: number;
            total: number;
            versions: number;
        };
        QueryCacheFigures: {
            bytes: number;
            entries: number;
            evictions: number;
            expirations: number;
            hits: number;
            invalidations: number;
            misses: number;
        };
        ScrubFigures: {
            bytes: number;
            damaged: number;
            finished: number | null;
            passes: number;
            position: number;
        };
        /** @description What holds for requests that do not say otherwise. */
        Defaults: {
            on_duplicate: components["schemas"]["OnDuplicatePoint"];
        };
        /**
         * @example {
         *       "on_duplicate": "replace",
         *       "provenance": {
         *         "agent": "Ana"
         *       }
         *     }
         */
        DefaultsInput: {
            on_duplicate: components["schemas"]["OnDuplicatePoint"];
            provenance?: components["schemas"]["Provenance"] | null;
        };
        DefaultsSet: {
            id: components["schemas"]["DatabaseName"];
            defaults: components["schemas"]["Defaults"];
            seq: components["schemas"]["BlockSeq"];
            hash: components["schemas"]["Hash"];
            time: components["schemas"]["Timestamp"];
        };
        DatabaseGone: components["schemas"]["DatabaseClosed"] | components["schemas"]["DatabasePurged"];
        DatabaseClosed: {
            id: components["schemas"]["DatabaseName"];
            /** @description True: it was closed. */
            closed: boolean;
        };
        DatabasePurged: {
            id: components["schemas"]["DatabaseName"];
            /** @description True: its files were removed. */
            purged: boolean;
        };
        DatabaseSchema: {
            seq: components["schemas"]["Seq"];
            features: components["schemas"]["FeaturesSchema"];
            series: components["schemas"]["SeriesSchema"];
        };
        FeaturesSchema: {
            count: number;
            /** @description Features by the type of their geometry. */
            geometry_types: {
                [key: string]: number;
            };
            /** @description Features with a property of that name, at the top level. */
            properties: {
                [key: string]: components["schemas"]["PropertySchema"];
            };
            /** @description There, and true, where properties may have been left out. */
            properties_truncated?: boolean;
        };
        PropertySchema: {
            count: number;
            /** @description By the type of the value. */
            types: {
                [key: string]: number;
            };
        };
        SeriesSchema: {
            count: number;
            points: number;
            first?: components["schemas"]["Timestamp"];
            last?: components["schemas"]["Timestamp"];
        };
        /**
         * @example {
         *       "feature_id": "us7000abcd",
         *       "seq": 1,
         *       "hash": "19722032862f116fa31e003f8e6db7d42a9a5da52e853f901ac6b69ee1283608",
         *       "time": "2026-11-23T11:08:38.952849Z"
         *     }
         */
        FeatureWritten: {
            feature_id: components["schemas"]["Id"];
            seq: components["schemas"]["BlockSeq"];
            hash: components["schemas"]["Hash"];
            time: components["schemas"]["Timestamp"];
            warnings?: components["schemas"]["Warnings"];
            warning_counts?: components["schemas"]["WarningCounts"];
        };
        /**
         * @description For an empty collection both sequences are null.
         * @example {
         *       "inserted": 2,
         *       "replaced": 0,
         *       "first_seq": 2,
         *       "last_seq": 3,
         *       "feature_ids": [
         *         "a",
         *         "b"
         *       ]
         *     }
         */
        CollectionWritten: {
            /** @description Features that were new. */
            inserted: number;
            /** @description Features that got a new version. */
            replaced: number;
            first_seq: components["schemas"]["BlockSeq"] | null;
            last_seq: components["schemas"]["BlockSeq"] | null;
            feature_ids: components["schemas"]["Id"][];
            /** @description With `on_error=skip`. */
            rejected?: components["schemas"]["Rejected"][];
            warnings?: components["schemas"]["Warnings"];
            warning_counts?: components["schemas"]["WarningCounts"];
        };
        /**
         * @description A Feature or geometry a line. They are written as they come, in transactions of up to 5,000 lines or 4 MiB.
         * @example {"type":"Feature","id":"a","geometry":{"type":"Point","coordinates":[142.1,38.0]},"properties":{}}
         */
        FeatureLines: string;
        /**
         * @description The same as a text sequence (RFC 8142): 0x1E before each.
         * @example {"type":"Feature","id":"a","geometry":{"type":"Point","coordinates":[142.1,38.0]},"properties":{}}
         */
        FeatureSequence: string;
        /** @description What each line is: progress, at most once a second, and at the end one that says how it ended. */
        Uploaded: components["schemas"]["UploadProgress"] | components["schemas"]["UploadDone"] | components["schemas"]["UploadFailed"];
        UploadProgress: {
            inserted: number;
            last_seq: components["schemas"]["BlockSeq"] | null;
        };
        UploadDone: {
            /** @description True: all of it was read. */
            done: boolean;
            /** @description Features that were new, or points. */
            inserted: number;
            /** @description Features that got a new version, or points that went for others. */
            replaced: number;
            /** @description Points that were not written, as duplicates. */
            ignored: number;
            /** @description What an earlier attempt with the same key had written already. */
            skipped: number;
            /** @description Of the first block that was written of the body. */
            first_seq: components["schemas"]["BlockSeq"] | null;
            /** @description Of the last one. */
            last_seq: components["schemas"]["BlockSeq"] | null;
            /** @description How many blocks were written of the body. Where these are all from the first to the last, no block of another write lies between. */
            blocks: number;
            /** @description What was left out. */
            rejected: components["schemas"]["RejectedLine"][];
            /** @description Of a table: cells without a value. */
            missing?: number;
            warnings?: components["schemas"]["WarningsInLines"];
            warning_counts?: components["schemas"]["WarningCounts"];
        };
        /** @description What is reported as written stays. */
        UploadFailed: {
            /** @description False: it ended before. */
            done: boolean;
            error: components["schemas"]["Fault"];
            /** @description Features that were new, or points. */
            inserted: number;
            /** @description Features that got a new version, or points that went for others. */
            replaced: number;
            /** @description Points that were not written, as duplicates. */
            ignored: number;
            /** @description What an earlier attempt with the same key had written already. */
            skipped: number;
            /** @description Of the first block that was written of the body. */
            first_seq: components["schemas"]["BlockSeq"] | null;
            /** @description Of the last one. */
            last_seq: components["schemas"]["BlockSeq"] | null;
            /** @description How many blocks were written of the body. Where these are all from the first to the last, no block of another write lies between. */
            blocks: number;
            /** @description What was left out. */
            rejected: components["schemas"]["RejectedLine"][];
            /** @description Of a table: cells without a value. */
            missing?: number;
            warnings?: components["schemas"]["WarningsInLines"];
            warning_counts?: components["schemas"]["WarningCounts"];
        };
        RejectedLine: {
            /** @description From 1; of a text sequence the number of the record. */
            line: number;
            code: components["schemas"]["Code"];
            detail: string;
            pointer: string;
        };
        FeaturesWritten: components["schemas"]["FeatureWritten"] | components["schemas"]["CollectionWritten"];
        /**
         * @description A JSON merge patch (RFC 7396): members replace those of the feature, null removes one, objects are merged. A geometry is replaced as a whole.
         * @example {
         *       "properties": {
         *         "mag": 5.7,
         *         "status": null
         *       }
         *     }
         */
        FeaturePatch: {
            geometry?: components["schemas"]["Geometry"] | null;
            properties?: components["schemas"]["JsonObject"] | null;
            provenance?: components["schemas"]["Provenance"] | null;
        };
        /**
         * @description As in JSON Patch.
         * @enum {string}
         */
        ChangeOperation: "add" | "remove" | "replace";
        /** @description An operation of JSON Patch (RFC 6902). */
        FeatureChange: {
            op: components["schemas"]["ChangeOperation"];
            /** @description JSON pointer. */
            path: string;
            /** @description What was there before. */
            from?: unknown;
            /** @description What is there after. */
            value?: unknown;
        };
        FeatureDiff: {
            feature_id: components["schemas"]["Id"];
            /** @description Null where there was none. */
            from: components["schemas"]["VersionEntry"] | null;
            /** @description Null where there was none. */
            to: components["schemas"]["VersionEntry"] | null;
            changes: components["schemas"]["FeatureChange"][];
        };
        /** @description All pages show the database as it was at `seq`. */
        FeaturePage: {
            /** @constant */
            type: "FeatureCollection";
            features: components["schemas"]["Feature"][];
            seq: components["schemas"]["Seq"];
            numberReturned: number;
            links: components["schemas"]["PageLinks"];
        };
        /**
         * @description With `count=true`.
         * @example {
         *       "numberMatched": 2,
         *       "seq": 7
         *     }
         */
        FeatureCount: {
            numberMatched: number;
            seq: components["schemas"]["Seq"];
        };
        Heatmap: {
            cells: components["schemas"]["HeatmapCell"][];
            seq: components["schemas"]["Seq"];
        };
        HeatmapCell: {
            /** @description West, south, east, north in degrees. */
            bbox: number[];
            count: number;
            /** @description With the parameter `sum`. */
            sum?: number | null;
        };
        ProvenanceChain: {
            feature_id: components["schemas"]["Id"];
            /** @description Oldest first. */
            provenance_chain: components["schemas"]["VersionEntry"][];
            /** @description The `since` of the next page; null at the end. */
            next: components["schemas"]["BlockSeq"] | null;
        };
        Lineage: {
            feature_id: components["schemas"]["Id"];
            derived_from: components["schemas"]["VersionEntry"][];
            /** @description Hashes that are no block of this database. */
            elsewhere: components["schemas"]["Hash"][];
            /** @description Whether there are more. */
            truncated: boolean;
        };
        /** @description A geometry, a Feature that has it, or a collection of that Feature. */
        Area: components["schemas"]["Geometry"] | components["schemas"]["AreaFeature"] | components["schemas"]["AreaCollection"];
        AreaFeature: {
            /** @constant */
            type: "Feature";
            geometry: components["schemas"]["Geometry"];
        };
        AreaCollection: {
            /** @constant */
            type: "FeatureCollection";
            features: components["schemas"]["AreaFeature"][];
        };
        /** @description Filters, by their names: each is an expression or a list of them. */
        Filters: {
            /**
             * @description When the version was committed.
             * @example since:2026-01-31
             */
            time?: string | string[];
            /**
             * @description The sequence of the version.
             * @example gt:100
             */
            seq?: string | string[];
        } & {
            [key: string]: string | string[];
        };
        /** @description A geometry, a Feature that has it, or an object with the parameters of the query string, which overrides it. */
        SearchAtGeometry: components["schemas"]["Area"] | components["schemas"]["SearchAtGeometryParameters"];
        /** @description The parameters of the query string, which overrides them. */
        SearchAtGeometryParameters: {
            geometry?: components["schemas"]["Area"];
            feature?: components["schemas"]["Id"];
            predicate?: components["schemas"]["Predicate"];
            antimeridian?: components["schemas"]["Antimeridian"];
            limit?: number;
            cursor?: string;
            as_of?: number | string;
            transaction?: components["schemas"]["TransactionId"];
            count?: boolean | components["schemas"]["Truth"];
            filters?: components["schemas"]["Filters"];
        };
        /** @description A geometry, a Feature that has it, or an object with the parameters of the query string, which overrides it. */
        SearchInArea: components["schemas"]["Area"] | components["schemas"]["SearchInAreaParameters"];
        /** @description The parameters of the query string, which overrides them. */
        SearchInAreaParameters: {
            geometry?: components["schemas"]["Area"];
            feature?: components["schemas"]["Id"];
            bbox?: string | components["schemas"]["Bbox"];
            antimeridian?: components["schemas"]["Antimeridian"];
            limit?: number;
            cursor?: string;
            as_of?: number | string;
            transaction?: components["schemas"]["TransactionId"];
            count?: boolean | components["schemas"]["Truth"];
            filters?: components["schemas"]["Filters"];
        };
        /**
         * @description Of OpenAPI.
         * @enum {string}
         */
        OpenapiVersion: "3.1" | "3.0";
        /**
         * @description What the answer promises; without it the setting FORMDB_DURABILITY.
         * @enum {string}
         */
        Durability: "sync" | "interval" | "none";
        /**
         * @description How a feature lies to where one looks; without it intersects.
         * @enum {string}
         */
        Predicate: "intersects" | "within" | "contains";
        /**
         * @description What becomes of edges wider than 180 degrees; without it they are refused.
         * @enum {string}
         */
        Antimeridian: "refuse" | "cut" | "as_is";
        /**
         * @description Whether features of one request with the same id are refused, which is the default, or all written. Of lines and sequences they are all written.
         * @enum {string}
         */
        OnDuplicate: "refuse" | "replace";
        /**
         * @description Whether faulty features have all refused, which is the default, or are left out. Of lines and sequences they are left out by default, or stop it.
         * @enum {string}
         */
        OnError: "refuse" | "skip" | "stop";
        /**
         * @description What each series comes with besides its points.
         * @enum {string}
         */
        Include: "attributes";
        /**
         * @description Which header a table has: series_id,timestamp,value (long), timestamp and a column a series (wide), or timestamp,value with series_id (single). Without it the names of its columns tell.
         * @enum {string}
         */
        TableShape: "long" | "wide" | "single";
        /**
         * @description What integers count that stand for times; without it microseconds.
         * @enum {string}
         */
        Unit: "s" | "ms" | "us" | "ns";
        /**
         * @description What becomes of a point for whose timestamp the series has points already, stored or earlier in the request; without it what the database says, at first keep. A body that is written as it comes does not take refuse.
         * @enum {string}
         */
        OnDuplicatePoint: "keep" | "replace" | "ignore" | "refuse";
        /**
         * @description Whether faulty lines are left out, which is the default, or stop it.
         * @enum {string}
         */
        OnFaultyLine: "skip" | "stop";
        /**
         * @description Oldest or newest first.
         * @enum {string}
         */
        Order: "asc" | "desc";
        /**
         * @description Of a table: a row for each point, or side by side, a column for each series.
         * @enum {string}
         */
        Shape: "long" | "wide";
        /**
         * @description What points are put together by, instead of buckets, as their zone's clock shows it.
         * @enum {string}
         */
        GroupBy: "hour_of_day" | "day_of_week" | "month";
        /** @enum {string} */
        Fill: "none" | "null" | "previous" | "linear";
        /** @description One point, a list of them, or columns of one series; all or nothing. */
        PointsInput: components["schemas"]["PointInput"] | components["schemas"]["PointsList"] | components["schemas"]["PointsColumns"];
        /**
         * @example {
         *       "series_id": "tokyo/temperature",
         *       "timestamp": "2026-01-31T12:00:00+09:00",
         *       "value": 4.5
         *     }
         */
        PointInput: {
            series_id: components["schemas"]["SeriesId"];
            timestamp: components["schemas"]["Time"];
            /** @description A finite double. An integer that no double holds is refused. */
            value: number;
            metadata?: components["schemas"]["JsonObject"];
            provenance?: components["schemas"]["Provenance"];
        };
        /** @description The provenance is that of every point without one of its own. */
        PointsList: {
            points: components["schemas"]["PointInput"][];
            provenance?: components["schemas"]["Provenance"];
        };
        /**
         * @description As many timestamps as values.
         * @example {
         *       "series_id": "tokyo/temperature",
         *       "timestamps": [
         *         "2026-01-31T05:00:00Z",
         *         "2026-01-31T06:00:00Z"
         *       ],
         *       "values": [
         *         5.6,
         *         5.4
         *       ]
         *     }
         */
        PointsColumns: {
            series_id: components["schemas"]["SeriesId"];
            timestamps: components["schemas"]["Time"][];
            values: number[];
            provenance?: components["schemas"]["Provenance"];
        };
        /**
         * @description A point object a line, written as features in lines are.
         * @example {"series_id":"tokyo/temperature","timestamp":"2026-01-31T12:00:00+09:00","value":4.5}
         */
        PointLines: string;
        /**
         * @description CSV with a header: series_id, timestamp and value; or timestamp and a column a series; or timestamp and value, with the parameter series_id. An empty cell is a gap. Written as features in lines are.
         * @example series_id,timestamp,value
         *     tokyo/temperature,2026-01-31T12:00:00+09:00,4.5
         */
        PointTable: string;
        /**
         * @description A point: the sequence of the block that wrote it, and its place there.
         * @example pt_17_0
         */
        PointId: string;
        PointWritten: {
            point_id: components["schemas"]["PointId"];
            seq: components["schemas"]["BlockSeq"];
            hash: components["schemas"]["Hash"];
            time: components["schemas"]["Timestamp"];
            inserted: number;
            replaced: number;
            ignored: number;
            warnings?: components["schemas"]["Warnings"];
            warning_counts?: components["schemas"]["WarningCounts"];
        };
        /**
         * @description `replaced`: points that went for new ones. Where nothing was written both sequences are null.
         * @example {
         *       "inserted": 2,
         *       "replaced": 0,
         *       "ignored": 0,
         *       "first_seq": 5,
         *       "last_seq": 6
         *     }
         */
        SeveralWritten: {
            inserted: number;
            replaced: number;
            ignored: number;
            first_seq: components["schemas"]["BlockSeq"] | null;
            last_seq: components["schemas"]["BlockSeq"] | null;
            warnings?: components["schemas"]["Warnings"];
            warning_counts?: components["schemas"]["WarningCounts"];
        };
        /** @description All points were ignored: nothing was written. */
        PointsIgnored: {
            inserted: number;
            replaced: number;
            ignored: number;
            first_seq?: components["schemas"]["BlockSeq"] | null;
            last_seq?: components["schemas"]["BlockSeq"] | null;
        };
        /** @description The points of the range from now on; there may be none. */
        ReplacementInput: components["schemas"]["ReplacementList"] | components["schemas"]["ReplacementColumns"];
        ReplacementList: {
            points: components["schemas"]["ReplacementPoint"][];
            provenance?: components["schemas"]["Provenance"];
        };
        ReplacementPoint: {
            timestamp: components["schemas"]["Time"];
            /** @description A finite double. An integer that no double holds is refused. */
            value: number;
            series_id?: components["schemas"]["SeriesId"];
            metadata?: components["schemas"]["JsonObject"];
            provenance?: components["schemas"]["Provenance"];
        };
        /**
         * @example {
         *       "timestamps": [
         *         "2026-01-31T05:00:00Z"
         *       ],
         *       "values": [
         *         5.5
         *       ],
         *       "provenance": {
         *         "agent": "Ana",
         *         "note": "recalibrated"
         *       }
         *     }
         */
        ReplacementColumns: {
            timestamps: components["schemas"]["Time"][];
            values: number[];
            series_id?: components["schemas"]["SeriesId"];
            provenance?: components["schemas"]["Provenance"];
        };
        PointsReplaced: {
            series_id: components["schemas"]["SeriesId"];
            /** @description Points that the range had. */
            deleted: number;
            inserted: number;
            /** @description Points of the body in whose place later ones of it came. */
            replaced: number;
            ignored: number;
            first_seq: components["schemas"]["BlockSeq"] | null;
            last_seq: components["schemas"]["BlockSeq"] | null;
            hash: components["schemas"]["Hash"] | null;
            time: components["schemas"]["Timestamp"] | null;
            warnings?: components["schemas"]["Warnings"];
            warning_counts?: components["schemas"]["WarningCounts"];
        };
        /**
         * @description Without a timestamp it has that of the point in whose place it comes.
         * @example {
         *       "value": 4.6,
         *       "provenance": {
         *         "agent": "Ana",
         *         "note": "misread"
         *       }
         *     }
         */
        CorrectionInput: {
            /** @description A finite double. An integer that no double holds is refused. */
            value: number;
            timestamp?: components["schemas"]["Time"];
            metadata?: components["schemas"]["JsonObject"];
            provenance?: components["schemas"]["Provenance"];
        };
        PointCorrected: {
            series_id: components["schemas"]["SeriesId"];
            point_id: components["schemas"]["PointId"] | null;
            inserted: number;
            replaced: number;
            ignored: number;
            first_seq: components["schemas"]["BlockSeq"];
            last_seq: components["schemas"]["BlockSeq"];
            hash: components["schemas"]["Hash"];
            time: components["schemas"]["Timestamp"];
            warnings?: components["schemas"]["Warnings"];
            warning_counts?: components["schemas"]["WarningCounts"];
        };
        PointDeleted: {
            series_id: components["schemas"]["SeriesId"];
            point_id: components["schemas"]["PointId"];
            deleted: number;
            seq: components["schemas"]["BlockSeq"];
            hash: components["schemas"]["Hash"];
            time: components["schemas"]["Timestamp"];
        };
        PointsWritten: components["schemas"]["PointWritten"] | components["schemas"]["SeveralWritten"];
        /** @description Where there was nothing to delete nothing was written: then there is no block. */
        PointsDeleted: {
            series_id: components["schemas"]["SeriesId"];
            deleted: number;
            seq?: components["schemas"]["BlockSeq"];
            hash?: components["schemas"]["Hash"];
            time?: components["schemas"]["Timestamp"];
        };
        /** @description A series with attributes may have no points: then both times are null. */
        SeriesEntry: {
            series_id: components["schemas"]["SeriesId"];
            points: number;
            first: components["schemas"]["LocalTimestamp"] | null;
            last: components["schemas"]["LocalTimestamp"] | null;
            /** @description With `include=attributes`. */
            attributes?: components["schemas"]["JsonObject"] | null;
        };
        /**
         * @description Any members; `feature` is the id of the feature that the series belongs to. At most 64 KiB.
         * @example {
         *       "unit": "Cel",
         *       "description": "Air, 2 m above ground",
         *       "feature": "stn-1"
         *     }
         */
        AttributesInput: {
            feature?: components["schemas"]["FeatureId"];
            provenance?: components["schemas"]["Provenance"] | null;
        };
        /** @description As they were set; their provenance is that of their versions. */
        Attributes: {
            feature?: components["schemas"]["Id"];
        };
        AttributesWritten: {
            series_id: components["schemas"]["SeriesId"];
            seq: components["schemas"]["BlockSeq"];
            hash: components["schemas"]["Hash"];
            time: components["schemas"]["Timestamp"];
        };
        AttributesChain: {
            series_id: components["schemas"]["SeriesId"];
            /** @description Oldest first. */
            provenance_chain: components["schemas"]["VersionEntry"][];
            /** @description The `since` of the next page; null at the end. */
            next: components["schemas"]["BlockSeq"] | null;
        };
        SeriesPage: {
            series: components["schemas"]["SeriesEntry"][];
            seq: components["schemas"]["Seq"];
            links: components["schemas"]["PageLinks"];
        };
        /** @description CSV with the header series_id,points,first,last. Lines end in a line feed. */
        SeriesTable: string;
        TimedValue: {
            timestamp: components["schemas"]["LocalTimestamp"];
            value: number;
        };
        RangedPoint: {
            timestamp: components["schemas"]["LocalTimestamp"];
            value: number;
            seq?: components["schemas"]["BlockSeq"] | null;
            hash?: components["schemas"]["Hash"] | null;
            /** @description When it was written. */
            time?: components["schemas"]["Timestamp"] | null;
            /** @description Who wrote it. */
            actor?: string | null;
            point_id?: string | null;
            metadata?: components["schemas"]["JsonObject"] | null;
            provenance?: components["schemas"]["Provenance"] | null;
        };
        /** @description A point a line, as such lines are taken by POST; not with `include`. */
        SeriesPoint: {
            series_id: components["schemas"]["SeriesId"];
            timestamp: components["schemas"]["LocalTimestamp"];
            value: number;
            seq?: components["schemas"]["BlockSeq"] | null;
            hash?: components["schemas"]["Hash"] | null;
            /** @description When it was written. */
            time?: components["schemas"]["Timestamp"] | null;
            /** @description Who wrote it. */
            actor?: string | null;
            point_id?: string | null;
            metadata?: components["schemas"]["JsonObject"] | null;
            provenance?: components["schemas"]["Provenance"] | null;
        };
        /** @description A bucket or a group a line, with its value, or with one for each aggregation by its name. */
        SeriesValue: {
            series_id: components["schemas"]["SeriesId"];
            timestamp?: components["schemas"]["LocalTimestamp"];
            group?: components["schemas"]["GroupNumber"];
            value?: number | null;
        } & {
            [key: string]: number | null;
        };
        /** @description CSV with a header: of one series timestamp,value; of several series_id,timestamp,value; of points also the columns that `include` asks for; of groups group in place of timestamp; of several aggregations their names in place of value; or with shape=wide timestamp and a column a series. An empty cell is a gap. Lines end in a line feed. */
        Table: string;
        Range: {
            series_id: components["schemas"]["SeriesId"];
            /** @description Null when it was not given. */
            start: components["schemas"]["LocalTimestamp"] | null;
            /** @description Null when it was not given. */
            end: components["schemas"]["LocalTimestamp"] | null;
            data: components["schemas"]["RangedPoint"][];
            seq: components["schemas"]["Seq"];
            links: components["schemas"]["PageLinks"];
        };
        Ranges: {
            prefix: string;
            /** @description Null when it was not given. */
            start: components["schemas"]["LocalTimestamp"] | null;
            /** @description Null when it was not given. */
            end: components["schemas"]["LocalTimestamp"] | null;
            series: components["schemas"]["RangeOfSeries"][];
            seq: components["schemas"]["Seq"];
            links: components["schemas"]["PageLinks"];
        };
        RangeOfSeries: {
            series_id: components["schemas"]["SeriesId"];
            data: components["schemas"]["RangedPoint"][];
        };
        BucketsOfSeries: {
            series_id: components["schemas"]["SeriesId"];
            data: components["schemas"]["Buckets"];
        };
        /** @description A bucket, at its start. Null: no value, or one beyond the range of a double. */
        Bucket: {
            timestamp: components["schemas"]["LocalTimestamp"];
            value: number | null;
        };
        /**
         * @description A bucket with several aggregations, each by its name.
         * @example {
         *       "timestamp": "2026-01-31T02:00:00.000000Z",
         *       "avg": 4.5,
         *       "count": 1
         *     }
         */
        BucketValues: {
            timestamp: components["schemas"]["LocalTimestamp"];
        } & {
            [key: string]: number | null;
        };
        /** @description An hour from 0 to 23, a weekday from 1, a Monday, to 7, or a month. */
        GroupNumber: number;
        /**
         * @description A group with its value, or with several aggregations, each by its name.
         * @example {
         *       "group": 6,
         *       "value": 5.15
         *     }
         */
        Group: {
            group: components["schemas"]["GroupNumber"];
        } & {
            [key: string]: number | null;
        };
        Buckets: (components["schemas"]["Bucket"] | components["schemas"]["BucketValues"] | components["schemas"]["Group"])[];
        Aggregate: {
            series_id: components["schemas"]["SeriesId"];
            tz: string;
            data: components["schemas"]["Buckets"];
            seq: components["schemas"]["Seq"];
            /** @description If it was one that was asked for. */
            aggregation?: string;
            /** @description If they were several. */
            aggregations?: string[];
            interval?: string | null;
            window?: string;
            group_by?: components["schemas"]["GroupBy"];
            expected?: string;
        };
        Aggregates: {
            prefix: string;
            tz: string;
            series: components["schemas"]["BucketsOfSeries"][];
            seq: components["schemas"]["Seq"];
            /** @description If it was one that was asked for. */
            aggregation?: string;
            /** @description If they were several. */
            aggregations?: string[];
            interval?: string | null;
            window?: string;
            group_by?: components["schemas"]["GroupBy"];
            expected?: string;
        };
        Summary: {
            series_id: components["schemas"]["SeriesId"];
            count: number;
            first: components["schemas"]["TimedValue"] | null;
            last: components["schemas"]["TimedValue"] | null;
            min: number | null;
            max: number | null;
            avg: number | null;
            sum: number | null;
            stddev: number | null;
            seq: components["schemas"]["Seq"];
        };
        SeriesSummary: {
            series_id: components["schemas"]["SeriesId"];
            count: number;
            first: components["schemas"]["TimedValue"] | null;
            last: components["schemas"]["TimedValue"] | null;
            min: number | null;
            max: number | null;
            avg: number | null;
            sum: number | null;
            stddev: number | null;
        };
        /** @description Each series with its figures, also where it has no such points. */
        Summaries: {
            prefix: string;
            series: components["schemas"]["SeriesSummary"][];
            seq: components["schemas"]["Seq"];
            links: components["schemas"]["PageLinks"];
        };
        /** @description CSV with the header series_id,count,first,first_value,last,last_value,min,max,avg,sum,stddev. What there is not is an empty cell. Lines end in a line feed. */
        SummaryTable: string;
        LatestPage: {
            prefix: string;
            series: components["schemas"]["LatestPoint"][];
            seq: components["schemas"]["Seq"];
            links: components["schemas"]["PageLinks"];
        };
        /** @description CSV with the header series_id,timestamp,value,point_id,seq. Lines end in a line feed. */
        LatestTable: string;
        TouchingBlock: {
            seq: components["schemas"]["BlockSeq"];
            hash: components["schemas"]["Hash"];
            time: components["schemas"]["Timestamp"];
            txn: number;
            op: components["schemas"]["Operation"];
            /** @description Points of the range that it did that to. */
            points: number;
            actor?: string;
            provenance?: components["schemas"]["Provenance"];
            reverts?: components["schemas"]["BlockSeq"];
            effect?: components["schemas"]["Operation"];
        };
        SeriesProvenance: {
            series_id: components["schemas"]["SeriesId"];
            /** @description Null when it was not given. */
            start: components["schemas"]["LocalTimestamp"] | null;
            /** @description Null when it was not given. */
            end: components["schemas"]["LocalTimestamp"] | null;
            provenance_chain: components["schemas"]["TouchingBlock"][];
            /** @description The `since` of the next page. */
            next: number | null;
        };
        SeriesDiff: {
            series_id: components["schemas"]["SeriesId"];
            /** @description Null when it was not given. */
            start: components["schemas"]["LocalTimestamp"] | null;
            /** @description Null when it was not given. */
            end: components["schemas"]["LocalTimestamp"] | null;
            from: components["schemas"]["Seq"];
            to: components["schemas"]["Seq"];
            /** @description There as of `to`, and not as of `from`. */
            added: components["schemas"]["TimedValue"][];
            /** @description There as of `from`, and not as of `to`. */
            removed: components["schemas"]["TimedValue"][];
            links: components["schemas"]["PageLinks"];
        };
        Latest: {
            series_id: components["schemas"]["SeriesId"];
            timestamp: components["schemas"]["LocalTimestamp"];
            value: number;
            point_id: components["schemas"]["PointId"];
            seq: components["schemas"]["BlockSeq"];
            /** @description The sequence that the answer is as of. */
            as_of: number;
            metadata?: components["schemas"]["JsonObject"];
            provenance?: components["schemas"]["Provenance"];
        };
        LatestPoint: {
            series_id: components["schemas"]["SeriesId"];
            timestamp: components["schemas"]["LocalTimestamp"];
            value: number;
            point_id: components["schemas"]["PointId"];
            seq: components["schemas"]["BlockSeq"];
            metadata?: components["schemas"]["JsonObject"];
            provenance?: components["schemas"]["Provenance"];
        };
        /**
         * @description What a block does.
         * @enum {string}
         */
        Operation: "put_feature" | "delete_feature" | "put_points" | "delete_points" | "set_attributes" | "set_defaults" | "set_webhook" | "revert";
        Block: {
            seq: components["schemas"]["BlockSeq"];
            hash: components["schemas"]["Hash"];
            time: components["schemas"]["Timestamp"];
            /** @description The transaction that wrote it. */
            txn: number;
            op: components["schemas"]["Operation"];
            body: components["schemas"]["BlockBody"];
            /** @description Who wrote it. */
            actor?: string;
            /** @description The sequence of the version before. */
            prev?: number;
            provenance?: components["schemas"]["Provenance"];
        };
        /** @description A block, without its body. */
        VersionEntry: {
            seq: components["schemas"]["BlockSeq"];
            hash: components["schemas"]["Hash"];
            time: components["schemas"]["Timestamp"];
            /** @description The transaction that wrote it. */
            txn: number;
            op: components["schemas"]["Operation"];
            /** @description Who wrote it. */
            actor?: string;
            /** @description The sequence of the version before. */
            prev?: number;
            provenance?: components["schemas"]["Provenance"];
        };
        /** @description What was written: a Feature, the `id` of one that was deleted, points, a range that was deleted, or of a revert `reverts`, `op` and `body`. */
        BlockBody: Record<string, unknown>;
        /** @description The bytes that are stored: the hash is SHA-256 over a zero byte and them. docs/FORMAT.md has their form. */
        StoredBlock: Record<string, unknown>;
        /** @description A block with what it is about in the place of its body: `bodies=false`. */
        BlockOutline: {
            seq: components["schemas"]["BlockSeq"];
            hash: components["schemas"]["Hash"];
            time: components["schemas"]["Timestamp"];
            /** @description The transaction that wrote it. */
            txn: number;
            op: components["schemas"]["Operation"];
            /** @description Who wrote it. */
            actor?: string;
            /** @description The sequence of the version before. */
            prev?: number;
            provenance?: components["schemas"]["Provenance"];
            feature_id?: components["schemas"]["Id"];
            series_id?: string;
            webhook_id?: components["schemas"]["WebhookId"];
            /** @description How many it wrote, brought back or replaced. */
            points?: number;
            start?: components["schemas"]["Timestamp"];
            end?: components["schemas"]["Timestamp"];
            /** @description The block whose points alone it deleted. */
            block?: number;
            /** @description The point that alone it deleted. */
            point_id?: string;
            /** @description The block whose points came in the place of those. */
            replaced_by?: number;
            reverts?: components["schemas"]["BlockSeq"];
            effect?: components["schemas"]["Operation"];
        };
        /** @description Events, each of lines `id`, `event` and `data` and a blank line. The `id` is a sequence. */
        EventStream: string;
        EventsPage: {
            /** @description Each with `after`, the sequence of the one before, `matched`, and what a fence or a level tells. */
            entries: components["schemas"]["Block"][];
            /** @description The `since` of the next request. */
            next: number;
            /** @description With `dwell`: who stayed and was due by the time of the block `next`. */
            dwells?: components["schemas"]["Dwell"][];
        };
        Dwell: {
            /** @description A name of the filter. */
            fence: string;
            feature_id: components["schemas"]["Id"];
            entered: components["schemas"]["BlockSeq"];
            since: components["schemas"]["Timestamp"];
            due: components["schemas"]["Timestamp"];
            /** @description The seconds. */
            dwell: number;
        };
        JournalEntry: components["schemas"]["Block"] | components["schemas"]["BlockOutline"];
        JournalPage: {
            entries: components["schemas"]["JournalEntry"][];
            /** @description The `since` of the next page, with `order=desc` its `until`; null at the end. */
            next: number | null;
        };
        Reverted: {
            seq: components["schemas"]["BlockSeq"];
            hash: components["schemas"]["Hash"];
            time: components["schemas"]["Timestamp"];
            reverts: components["schemas"]["BlockSeq"];
        };
        /**
         * @description Which blocks to undo. `transaction` is the sequence of any block of it.
         * @example {
         *       "transaction": 1,
         *       "provenance": {
         *         "agent": "Ana",
         *         "why": "the wrong file"
         *       }
         *     }
         * @example {
         *       "filter": {
         *         "provenance": {
         *           "source": "import 7"
         *         }
         *       }
         *     }
         */
        RevertRequest: components["schemas"]["RevertTransaction"] | components["schemas"]["RevertSequences"] | components["schemas"]["RevertRange"] | components["schemas"]["RevertFiltered"];
        RevertTransaction: {
            transaction: components["schemas"]["BlockSeq"];
            provenance?: components["schemas"]["Provenance"] | null;
        };
        RevertSequences: {
            sequences: components["schemas"]["BlockSeq"][];
            provenance?: components["schemas"]["Provenance"] | null;
        };
        RevertRange: {
            first_seq: components["schemas"]["BlockSeq"];
            last_seq: components["schemas"]["BlockSeq"];
            provenance?: components["schemas"]["Provenance"] | null;
        };
        RevertFiltered: {
            filter: components["schemas"]["RevertFilter"];
            first_seq?: components["schemas"]["BlockSeq"];
            last_seq?: components["schemas"]["BlockSeq"];
            provenance?: components["schemas"]["Provenance"] | null;
        };
        /** @description At least one, and all that are given must hold; `start` and `end` are of when it was committed. What was undone and done again is undone by the block that did it again. */
        RevertFilter: {
            /** @description Who wrote it. */
            actor?: string;
            /** @description What it does; without it anything but `revert`. */
            op?: components["schemas"]["Operation"];
            /** @description Members that its provenance has. */
            provenance?: components["schemas"]["JsonObject"];
            feature_id?: string;
            series_id?: string;
            start?: components["schemas"]["Time"];
            end?: components["schemas"]["Time"];
        };
        RevertPlan: {
            /** @description How many blocks would be undone. */
            reverted: number;
            /** @description Blocks that were asked for and need not be undone. */
            unchanged: number;
            /** @description What would be written, in order, up to a thousand. */
            operations: components["schemas"]["PlannedRevert"][];
            /** @description What stands in the way, up to FORMDB_FAULTS. */
            conflicts: components["schemas"]["RevertConflict"][];
            conflict_count: number;
        };
        PlannedRevert: {
            reverts: components["schemas"]["BlockSeq"];
            op: components["schemas"]["Operation"];
            feature_id?: components["schemas"]["Id"];
            series_id?: string;
            points?: number;
        };
        RevertConflict: {
            code: components["schemas"]["Code"];
            pointer: string;
            detail: string;
            /** @description The sequence of the block that was to be undone. */
            seq?: number;
            /** @description That of the block in its way. */
            by?: number;
            /** @description The first block of its transaction, to be undone first; absent where it is alone in it. */
            transaction?: number;
        };
        RevertedBlocks: {
            reverted: number;
            first_seq: components["schemas"]["BlockSeq"];
            last_seq: components["schemas"]["BlockSeq"];
            hash: components["schemas"]["Hash"];
            time: components["schemas"]["Timestamp"];
            /** @description Blocks that were asked for and need not be undone. */
            unchanged?: number;
        };
        Restored: {
            seq: components["schemas"]["BlockSeq"];
            hash: components["schemas"]["Hash"];
            time: components["schemas"]["Timestamp"];
            restores: components["schemas"]["BlockSeq"];
            feature_id?: components["schemas"]["Id"];
            series_id?: components["schemas"]["SeriesId"];
        };
        TreeHead: {
            tree_size: number;
            root: components["schemas"]["Hash"];
        };
        InclusionProof: {
            leaf_index: number;
            tree_size: number;
            leaf_hash: components["schemas"]["Hash"];
            root: components["schemas"]["Hash"];
            path: components["schemas"]["Hash"][];
        };
        ConsistencyProof: {
            first: number;
            second: number;
            first_root: components["schemas"]["Hash"];
            second_root: components["schemas"]["Hash"];
            path: components["schemas"]["Hash"][];
        };
        /**
         * @description `answer_members`: what an answer had added to a document was taken off. `misspelled_member`: a member of a feature or a collection looks like one that has a meaning, and has none. `other_database`: so was the name of a version of another database. `self_intersection`: a ring of a polygon crosses or touches itself. `swapped_coordinates`: a feature lies far from all others, but among them if longitude and latitude are exchanged. `unlikely_time`: an integer was read as a time that is hardly meant.
         * @enum {string}
         */
        WarningCode: "answer_members" | "misspelled_member" | "other_database" | "self_intersection" | "swapped_coordinates" | "unlikely_time";
        /** @description What is to be told of something that was written. */
        Warning: {
            code: components["schemas"]["WarningCode"];
            detail: string;
            pointer: string;
        };
        /** @description Up to 100 (FORMDB_FAULTS). */
        Warnings: components["schemas"]["Warning"][];
        WarningInLine: {
            line: number;
            code: components["schemas"]["WarningCode"];
            detail: string;
            pointer: string;
        };
        /** @description With the lines that they are about. Up to 100 (FORMDB_FAULTS). */
        WarningsInLines: components["schemas"]["WarningInLine"][];
        /** @description How many warnings there are of each code. */
        WarningCounts: {
            answer_members?: number;
            misspelled_member?: number;
            other_database?: number;
            self_intersection?: number;
            swapped_coordinates?: number;
            unlikely_time?: number;
        };
        Webhooks: {
            webhooks: components["schemas"]["Webhook"][];
        };
        Webhook: {
            id: components["schemas"]["WebhookId"];
            /** @description Scheme and host of its address. */
            receiver: string;
            filter: components["schemas"]["JsonObject"];
            since: components["schemas"]["Seq"];
            /** @description False: it is paused. */
            active: boolean;
            seq: components["schemas"]["BlockSeq"];
            hash: components["schemas"]["Hash"];
            time: components["schemas"]["Timestamp"];
            /** @description Who set it last. */
            actor: string | null;
            /** @description For those who have admin on the database. */
            address?: string | null;
            /** @description When it was made or changed. */
            secret?: string;
            state?: components["schemas"]["WebhookState"];
            /** @description Why it is not delivered, or what was wrong. */
            reason?: string | null;
            /** @description Events up to this sequence were confirmed or given up. */
            cursor?: number;
            /** @description Durable blocks that it has not been told of, or not looked at. */
            lag?: number | null;
            last_attempt?: components["schemas"]["WebhookAttempt"] | null;
            next_attempt?: components["schemas"]["Timestamp"] | null;
            dead_letters?: number;
            /** @description Confirmed since the database was opened. */
            deliveries?: number;
            /** @description Those of them. */
            events?: number;
            /** @description Attempts that failed since then. */
            failures?: number;
        };
        /** @enum {string} */
        WebhookState: "delivering" | "retrying" | "paused" | "stopped" | "no_address" | "off" | "failed";
        /** @example orders */
        WebhookId: string;
        WebhookAttempt: {
            time: components["schemas"]["Timestamp"];
            /** @description Of the answer, if there was one. */
            status: number | null;
            error: string | null;
        };
        /**
         * @example {
         *       "address": "https://example.org/hook",
         *       "filter": {
         *         "type": "put_feature"
         *       }
         *     }
         */
        WebhookRequest: {
            /**
             * Format: uri
             * @description Where events are sent, by `https`.
             */
            address: string;
            id?: components["schemas"]["WebhookId"];
            /** @description What it is told of, in the words of a query string; without it everything. */
            filter?: components["schemas"]["JsonObject"];
            /** @description After which block it begins; without it with what comes from now on. */
            since?: components["schemas"]["Seq"] | components["schemas"]["Time"] | components["schemas"]["JsonObject"];
            active?: boolean;
        };
        /**
         * @example {
         *       "active": false
         *     }
         */
        WebhookChange: {
            /**
             * Format: uri
             * @description Where events are sent, by `https`.
             */
            address?: string;
            /** @description What it is told of, in the words of a query string; without it everything. */
            filter?: components["schemas"]["JsonObject"];
            /** @description After which block it begins; without it with what comes from now on. */
            since?: components["schemas"]["Seq"] | components["schemas"]["Time"] | components["schemas"]["JsonObject"];
            active?: boolean;
            rotate_secret?: boolean;
        };
        WebhookDeleted: {
            id: components["schemas"]["WebhookId"];
            seq: components["schemas"]["BlockSeq"];
            hash: components["schemas"]["Hash"];
            time: components["schemas"]["Timestamp"];
        };
        DeadLetters: {
            dead_letters: components["schemas"]["DeadLetter"][];
        };
        DeadLetter: {
            id: string;
            first_seq: components["schemas"]["BlockSeq"] | null;
            last_seq: components["schemas"]["BlockSeq"] | null;
            /** @description How many events it has. */
            count: number;
            attempts: number;
            time: components["schemas"]["Timestamp"];
            status: number | null;
            error: string;
            /** @description Whether it is about to be sent again. */
            queued: boolean;
        };
        /**
         * @description Without `ids` all. With `forget` they are not sent, but forgotten.
         * @example {
         *       "ids": [
         *         "1_12-40"
         *       ]
         *     }
         */
        DeadLettersRequest: {
            ids?: string[];
            forget?: boolean;
        };
        DeadLettersSettled: {
            queued?: number;
            forgotten?: number;
        };
        /**
         * @description The name of a backup, and of its folder.
         * @example before-the-move
         */
        BackupName: string;
        /**
         * @description Without a name it is called by the time.
         * @example {
         *       "name": "before-the-move"
         *     }
         */
        BackupRequest: {
            name?: components["schemas"]["BackupName"];
        };
        /**
         * @description `damaged`: its manifest is missing or cannot be read. `failed`: the last one, of which nothing is left.
         * @enum {string}
         */
        BackupState: "whole" | "running" | "damaged" | "failed";
        Backups: {
            backups: components["schemas"]["Backup"][];
        };
        Backup: {
            name: components["schemas"]["BackupName"];
            state: components["schemas"]["BackupState"];
            database?: components["schemas"]["DatabaseName"];
            time?: components["schemas"]["Timestamp"];
            /** @description Sequence of its last block. */
            seq?: number;
            root?: components["schemas"]["Hash"];
            /** @description Public id of the log. */
            log?: string;
            files?: number;
            /** @description Of all its files. */
            bytes?: number;
            /** @description Those that were written, when it was taken. */
            copied_bytes?: number;
            /** @description Those of files that have a second name here. */
            linked_bytes?: number;
            /** @description The backup that it was taken after. */
            previous?: string | null;
            /** @description Files of that one that are damaged: they were taken from the database again. */
            previous_damaged?: string[];
            /** @description Bytes so far, while it is running. */
            done?: number;
            /** @description Bytes in all, while it is running. */
            total?: number | null;
            code?: components["schemas"]["Code"];
            detail?: string;
        };
        /** @description The id of a transaction. */
        TransactionId: string;
        /**
         * @example {
         *       "read_only": true
         *     }
         */
        TransactionRequest: {
            read_only?: boolean;
            /** @description A sequence, or a time; for one that only reads. */
            as_of?: number | string;
        };
        TransactionBegun: {
            transaction_id: components["schemas"]["TransactionId"];
            seq: components["schemas"]["Seq"];
            read_only: boolean;
            expires_in_ms: number;
        };
        /** @description One that was committed has what the commit answered. */
        Transaction: {
            transaction_id: components["schemas"]["TransactionId"];
            status: components["schemas"]["TransactionStatus"];
            seq: components["schemas"]["Seq"];
            read_only: boolean;
            operations: number;
            bytes: number;
            expires_in_ms: number;
            /** @description Of one that was aborted, or is unsettled. */
            reason?: string;
            first_seq?: components["schemas"]["BlockSeq"] | null;
            last_seq?: components["schemas"]["BlockSeq"] | null;
            /** @description That of the first block. */
            hash?: components["schemas"]["Hash"] | null;
            time?: components["schemas"]["Timestamp"] | null;
        };
        /**
         * @description Unsettled: the disk failed while it was being committed, and whether it is kept is open.
         * @enum {string}
         */
        TransactionStatus: "open" | "committing" | "committed" | "aborted" | "unsettled";
        /**
         * @description All are taken, or none; they are carried out in their order.
         * @example {
         *       "operations": [
         *         {
         *           "op": "put_feature",
         *           "feature": {
         *             "type": "Feature",
         *             "id": "b",
         *             "geometry": {
         *               "type": "Point",
         *               "coordinates": [
         *                 -70.6,
         *                 -33.4
         *               ]
         *             },
         *             "properties": {
         *               "mag": 6
         *             }
         *           }
         *         },
         *         {
         *           "op": "put_points",
         *           "points": {
         *             "series_id": "t",
         *             "timestamp": "2026-01-31T07:00:00Z",
         *             "value": 5.2
         *           }
         *         }
         *       ]
         *     }
         */
        Operations: {
            operations: components["schemas"]["OperationInput"][];
        };
        OperationInput: components["schemas"]["PutFeature"] | components["schemas"]["DeleteFeature"] | components["schemas"]["PutPoints"] | components["schemas"]["DeletePoints"] | components["schemas"]["DeletePoint"] | components["schemas"]["PutPoint"] | components["schemas"]["RevertOperation"] | components["schemas"]["SetAttributes"] | components["schemas"]["RestoreOperation"];
        PutFeature: {
            /** @constant */
            op: "put_feature";
            feature: components["schemas"]["FeaturesInput"];
            on_duplicate?: components["schemas"]["OnDuplicate"] | null;
            on_error?: components["schemas"]["OnFault"] | null;
            antimeridian?: components["schemas"]["Antimeridian"] | null;
        };
        /** @enum {string} */
        OnFault: "refuse" | "skip";
        DeleteFeature: {
            /** @constant */
            op: "delete_feature";
            id: components["schemas"]["FeatureId"];
            provenance?: components["schemas"]["Provenance"] | null;
        };
        PutPoints: {
            /** @constant */
            op: "put_points";
            points: components["schemas"]["PointsInput"];
            on_duplicate?: components["schemas"]["OnDuplicatePoint"] | null;
        };
        DeletePoint: {
            /** @constant */
            op: "delete_point";
            series_id: components["schemas"]["SeriesId"];
            point_id: components["schemas"]["PointId"];
            provenance?: components["schemas"]["Provenance"] | null;
        };
        PutPoint: {
            /** @constant */
            op: "put_point";
            series_id: components["schemas"]["SeriesId"];
            point_id: components["schemas"]["PointId"];
            value: number;
            timestamp?: components["schemas"]["Time"];
            metadata?: components["schemas"]["JsonObject"];
            provenance?: components["schemas"]["Provenance"];
            on_duplicate?: components["schemas"]["OnDuplicatePoint"] | null;
        };
        DeletePoints: {
            /** @constant */
            op: "delete_points";
            series_id: components["schemas"]["SeriesId"];
            start?: components["schemas"]["Time"];
            end?: components["schemas"]["Time"];
            provenance?: components["schemas"]["Provenance"] | null;
        };
        SetAttributes: {
            /** @constant */
            op: "set_attributes";
            series_id: components["schemas"]["SeriesId"];
            /** @description Null deletes them. */
            attributes: components["schemas"]["JsonObject"] | null;
            provenance?: components["schemas"]["Provenance"] | null;
        };
        /** @description With what `POST .../reverts` takes. */
        RevertOperation: {
            /** @constant */
            op: "revert";
            partial?: boolean;
            transaction?: components["schemas"]["BlockSeq"];
            sequences?: components["schemas"]["BlockSeq"][];
            first_seq?: components["schemas"]["BlockSeq"];
            last_seq?: components["schemas"]["BlockSeq"];
            filter?: components["schemas"]["RevertFilter"];
            provenance?: components["schemas"]["Provenance"] | null;
        };
        RestoreOperation: {
            /** @constant */
            op: "restore";
            block: components["schemas"]["BlockSeq"];
            provenance?: components["schemas"]["Provenance"] | null;
        };
        /**
         * @example {
         *       "operations": 2,
         *       "feature_ids": [
         *         "b"
         *       ]
         *     }
         */
        OperationsAdded: {
            /** @description How many the transaction holds by now. */
            operations: number;
            /** @description Of the features that this call puts. */
            feature_ids: components["schemas"]["Id"][];
            rejected?: components["schemas"]["Rejected"][];
            warnings?: components["schemas"]["Warnings"];
            warning_counts?: components["schemas"]["WarningCounts"];
        };
        /** @description All four are null when there was nothing to write. */
        Committed: {
            first_seq: components["schemas"]["BlockSeq"] | null;
            last_seq: components["schemas"]["BlockSeq"] | null;
            /** @description That of the first block. */
            hash: components["schemas"]["Hash"] | null;
            time: components["schemas"]["Timestamp"] | null;
        };
        TransactionAborted: {
            transaction_id: components["schemas"]["TransactionId"];
            status: components["schemas"]["TransactionStatus"];
        };
        /**
         * @description A GeoJSON geometry (RFC 7946) in WGS 84; members that GeoJSON gives no meaning are kept. Rings are closed. An edge wider than 180 degrees is refused unless the parameter `antimeridian` says what is meant.
         * @example {
         *       "type": "Point",
         *       "coordinates": [
         *         142.37,
         *         38.32,
         *         29
         *       ]
         *     }
         */
        Geometry: components["schemas"]["Point"] | components["schemas"]["MultiPoint"] | components["schemas"]["LineString"] | components["schemas"]["MultiLineString"] | components["schemas"]["Polygon"] | components["schemas"]["MultiPolygon"] | components["schemas"]["GeometryCollection"];
        Point: {
            /** @constant */
            type: "Point";
            coordinates: components["schemas"]["Position"];
            bbox?: components["schemas"]["Bbox"] | null;
        };
        MultiPoint: {
            /** @constant */
            type: "MultiPoint";
            coordinates: components["schemas"]["Position"][];
            bbox?: components["schemas"]["Bbox"] | null;
        };
        LineString: {
            /** @constant */
            type: "LineString";
            coordinates: components["schemas"]["Position"][];
            bbox?: components["schemas"]["Bbox"] | null;
        };
        MultiLineString: {
            /** @constant */
            type: "MultiLineString";
            coordinates: components["schemas"]["Position"][][];
            bbox?: components["schemas"]["Bbox"] | null;
        };
        Polygon: {
            /** @constant */
            type: "Polygon";
            /** @description The outer ring, and those of its holes. */
            coordinates: components["schemas"]["Position"][][];
            bbox?: components["schemas"]["Bbox"] | null;
        };
        MultiPolygon: {
            /** @constant */
            type: "MultiPolygon";
            coordinates: components["schemas"]["Position"][][][];
            bbox?: components["schemas"]["Bbox"] | null;
        };
        /** @description Up to 8 deep. */
        GeometryCollection: {
            /** @constant */
            type: "GeometryCollection";
            geometries: components["schemas"]["Geometry"][];
            bbox?: components["schemas"]["Bbox"] | null;
        };
        Position: number[];
        /**
         * @description West, south, east, north, or the same with heights: a box that meets the geometry.
         * @example [
         *       140,
         *       35,
         *       145,
         *       40
         *     ]
         */
        Bbox: [
            number,
            number,
            number,
            number
        ] | [
            number,
            number,
            number,
            number,
            number,
            number
        ];
        /**
         * @description Text or a number; `7`, `7.0` and `"7"` are one id.
         * @example us7000abcd
         */
        FeatureId: components["schemas"]["Id"] | number;
        /**
         * @description The id of a feature that is written.
         * @example us7000abcd
         */
        NewId: (string & components["schemas"]["Id"]) | number;
        /**
         * @description The id of a feature: 1 to 256 bytes (FORMDB_ID_BYTES) without control characters. Neither `.` nor `..`, and none of the words that are queries (`bbox`, `nearby`, `geometry`, `within`, `contains`, `intersects`, `heatmap`).
         * @example us7000abcd
         */
        Id: string;
        /**
         * @description The id of a series: 1 to 256 bytes (FORMDB_ID_BYTES) without control characters. Neither `.` nor `..`, and none that ends in a star.
         * @example tokyo/temperature
         */
        SeriesId: string;
        /** @description A Feature, or a geometry alone: that of a feature without properties. */
        FeatureInput: components["schemas"]["WrittenFeature"] | components["schemas"]["Geometry"];
        /**
         * @description A Feature, a geometry alone, or a FeatureCollection, which is written all or nothing.
         * @example {
         *       "type": "Feature",
         *       "id": "us7000abcd",
         *       "geometry": {
         *         "type": "Point",
         *         "coordinates": [
         *           142.37,
         *           38.32,
         *           29
         *         ]
         *       },
         *       "properties": {
         *         "mag": 9.1,
         *         "place": "Honshu"
         *       },
         *       "provenance": {
         *         "source": "usgs"
         *       }
         *     }
         */
        FeaturesInput: components["schemas"]["WrittenFeature"] | components["schemas"]["WrittenCollection"] | components["schemas"]["Geometry"];
        /**
         * @description The version of a feature to which the answer added `provenance` or `distance`. Written back, it has the server take off what the answer added.
         * @example {
         *       "log": "5f0c2a1be3d94c7fa1f0e8b2c6d7e9a4",
         *       "seq": 1
         *     }
         */
        VersionOfAnswer: {
            /** @description The public id of the database's log. */
            log: string;
            seq: components["schemas"]["BlockSeq"];
        };
        /**
         * @description A Feature to be written. Without an id the server makes one up (`feat_...`). Members that GeoJSON gives no meaning are kept.
         * @example {
         *       "type": "Feature",
         *       "geometry": {
         *         "type": "Point",
         *         "coordinates": [
         *           142.1,
         *           38
         *         ]
         *       },
         *       "properties": {
         *         "mag": 5.5
         *       }
         *     }
         */
        WrittenFeature: {
            /** @constant */
            type: "Feature";
            geometry: components["schemas"]["Geometry"] | null;
            id?: components["schemas"]["NewId"] | null;
            properties?: components["schemas"]["JsonObject"] | null;
            provenance?: components["schemas"]["Provenance"] | null;
            formdb?: components["schemas"]["VersionOfAnswer"];
            bbox?: components["schemas"]["Bbox"] | null;
        };
        WrittenCollection: {
            /** @constant */
            type: "FeatureCollection";
            features: components["schemas"]["WrittenFeature"][];
            provenance?: components["schemas"]["Provenance"] | null;
        };
        /**
         * @example {
         *       "id": "us7000abcd",
         *       "type": "Feature",
         *       "geometry": {
         *         "type": "Point",
         *         "coordinates": [
         *           142.37,
         *           38.32,
         *           29
         *         ]
         *       },
         *       "properties": {
         *         "mag": 9.1,
         *         "place": "Honshu"
         *       },
         *       "provenance": {
         *         "source": "usgs"
         *       }
         *     }
         */
        Feature: {
            id: components["schemas"]["FeatureId"];
            /** @constant */
            type: "Feature";
            geometry: components["schemas"]["Geometry"] | null;
            properties: components["schemas"]["JsonObject"] | null;
            provenance?: components["schemas"]["Provenance"];
            bbox?: components["schemas"]["Bbox"];
            formdb?: components["schemas"]["VersionOfAnswer"];
            /** @description Metres away, in answers to questions of nearness. Else, as all that GeoJSON gives no meaning, what it was written as. */
            distance?: unknown;
        };
        /**
         * @description SHA-256 in hexadecimal: the leaf hash of a block, or a node of the Merkle tree (RFC 6962).
         * @example 19722032862f116fa31e003f8e6db7d42a9a5da52e853f901ac6b69ee1283608
         */
        Hash: string;
        /**
         * @description A sequence: blocks are numbered from 1 on.
         * @example 7
         */
        Seq: number;
        /**
         * @description The sequence of a block.
         * @example 7
         */
        BlockSeq: number;
        /**
         * @description A time in UTC, with microseconds. Years outside of 0 to 9999 have a sign and six digits.
         * @example 2026-01-31T03:00:00.250000Z
         */
        Timestamp: string;
        /**
         * @description As Timestamp; with the parameter tz in local time of that zone, with its offset.
         * @example 2026-01-31T12:00:00.250000+09:00
         */
        LocalTimestamp: string;
        /**
         * @description A time: ISO 8601 with an offset (extended or basic form, years from -9999 to 9999), a date, which is its midnight in UTC, or an integer that counts microseconds since 1970, or what the parameter `unit` says. With the parameter `tz` a time without an offset, and a date, are local time there.
         * @example 2026-01-31T12:00:00+09:00
         * @example 2026-01-31
         * @example 1769828400000000
         */
        Time: string | number;
        /**
         * @description A JSON object, nested 128 deep at most.
         * @example {
         *       "unit": "C"
         *     }
         */
        JsonObject: Record<string, unknown>;
        /**
         * @description Where a record comes from: any members. Only `derived_from` has a form that is held to.
         * @example {
         *       "source": "station 47662"
         *     }
         */
        Provenance: {
            /** @description Where it comes from. */
            source?: unknown;
            /** @description Who or what made it. */
            agent?: unknown;
            /** @description How sure that is. */
            confidence?: unknown;
            /** @description How good that is. */
            quality?: unknown;
            /** @description Blocks, by sequence (of this database, already written) or by hash. */
            derived_from?: (components["schemas"]["BlockSeq"] | string)[];
            /** @description Whatever else. */
            note?: unknown;
        };
        /**
         * @description Why it is done, recorded with the block.
         * @example {
         *       "provenance": {
         *         "agent": "Ana",
         *         "why": "not an earthquake"
         *       }
         *     }
         */
        Reason: {
            provenance?: components["schemas"]["Provenance"];
        };
        /** @description The link to the next page; empty on the last one. */
        PageLinks: components["schemas"]["PageLink"][];
        PageLink: {
            /** @constant */
            rel: "next";
            /** Format: uri-reference */
            href: string;
            /**
             * @description There when the page was asked for by POST: send the same body.
             * @constant
             */
            method?: "POST";
        };
        /** @description One of the things that are wrong with a document, or in the way of undoing: then with the blocks that it is about. */
        Fault: {
            code: components["schemas"]["Code"];
            detail: string;
            pointer: string;
            /** @description The sequence of the block that was to be undone. */
            seq?: number;
            /** @description That of the block in its way. */
            by?: number;
            /** @description The first block of its transaction, to be undone first; absent where it is alone in it. */
            transaction?: number;
        };
        /** @description A feature that was left out: its place in the collection (`index`) and, in a transaction, that of the operation; its first fault, and all of them. Of what is beyond 100 faults (FORMDB_FAULTS) only the place is reported. */
        Rejected: {
            index: number;
            errors: components["schemas"]["Fault"][];
            operation?: number;
            code?: components["schemas"]["Code"];
            detail?: string;
            pointer?: string;
        };
        /**
         * @description A truth value as text.
         * @enum {string}
         */
        Truth: "true" | "false";
        /**
         * @description What went wrong; it is stable.
         * @enum {string}
         */
        Code: "about_webhook" | "antimeridian_crossing" | "attributes_not_found" | "backup_exists" | "backup_not_found" | "backup_running" | "backups_not_configured" | "block_not_found" | "body_consumed" | "busy" | "cancelled" | "cannot_revert" | "conflict" | "database_closed" | "database_failed" | "database_locked" | "database_not_found" | "database_opening" | "database_read_only" | "database_unavailable" | "dead_letter_not_found" | "disk_full" | "done_again" | "duplicate_id" | "feature_not_found" | "forbidden" | "headers_too_large" | "host_not_allowed" | "idempotency_key_reused" | "internal_error" | "invalid_address" | "invalid_bbox" | "invalid_body" | "invalid_cbor" | "invalid_content_coding" | "invalid_cursor" | "invalid_document" | "invalid_feature" | "invalid_geometry" | "invalid_id" | "invalid_json" | "invalid_name" | "invalid_parameter" | "invalid_path" | "invalid_point" | "invalid_position" | "invalid_query" | "invalid_time_range" | "invalid_timestamp" | "invalid_token" | "invalid_value" | "io_error" | "journal_corrupt" | "journal_lost" | "journal_torn_tail" | "later_write" | "log_diverged" | "malformed_request" | "memory_full" | "method_not_allowed" | "missing_parameter" | "not_acceptable" | "not_found" | "not_implemented" | "nothing_to_undo" | "origin_not_allowed" | "partial_transaction" | "payload_too_large" | "point_exists" | "point_not_found" | "points_deleted" | "precondition_failed" | "query_timeout" | "read_only_transaction" | "request_timeout" | "series_not_found" | "too_large" | "too_many_attempts" | "too_many_connections" | "too_many_points" | "too_many_requests" | "transaction_committing" | "transaction_not_found" | "unauthenticated" | "unknown_parameter" | "unsupported_content_coding" | "unsupported_crs" | "unsupported_format" | "unsupported_media_type" | "uri_too_long" | "version_not_supported" | "vsn_not_supported" | "webhook_exists" | "webhook_not_found" | "webhooks_unavailable" | "write_timeout";
        Problem400: {
            type: string;
            title: string;
            /** @constant */
            status: 400;
            /**
             * @description What went wrong; it is stable.
             * @enum {string}
             */
            code: "antimeridian_crossing" | "duplicate_id" | "invalid_address" | "invalid_bbox" | "invalid_body" | "invalid_cbor" | "invalid_content_coding" | "invalid_cursor" | "invalid_document" | "invalid_feature" | "invalid_geometry" | "invalid_id" | "invalid_json" | "invalid_name" | "invalid_parameter" | "invalid_path" | "invalid_point" | "invalid_position" | "invalid_query" | "invalid_time_range" | "invalid_timestamp" | "invalid_value" | "malformed_request" | "missing_parameter" | "unknown_parameter" | "unsupported_crs";
            /** @description What was found, and what was expected. It may be reworded. */
            detail: string;
            /** @description JSON pointer into the body, or `/` and the name of a parameter. */
            pointer?: string;
            /** @description All that is wrong with the document. */
            errors?: components["schemas"]["Fault"][];
            /** @description What the request is called, as in X-Request-Id. */
            instance?: string;
        };
        Problem401: {
            type: string;
            title: string;
            /** @constant */
            status: 401;
            /**
             * @description What went wrong; it is stable.
             * @enum {string}
             */
            code: "invalid_token" | "unauthenticated";
            /** @description What was found, and what was expected. It may be reworded. */
            detail: string;
            /** @description JSON pointer into the body, or `/` and the name of a parameter. */
            pointer?: string;
            /** @description All that is wrong with the document. */
            errors?: components["schemas"]["Fault"][];
            /** @description What the request is called, as in X-Request-Id. */
            instance?: string;
        };
        Problem403: {
            type: string;
            title: string;
            /** @constant */
            status: 403;
            /**
             * @description What went wrong; it is stable.
             * @enum {string}
             */
            code: "forbidden" | "origin_not_allowed" | "vsn_not_supported";
            /** @description What was found, and what was expected. It may be reworded. */
            detail: string;
            /** @description JSON pointer into the body, or `/` and the name of a parameter. */
            pointer?: string;
            /** @description All that is wrong with the document. */
            errors?: components["schemas"]["Fault"][];
            /** @description What the request is called, as in X-Request-Id. */
            instance?: string;
        };
        Problem404: {
            type: string;
            title: string;
            /** @constant */
            status: 404;
            /**
             * @description What went wrong; it is stable.
             * @enum {string}
             */
            code: "attributes_not_found" | "backup_not_found" | "block_not_found" | "database_not_found" | "dead_letter_not_found" | "feature_not_found" | "not_found" | "point_not_found" | "series_not_found" | "transaction_not_found" | "webhook_not_found";
            /** @description What was found, and what was expected. It may be reworded. */
            detail: string;
            /** @description JSON pointer into the body, or `/` and the name of a parameter. */
            pointer?: string;
            /** @description All that is wrong with the document. */
            errors?: components["schemas"]["Fault"][];
            /** @description What the request is called, as in X-Request-Id. */
            instance?: string;
            seq?: components["schemas"]["BlockSeq"];
            time?: components["schemas"]["Timestamp"];
        };
        Problem405: {
            type: string;
            title: string;
            /** @constant */
            status: 405;
            /**
             * @description What went wrong; it is stable.
             * @enum {string}
             */
            code: "method_not_allowed";
            /** @description What was found, and what was expected. It may be reworded. */
            detail: string;
            /** @description JSON pointer into the body, or `/` and the name of a parameter. */
            pointer?: string;
            /** @description All that is wrong with the document. */
            errors?: components["schemas"]["Fault"][];
            /** @description What the request is called, as in X-Request-Id. */
            instance?: string;
        };
        Problem406: {
            type: string;
            title: string;
            /** @constant */
            status: 406;
            /**
             * @description What went wrong; it is stable.
             * @enum {string}
             */
            code: "not_acceptable";
            /** @description What was found, and what was expected. It may be reworded. */
            detail: string;
            /** @description JSON pointer into the body, or `/` and the name of a parameter. */
            pointer?: string;
            /** @description All that is wrong with the document. */
            errors?: components["schemas"]["Fault"][];
            /** @description What the request is called, as in X-Request-Id. */
            instance?: string;
        };
        Problem408: {
            type: string;
            title: string;
            /** @constant */
            status: 408;
            /**
             * @description What went wrong; it is stable.
             * @enum {string}
             */
            code: "request_timeout";
            /** @description What was found, and what was expected. It may be reworded. */
            detail: string;
            /** @description JSON pointer into the body, or `/` and the name of a parameter. */
            pointer?: string;
            /** @description All that is wrong with the document. */
            errors?: components["schemas"]["Fault"][];
            /** @description What the request is called, as in X-Request-Id. */
            instance?: string;
        };
        Problem409: {
            type: string;
            title: string;
            /** @constant */
            status: 409;
            /**
             * @description What went wrong; it is stable.
             * @enum {string}
             */
            code: "about_webhook" | "backup_exists" | "backup_running" | "backups_not_configured" | "cannot_revert" | "conflict" | "done_again" | "later_write" | "log_diverged" | "nothing_to_undo" | "partial_transaction" | "point_exists" | "points_deleted" | "read_only_transaction" | "too_many_points" | "transaction_committing" | "webhook_exists";
            /** @description What was found, and what was expected. It may be reworded. */
            detail: string;
            /** @description JSON pointer into the body, or `/` and the name of a parameter. */
            pointer?: string;
            /** @description All that is wrong with the document. */
            errors?: components["schemas"]["Fault"][];
            /** @description What the request is called, as in X-Request-Id. */
            instance?: string;
        };
        Problem412: {
            type: string;
            title: string;
            /** @constant */
            status: 412;
            /**
             * @description What went wrong; it is stable.
             * @enum {string}
             */
            code: "precondition_failed";
            /** @description What was found, and what was expected. It may be reworded. */
            detail: string;
            /** @description JSON pointer into the body, or `/` and the name of a parameter. */
            pointer?: string;
            /** @description All that is wrong with the document. */
            errors?: components["schemas"]["Fault"][];
            /** @description What the request is called, as in X-Request-Id. */
            instance?: string;
        };
        Problem413: {
            type: string;
            title: string;
            /** @constant */
            status: 413;
            /**
             * @description What went wrong; it is stable.
             * @enum {string}
             */
            code: "payload_too_large" | "too_large";
            /** @description What was found, and what was expected. It may be reworded. */
            detail: string;
            /** @description JSON pointer into the body, or `/` and the name of a parameter. */
            pointer?: string;
            /** @description All that is wrong with the document. */
            errors?: components["schemas"]["Fault"][];
            /** @description What the request is called, as in X-Request-Id. */
            instance?: string;
        };
        Problem414: {
            type: string;
            title: string;
            /** @constant */
            status: 414;
            /**
             * @description What went wrong; it is stable.
             * @enum {string}
             */
            code: "uri_too_long";
            /** @description What was found, and what was expected. It may be reworded. */
            detail: string;
            /** @description JSON pointer into the body, or `/` and the name of a parameter. */
            pointer?: string;
            /** @description All that is wrong with the document. */
            errors?: components["schemas"]["Fault"][];
            /** @description What the request is called, as in X-Request-Id. */
            instance?: string;
        };
        Problem415: {
            type: string;
            title: string;
            /** @constant */
            status: 415;
            /**
             * @description What went wrong; it is stable.
             * @enum {string}
             */
            code: "unsupported_content_coding" | "unsupported_media_type";
            /** @description What was found, and what was expected. It may be reworded. */
            detail: string;
            /** @description JSON pointer into the body, or `/` and the name of a parameter. */
            pointer?: string;
            /** @description All that is wrong with the document. */
            errors?: components["schemas"]["Fault"][];
            /** @description What the request is called, as in X-Request-Id. */
            instance?: string;
        };
        Problem421: {
            type: string;
            title: string;
            /** @constant */
            status: 421;
            /**
             * @description What went wrong; it is stable.
             * @enum {string}
             */
            code: "host_not_allowed";
            /** @description What was found, and what was expected. It may be reworded. */
            detail: string;
            /** @description JSON pointer into the body, or `/` and the name of a parameter. */
            pointer?: string;
            /** @description All that is wrong with the document. */
            errors?: components["schemas"]["Fault"][];
            /** @description What the request is called, as in X-Request-Id. */
            instance?: string;
        };
        Problem422: {
            type: string;
            title: string;
            /** @constant */
            status: 422;
            /**
             * @description What went wrong; it is stable.
             * @enum {string}
             */
            code: "idempotency_key_reused";
            /** @description What was found, and what was expected. It may be reworded. */
            detail: string;
            /** @description JSON pointer into the body, or `/` and the name of a parameter. */
            pointer?: string;
            /** @description All that is wrong with the document. */
            errors?: components["schemas"]["Fault"][];
            /** @description What the request is called, as in X-Request-Id. */
            instance?: string;
        };
        Problem429: {
            type: string;
            title: string;
            /** @constant */
            status: 429;
            /**
             * @description What went wrong; it is stable.
             * @enum {string}
             */
            code: "too_many_attempts" | "too_many_requests";
            /** @description What was found, and what was expected. It may be reworded. */
            detail: string;
            /** @description JSON pointer into the body, or `/` and the name of a parameter. */
            pointer?: string;
            /** @description All that is wrong with the document. */
            errors?: components["schemas"]["Fault"][];
            /** @description What the request is called, as in X-Request-Id. */
            instance?: string;
        };
        Problem431: {
            type: string;
            title: string;
            /** @constant */
            status: 431;
            /**
             * @description What went wrong; it is stable.
             * @enum {string}
             */
            code: "headers_too_large";
            /** @description What was found, and what was expected. It may be reworded. */
            detail: string;
            /** @description JSON pointer into the body, or `/` and the name of a parameter. */
            pointer?: string;
            /** @description All that is wrong with the document. */
            errors?: components["schemas"]["Fault"][];
            /** @description What the request is called, as in X-Request-Id. */
            instance?: string;
        };
        Problem500: {
            type: string;
            title: string;
            /** @constant */
            status: 500;
            /**
             * @description What went wrong; it is stable.
             * @enum {string}
             */
            code: "body_consumed" | "internal_error" | "io_error" | "journal_corrupt" | "journal_lost" | "journal_torn_tail" | "unsupported_format";
            /** @description What was found, and what was expected. It may be reworded. */
            detail: string;
            /** @description JSON pointer into the body, or `/` and the name of a parameter. */
            pointer?: string;
            /** @description All that is wrong with the document. */
            errors?: components["schemas"]["Fault"][];
            /** @description What the request is called, as in X-Request-Id. */
            instance?: string;
        };
        Problem501: {
            type: string;
            title: string;
            /** @constant */
            status: 501;
            /**
             * @description What went wrong; it is stable.
             * @enum {string}
             */
            code: "not_implemented";
            /** @description What was found, and what was expected. It may be reworded. */
            detail: string;
            /** @description JSON pointer into the body, or `/` and the name of a parameter. */
            pointer?: string;
            /** @description All that is wrong with the document. */
            errors?: components["schemas"]["Fault"][];
            /** @description What the request is called, as in X-Request-Id. */
            instance?: string;
        };
        Problem503: {
            type: string;
            title: string;
            /** @constant */
            status: 503;
            /**
             * @description What went wrong; it is stable.
             * @enum {string}
             */
            code: "busy" | "cancelled" | "database_closed" | "database_failed" | "database_locked" | "database_opening" | "database_read_only" | "database_unavailable" | "memory_full" | "too_many_connections" | "webhooks_unavailable";
            /** @description What was found, and what was expected. It may be reworded. */
            detail: string;
            /** @description JSON pointer into the body, or `/` and the name of a parameter. */
            pointer?: string;
            /** @description All that is wrong with the document. */
            errors?: components["schemas"]["Fault"][];
            /** @description What the request is called, as in X-Request-Id. */
            instance?: string;
        };
        Problem504: {
            type: string;
            title: string;
            /** @constant */
            status: 504;
            /**
             * @description What went wrong; it is stable.
             * @enum {string}
             */
            code: "query_timeout" | "write_timeout";
            /** @description What was found, and what was expected. It may be reworded. */
            detail: string;
            /** @description JSON pointer into the body, or `/` and the name of a parameter. */
            pointer?: string;
            /** @description All that is wrong with the document. */
            errors?: components["schemas"]["Fault"][];
            /** @description What the request is called, as in X-Request-Id. */
            instance?: string;
        };
        Problem505: {
            type: string;
            title: string;
            /** @constant */
            status: 505;
            /**
             * @description What went wrong; it is stable.
             * @enum {string}
             */
            code: "version_not_supported";
            /** @description What was found, and what was expected. It may be reworded. */
            detail: string;
            /** @description JSON pointer into the body, or `/` and the name of a parameter. */
            pointer?: string;
            /** @description All that is wrong with the document. */
            errors?: components["schemas"]["Fault"][];
            /** @description What the request is called, as in X-Request-Id. */
            instance?: string;
        };
        Problem507: {
            type: string;
            title: string;
            /** @constant */
            status: 507;
            /**
             * @description What went wrong; it is stable.
             * @enum {string}
             */
            code: "disk_full";
            /** @description What was found, and what was expected. It may be reworded. */
            detail: string;
            /** @description JSON pointer into the body, or `/` and the name of a parameter. */
            pointer?: string;
            /** @description All that is wrong with the document. */
            errors?: components["schemas"]["Fault"][];
            /** @description What the request is called, as in X-Request-Id. */
            instance?: string;
        };
    };
    responses: {
        /** @description Bad Request */
        Problem400: {
            headers: {
                /** @description Answers may be kept, but not given again without asking. */
                "Cache-Control": string;
                /** @description What the request is called: as its own `X-Request-Id` says, or a new id. */
                "X-Request-Id": string;
                /** @description Requests that are left, and the seconds until all are, by limit (draft-ietf-httpapi-ratelimit-headers). */
                Ratelimit?: string;
                /** @description Requests in so many seconds, by limit. */
                "Ratelimit-Policy"?: string;
                [name: string]: unknown;
            };
            content: {
                "application/problem+json": components["schemas"]["Problem400"];
            };
        };
        /** @description Unauthorized */
        Problem401: {
            headers: {
                /** @description Answers may be kept, but not given again without asking. */
                "Cache-Control": string;
                /** @description What the request is called: as its own `X-Request-Id` says, or a new id. */
                "X-Request-Id": string;
                /** @description Requests that are left, and the seconds until all are, by limit (draft-ietf-httpapi-ratelimit-headers). */
                Ratelimit?: string;
                /** @description Requests in so many seconds, by limit. */
                "Ratelimit-Policy"?: string;
                /** @description How credentials are to be sent (RFC 6750). */
                "Www-Authenticate": string;
                [name: string]: unknown;
            };
            content: {
                "application/problem+json": components["schemas"]["Problem401"];
            };
        };
        /** @description Forbidden */
        Problem403: {
            headers: {
                /** @description Answers may be kept, but not given again without asking. */
                "Cache-Control": string;
                /** @description What the request is called: as its own `X-Request-Id` says, or a new id. */
                "X-Request-Id": string;
                /** @description Requests that are left, and the seconds until all are, by limit (draft-ietf-httpapi-ratelimit-headers). */
                Ratelimit?: string;
                /** @description Requests in so many seconds, by limit. */
                "Ratelimit-Policy"?: string;
                [name: string]: unknown;
            };
            content: {
                "application/problem+json": components["schemas"]["Problem403"];
            };
        };
        /** @description Not Found */
        Problem404: {
            headers: {
                /** @description Answers may be kept, but not given again without asking. */
                "Cache-Control": string;
                /** @description What the request is called: as its own `X-Request-Id` says, or a new id. */
                "X-Request-Id": string;
                /** @description Requests that are left, and the seconds until all are, by limit (draft-ietf-httpapi-ratelimit-headers). */
                Ratelimit?: string;
                /** @description Requests in so many seconds, by limit. */
                "Ratelimit-Policy"?: string;
                [name: string]: unknown;
            };
            content: {
                "application/problem+json": components["schemas"]["Problem404"];
            };
        };
        /** @description Method Not Allowed */
        Problem405: {
            headers: {
                /** @description Answers may be kept, but not given again without asking. */
                "Cache-Control": string;
                /** @description What the request is called: as its own `X-Request-Id` says, or a new id. */
                "X-Request-Id": string;
                /** @description Requests that are left, and the seconds until all are, by limit (draft-ietf-httpapi-ratelimit-headers). */
                Ratelimit?: string;
                /** @description Requests in so many seconds, by limit. */
                "Ratelimit-Policy"?: string;
                /** @description The methods that the path takes. */
                Allow: string;
                [name: string]: unknown;
            };
            content: {
                "application/problem+json": components["schemas"]["Problem405"];
            };
        };
        /** @description Not Acceptable */
        Problem406: {
            headers: {
                /** @description Answers may be kept, but not given again without asking. */
                "Cache-Control": string;
                /** @description What the request is called: as its own `X-Request-Id` says, or a new id. */
                "X-Request-Id": string;
                /** @description Requests that are left, and the seconds until all are, by limit (draft-ietf-httpapi-ratelimit-headers). */
                Ratelimit?: string;
                /** @description Requests in so many seconds, by limit. */
                "Ratelimit-Policy"?: string;
                [name: string]: unknown;
            };
            content: {
                "application/problem+json": components["schemas"]["Problem406"];
            };
        };
        /** @description Request Timeout */
        Problem408: {
            headers: {
                /** @description Answers may be kept, but not given again without asking. */
                "Cache-Control": string;
                /** @description What the request is called: as its own `X-Request-Id` says, or a new id. */
                "X-Request-Id": string;
                /** @description Requests that are left, and the seconds until all are, by limit (draft-ietf-httpapi-ratelimit-headers). */
                Ratelimit?: string;
                /** @description Requests in so many seconds, by limit. */
                "Ratelimit-Policy"?: string;
                [name: string]: unknown;
            };
            content: {
                "application/problem+json": components["schemas"]["Problem408"];
            };
        };
        /** @description Conflict */
        Problem409: {
            headers: {
                /** @description Answers may be kept, but not given again without asking. */
                "Cache-Control": string;
                /** @description What the request is called: as its own `X-Request-Id` says, or a new id. */
                "X-Request-Id": string;
                /** @description Requests that are left, and the seconds until all are, by limit (draft-ietf-httpapi-ratelimit-headers). */
                Ratelimit?: string;
                /** @description Requests in so many seconds, by limit. */
                "Ratelimit-Policy"?: string;
                [name: string]: unknown;
            };
            content: {
                "application/problem+json": components["schemas"]["Problem409"];
            };
        };
        /** @description Precondition Failed */
        Problem412: {
            headers: {
                /** @description Answers may be kept, but not given again without asking. */
                "Cache-Control": string;
                /** @description What the request is called: as its own `X-Request-Id` says, or a new id. */
                "X-Request-Id": string;
                /** @description Requests that are left, and the seconds until all are, by limit (draft-ietf-httpapi-ratelimit-headers). */
                Ratelimit?: string;
                /** @description Requests in so many seconds, by limit. */
                "Ratelimit-Policy"?: string;
                [name: string]: unknown;
            };
            content: {
                "application/problem+json": components["schemas"]["Problem412"];
            };
        };
        /** @description Content Too Large */
        Problem413: {
            headers: {
                /** @description Answers may be kept, but not given again without asking. */
                "Cache-Control": string;
                /** @description What the request is called: as its own `X-Request-Id` says, or a new id. */
                "X-Request-Id": string;
                /** @description Requests that are left, and the seconds until all are, by limit (draft-ietf-httpapi-ratelimit-headers). */
                Ratelimit?: string;
                /** @description Requests in so many seconds, by limit. */
                "Ratelimit-Policy"?: string;
                [name: string]: unknown;
            };
            content: {
                "application/problem+json": components["schemas"]["Problem413"];
            };
        };
        /** @description URI Too Long */
        Problem414: {
            headers: {
                /** @description Answers may be kept, but not given again without asking. */
                "Cache-Control": string;
                /** @description What the request is called: as its own `X-Request-Id` says, or a new id. */
                "X-Request-Id": string;
                /** @description Requests that are left, and the seconds until all are, by limit (draft-ietf-httpapi-ratelimit-headers). */
                Ratelimit?: string;
                /** @description Requests in so many seconds, by limit. */
                "Ratelimit-Policy"?: string;
                [name: string]: unknown;
            };
            content: {
                "application/problem+json": components["schemas"]["Problem414"];
            };
        };
        /** @description Unsupported Media Type */
        Problem415: {
            headers: {
                /** @description Answers may be kept, but not given again without asking. */
                "Cache-Control": string;
                /** @description What the request is called: as its own `X-Request-Id` says, or a new id. */
                "X-Request-Id": string;
                /** @description Requests that are left, and the seconds until all are, by limit (draft-ietf-httpapi-ratelimit-headers). */
                Ratelimit?: string;
                /** @description Requests in so many seconds, by limit. */
                "Ratelimit-Policy"?: string;
                /** @description The codings that a body may be in. */
                "Accept-Encoding"?: "gzip, zstd";
                [name: string]: unknown;
            };
            content: {
                "application/problem+json": components["schemas"]["Problem415"];
            };
        };
        /** @description Misdirected Request */
        Problem421: {
            headers: {
                /** @description Answers may be kept, but not given again without asking. */
                "Cache-Control": string;
                /** @description What the request is called: as its own `X-Request-Id` says, or a new id. */
                "X-Request-Id": string;
                /** @description Requests that are left, and the seconds until all are, by limit (draft-ietf-httpapi-ratelimit-headers). */
                Ratelimit?: string;
                /** @description Requests in so many seconds, by limit. */
                "Ratelimit-Policy"?: string;
                [name: string]: unknown;
            };
            content: {
                "application/problem+json": components["schemas"]["Problem421"];
            };
        };
        /** @description Unprocessable Content */
        Problem422: {
            headers: {
                /** @description Answers may be kept, but not given again without asking. */
                "Cache-Control": string;
                /** @description What the request is called: as its own `X-Request-Id` says, or a new id. */
                "X-Request-Id": string;
                /** @description Requests that are left, and the seconds until all are, by limit (draft-ietf-httpapi-ratelimit-headers). */
                Ratelimit?: string;
                /** @description Requests in so many seconds, by limit. */
                "Ratelimit-Policy"?: string;
                [name: string]: unknown;
            };
            content: {
                "application/problem+json": components["schemas"]["Problem422"];
            };
        };
        /** @description Too Many Requests */
        Problem429: {
            headers: {
                /** @description Answers may be kept, but not given again without asking. */
                "Cache-Control": string;
                /** @description What the request is called: as its own `X-Request-Id` says, or a new id. */
                "X-Request-Id": string;
                /** @description Requests that are left, and the seconds until all are, by limit (draft-ietf-httpapi-ratelimit-headers). */
                Ratelimit?: string;
                /** @description Requests in so many seconds, by limit. */
                "Ratelimit-Policy"?: string;
                /** @description Seconds after which it may be tried again. */
                "Retry-After": string;
                [name: string]: unknown;
            };
            content: {
                "application/problem+json": components["schemas"]["Problem429"];
            };
        };
        /** @description Request Header Fields Too Large */
        Problem431: {
            headers: {
                /** @description Answers may be kept, but not given again without asking. */
                "Cache-Control": string;
                /** @description What the request is called: as its own `X-Request-Id` says, or a new id. */
                "X-Request-Id": string;
                /** @description Requests that are left, and the seconds until all are, by limit (draft-ietf-httpapi-ratelimit-headers). */
                Ratelimit?: string;
                /** @description Requests in so many seconds, by limit. */
                "Ratelimit-Policy"?: string;
                [name: string]: unknown;
            };
            content: {
                "application/problem+json": components["schemas"]["Problem431"];
            };
        };
        /** @description Internal Server Error */
        Problem500: {
            headers: {
                /** @description Answers may be kept, but not given again without asking. */
                "Cache-Control": string;
                /** @description What the request is called: as its own `X-Request-Id` says, or a new id. */
                "X-Request-Id": string;
                /** @description Requests that are left, and the seconds until all are, by limit (draft-ietf-httpapi-ratelimit-headers). */
                Ratelimit?: string;
                /** @description Requests in so many seconds, by limit. */
                "Ratelimit-Policy"?: string;
                [name: string]: unknown;
            };
            content: {
                "application/problem+json": components["schemas"]["Problem500"];
            };
        };
        /** @description Not Implemented */
        Problem501: {
            headers: {
                /** @description Answers may be kept, but not given again without asking. */
                "Cache-Control": string;
                /** @description What the request is called: as its own `X-Request-Id` says, or a new id. */
                "X-Request-Id": string;
                /** @description Requests that are left, and the seconds until all are, by limit (draft-ietf-httpapi-ratelimit-headers). */
                Ratelimit?: string;
                /** @description Requests in so many seconds, by limit. */
                "Ratelimit-Policy"?: string;
                [name: string]: unknown;
            };
            content: {
                "application/problem+json": components["schemas"]["Problem501"];
            };
        };
        /** @description Service Unavailable */
        Problem503: {
            headers: {
                /** @description Answers may be kept, but not given again without asking. */
                "Cache-Control": string;
                /** @description What the request is called: as its own `X-Request-Id` says, or a new id. */
                "X-Request-Id": string;
                /** @description Requests that are left, and the seconds until all are, by limit (draft-ietf-httpapi-ratelimit-headers). */
                Ratelimit?: string;
                /** @description Requests in so many seconds, by limit. */
                "Ratelimit-Policy"?: string;
                /** @description Seconds after which it may be tried again. */
                "Retry-After"?: string;
                [name: string]: unknown;
            };
            content: {
                "application/problem+json": components["schemas"]["Problem503"];
            };
        };
        /** @description Gateway Timeout */
        Problem504: {
            headers: {
                /** @description Answers may be kept, but not given again without asking. */
                "Cache-Control": string;
                /** @description What the request is called: as its own `X-Request-Id` says, or a new id. */
                "X-Request-Id": string;
                /** @description Requests that are left, and the seconds until all are, by limit (draft-ietf-httpapi-ratelimit-headers). */
                Ratelimit?: string;
                /** @description Requests in so many seconds, by limit. */
                "Ratelimit-Policy"?: string;
                [name: string]: unknown;
            };
            content: {
                "application/problem+json": components["schemas"]["Problem504"];
            };
        };
        /** @description HTTP Version Not Supported */
        Problem505: {
            headers: {
                /** @description Answers may be kept, but not given again without asking. */
                "Cache-Control": string;
                /** @description What the request is called: as its own `X-Request-Id` says, or a new id. */
                "X-Request-Id": string;
                /** @description Requests that are left, and the seconds until all are, by limit (draft-ietf-httpapi-ratelimit-headers). */
                Ratelimit?: string;
                /** @description Requests in so many seconds, by limit. */
                "Ratelimit-Policy"?: string;
                [name: string]: unknown;
            };
            content: {
                "application/problem+json": components["schemas"]["Problem505"];
            };
        };
        /** @description Insufficient Storage */
        Problem507: {
            headers: {
                /** @description Answers may be kept, but not given again without asking. */
                "Cache-Control": string;
                /** @description What the request is called: as its own `X-Request-Id` says, or a new id. */
                "X-Request-Id": string;
                /** @description Requests that are left, and the seconds until all are, by limit (draft-ietf-httpapi-ratelimit-headers). */
                Ratelimit?: string;
                /** @description Requests in so many seconds, by limit. */
                "Ratelimit-Policy"?: string;
                [name: string]: unknown;
            };
            content: {
                "application/problem+json": components["schemas"]["Problem507"];
            };
        };
    };
    parameters: never;
    requestBodies: never;
    headers: never;
    pathItems: never;
}
export type $defs = Record<string, never>;
export interface operations {
    getVersion: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description OK */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Version"];
                };
            };
        };
    };
    postAuthToken: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: {
            content: {
                "application/json": components["schemas"]["SignIn"];
            };
        };
        responses: {
            /** @description OK */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Token"];
                };
            };
        };
    };
    postAuthRefresh: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description OK */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Token"];
                };
            };
        };
    };
    postAuthVerify: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description OK */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Verified"];
                };
            };
        };
    };
    getDatabases: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description OK */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Databases"];
                };
            };
        };
    };
    postDatabases: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: {
            content: {
                "application/json": components["schemas"]["DatabaseRequest"];
            };
        };
        responses: {
            /** @description OK */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Database"];
                };
            };
            /** @description Created */
            201: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Database"];
                };
            };
        };
    };
    getDatabase: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                /** @description The name of a database. */
                db: components["schemas"]["DatabaseName"];
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description OK */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["DatabaseState"];
                };
            };
        };
    };
    deleteDatabase: {
        parameters: {
            query?: {
                /** @description Its files are removed. There is no way back. */
                purge?: "true";
            };
            header?: never;
            path: {
                /** @description The name of a database. */
                db: components["schemas"]["DatabaseName"];
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description OK */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["DatabaseGone"];
                };
            };
        };
    };
    patchDatabase: {
        parameters: {
            query?: {
                /** @description What the answer promises; without it the setting FORMDB_DURABILITY. */
                durability?: components["schemas"]["Durability"];
            };
            header?: {
                /** @description A second write with the same key and content is answered as the first. */
                "Idempotency-Key"?: string;
            };
            path: {
                /** @description The name of a database. */
                db: components["schemas"]["DatabaseName"];
            };
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["DefaultsInput"];
            };
        };
        responses: {
            /** @description OK */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["DefaultsSet"];
                };
            };
        };
    };
    getSchema: {
        parameters: {
            query?: {
                /** @description The state at a sequence, or at a time such as 2026-01-31. */
                as_of?: number | string;
            };
            header?: never;
            path: {
                /** @description The name of a database. */
                db: components["schemas"]["DatabaseName"];
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description OK */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["DatabaseSchema"];
                };
            };
        };
    };
    getFeaturesInBox: {
        parameters: {
            query: {
                /**
                 * @description Where to look. In degrees: west,south,east,north.
                 * @example 140,35,145,40
                 */
                bbox: string;
                /** @description How a feature lies to where one looks; without it intersects. */
                predicate?: components["schemas"]["Predicate"];
                /** @description At most so many on a page; without it FORMDB_DEFAULT_PAGE_ITEMS (1000), and never more than FORMDB_PAGE_ITEMS (100000). Of lines, sequences and tables, which have no pages: in all, without it all there are. */
                limit?: number;
                /** @description Goes on after a page: that of the page's link `next`. */
                cursor?: string;
                /** @description The state at a sequence, or at a time such as 2026-01-31. */
                as_of?: number | string;
                /** @description What this open transaction sees is read. */
                transaction?: components["schemas"]["TransactionId"];
                /** @description Only the number of those that are found. */
                count?: boolean;
                /**
                 * @description Filters, which must all hold, each a parameter of its own: `time`: When the version was committed. `seq`: The sequence of the version. `prop.NAME`: A property of the feature. One may be given twice, for both ends of a range.
                 * @example {
                 *       "prop.mag": "gte:5"
                 *     }
                 */
                filters?: components["schemas"]["Filters"];
            };
            header?: never;
            path: {
                /** @description The name of a database. */
                db: components["schemas"]["DatabaseName"];
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description OK */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/geo+json": components["schemas"]["FeaturePage"];
                    "application/json": components["schemas"]["FeatureCount"];
                    "application/x-ndjson": components["schemas"]["Feature"];
                    "application/geo+json-seq": components["schemas"]["FeatureSequence"];
                };
            };
        };
    };
    getFeaturesNearby: {
        parameters: {
            query?: {
                /**
                 * @description The position: longitude, then latitude, in degrees. It or `feature` is required.
                 * @example 142,38
                 */
                point?: string;
                /** @description The id of a feature that is a Point, in the place of a position. */
                feature?: components["schemas"]["Id"];
                /** @description At most so many features, over all pages. It, `radius` or both are required. */
                k?: number;
                /** @description At most so many metres away. It, `k` or both are required. */
                radius?: number;
                /** @description At most so many on a page; without it FORMDB_DEFAULT_PAGE_ITEMS (1000), and never more than FORMDB_PAGE_ITEMS (100000). Of lines, sequences and tables, which have no pages: in all, without it all there are. */
                limit?: number;
                /** @description Goes on after a page: that of the page's link `next`. */
                cursor?: string;
                /** @description The state at a sequence, or at a time such as 2026-01-31. */
                as_of?: number | string;
                /** @description What this open transaction sees is read. */
                transaction?: components["schemas"]["TransactionId"];
                /** @description Only the number of those that are found. */
                count?: boolean;
                /**
                 * @description Filters, which must all hold, each a parameter of its own: `time`: When the version was committed. `seq`: The sequence of the version. `prop.NAME`: A property of the feature. One may be given twice, for both ends of a range.
                 * @example {
                 *       "prop.mag": "gte:5"
                 *     }
                 */
                filters?: components["schemas"]["Filters"];
            };
            header?: never;
            path: {
                /** @description The name of a database. */
                db: components["schemas"]["DatabaseName"];
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description OK */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/geo+json": components["schemas"]["FeaturePage"];
                    "application/json": components["schemas"]["FeatureCount"];
                    "application/x-ndjson": components["schemas"]["Feature"];
                    "application/geo+json-seq": components["schemas"]["FeatureSequence"];
                };
            };
        };
    };
    getFeaturesByGeometry: {
        parameters: {
            query?: {
                /** @description Where to look, of any type. */
                geometry?: string;
                /** @description The id of a feature, whose geometry it is, in the place of a geometry. */
                feature?: components["schemas"]["Id"];
                /** @description How a feature lies to where one looks; without it intersects. */
                predicate?: components["schemas"]["Predicate"];
                /** @description What becomes of edges wider than 180 degrees; without it they are refused. */
                antimeridian?: components["schemas"]["Antimeridian"];
                /** @description At most so many on a page; without it FORMDB_DEFAULT_PAGE_ITEMS (1000), and never more than FORMDB_PAGE_ITEMS (100000). Of lines, sequences and tables, which have no pages: in all, without it all there are. */
                limit?: number;
                /** @description Goes on after a page: that of the page's link `next`. */
                cursor?: string;
                /** @description The state at a sequence, or at a time such as 2026-01-31. */
                as_of?: number | string;
                /** @description What this open transaction sees is read. */
                transaction?: components["schemas"]["TransactionId"];
                /** @description Only the number of those that are found. */
                count?: boolean;
                /**
                 * @description Filters, which must all hold, each a parameter of its own: `time`: When the version was committed. `seq`: The sequence of the version. `prop.NAME`: A property of the feature. One may be given twice, for both ends of a range.
                 * @example {
                 *       "prop.mag": "gte:5"
                 *     }
                 */
                filters?: components["schemas"]["Filters"];
            };
            header?: never;
            path: {
                /** @description The name of a database. */
                db: components["schemas"]["DatabaseName"];
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description OK */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/geo+json": components["schemas"]["FeaturePage"];
                    "application/json": components["schemas"]["FeatureCount"];
                    "application/x-ndjson": components["schemas"]["Feature"];
                    "application/geo+json-seq": components["schemas"]["FeatureSequence"];
                };
            };
        };
    };
    postFeaturesByGeometry: {
        parameters: {
            query?: {
                /** @description Where to look, of any type. */
                geometry?: string;
                /** @description The id of a feature, whose geometry it is, in the place of a geometry. */
                feature?: components["schemas"]["Id"];
                /** @description How a feature lies to where one looks; without it intersects. */
                predicate?: components["schemas"]["Predicate"];
                /** @description What becomes of edges wider than 180 degrees; without it they are refused. */
                antimeridian?: components["schemas"]["Antimeridian"];
                /** @description At most so many on a page; without it FORMDB_DEFAULT_PAGE_ITEMS (1000), and never more than FORMDB_PAGE_ITEMS (100000). Of lines, sequences and tables, which have no pages: in all, without it all there are. */
                limit?: number;
                /** @description Goes on after a page: that of the page's link `next`. */
                cursor?: string;
                /** @description The state at a sequence, or at a time such as 2026-01-31. */
                as_of?: number | string;
                /** @description What this open transaction sees is read. */
                transaction?: components["schemas"]["TransactionId"];
                /** @description Only the number of those that are found. */
                count?: boolean;
                /**
                 * @description Filters, which must all hold, each a parameter of its own: `time`: When the version was committed. `seq`: The sequence of the version. `prop.NAME`: A property of the feature. One may be given twice, for both ends of a range.
                 * @example {
                 *       "prop.mag": "gte:5"
                 *     }
                 */
                filters?: components["schemas"]["Filters"];
            };
            header?: never;
            path: {
                /** @description The name of a database. */
                db: components["schemas"]["DatabaseName"];
            };
            cookie?: never;
        };
        requestBody?: {
            content: {
                "application/json": components["schemas"]["SearchAtGeometry"];
                "application/geo+json": components["schemas"]["SearchAtGeometry"];
            };
        };
        responses: {
            /** @description OK */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/geo+json": components["schemas"]["FeaturePage"];
                    "application/json": components["schemas"]["FeatureCount"];
                    "application/x-ndjson": components["schemas"]["Feature"];
                    "application/geo+json-seq": components["schemas"]["FeatureSequence"];
                };
            };
        };
    };
    getFeaturesWithin: {
        parameters: {
            query?: {
                /** @description Where to look, of any type. */
                geometry?: string;
                /** @description The id of a feature, whose geometry it is, in the place of a geometry. */
                feature?: components["schemas"]["Id"];
                /** @description Where to look, in the place of a geometry. In degrees: west,south,east,north. */
                bbox?: string;
                /** @description What becomes of edges wider than 180 degrees; without it they are refused. */
                antimeridian?: components["schemas"]["Antimeridian"];
                /** @description At most so many on a page; without it FORMDB_DEFAULT_PAGE_ITEMS (1000), and never more than FORMDB_PAGE_ITEMS (100000). Of lines, sequences and tables, which have no pages: in all, without it all there are. */
                limit?: number;
                /** @description Goes on after a page: that of the page's link `next`. */
                cursor?: string;
                /** @description The state at a sequence, or at a time such as 2026-01-31. */
                as_of?: number | string;
                /** @description What this open transaction sees is read. */
                transaction?: components["schemas"]["TransactionId"];
                /** @description Only the number of those that are found. */
                count?: boolean;
                /**
                 * @description Filters, which must all hold, each a parameter of its own: `time`: When the version was committed. `seq`: The sequence of the version. `prop.NAME`: A property of the feature. One may be given twice, for both ends of a range.
                 * @example {
                 *       "prop.mag": "gte:5"
                 *     }
                 */
                filters?: components["schemas"]["Filters"];
            };
            header?: never;
            path: {
                /** @description The name of a database. */
                db: components["schemas"]["DatabaseName"];
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description OK */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/geo+json": components["schemas"]["FeaturePage"];
                    "application/json": components["schemas"]["FeatureCount"];
                    "application/x-ndjson": components["schemas"]["Feature"];
                    "application/geo+json-seq": components["schemas"]["FeatureSequence"];
                };
            };
        };
    };
    postFeaturesWithin: {
        parameters: {
            query?: {
                /** @description Where to look, of any type. */
                geometry?: string;
                /** @description The id of a feature, whose geometry it is, in the place of a geometry. */
                feature?: components["schemas"]["Id"];
                /** @description Where to look, in the place of a geometry. In degrees: west,south,east,north. */
                bbox?: string;
                /** @description What becomes of edges wider than 180 degrees; without it they are refused. */
                antimeridian?: components["schemas"]["Antimeridian"];
                /** @description At most so many on a page; without it FORMDB_DEFAULT_PAGE_ITEMS (1000), and never more than FORMDB_PAGE_ITEMS (100000). Of lines, sequences and tables, which have no pages: in all, without it all there are. */
                limit?: number;
                /** @description Goes on after a page: that of the page's link `next`. */
                cursor?: string;
                /** @description The state at a sequence, or at a time such as 2026-01-31. */
                as_of?: number | string;
                /** @description What this open transaction sees is read. */
                transaction?: components["schemas"]["TransactionId"];
                /** @description Only the number of those that are found. */
                count?: boolean;
                /**
                 * @description Filters, which must all hold, each a parameter of its own: `time`: When the version was committed. `seq`: The sequence of the version. `prop.NAME`: A property of the feature. One may be given twice, for both ends of a range.
                 * @example {
                 *       "prop.mag": "gte:5"
                 *     }
                 */
                filters?: components["schemas"]["Filters"];
            };
            header?: never;
            path: {
                /** @description The name of a database. */
                db: components["schemas"]["DatabaseName"];
            };
            cookie?: never;
        };
        requestBody?: {
            content: {
                "application/json": components["schemas"]["SearchInArea"];
                "application/geo+json": components["schemas"]["SearchInArea"];
            };
        };
        responses: {
            /** @description OK */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/geo+json": components["schemas"]["FeaturePage"];
                    "application/json": components["schemas"]["FeatureCount"];
                    "application/x-ndjson": components["schemas"]["Feature"];
                    "application/geo+json-seq": components["schemas"]["FeatureSequence"];
                };
            };
        };
    };
    getFeaturesIntersecting: {
        parameters: {
            query?: {
                /** @description Where to look, of any type. */
                geometry?: string;
                /** @description The id of a feature, whose geometry it is, in the place of a geometry. */
                feature?: components["schemas"]["Id"];
                /** @description Where to look, in the place of a geometry. In degrees: west,south,east,north. */
                bbox?: string;
                /** @description What becomes of edges wider than 180 degrees; without it they are refused. */
                antimeridian?: components["schemas"]["Antimeridian"];
                /** @description At most so many on a page; without it FORMDB_DEFAULT_PAGE_ITEMS (1000), and never more than FORMDB_PAGE_ITEMS (100000). Of lines, sequences and tables, which have no pages: in all, without it all there are. */
                limit?: number;
                /** @description Goes on after a page: that of the page's link `next`. */
                cursor?: string;
                /** @description The state at a sequence, or at a time such as 2026-01-31. */
                as_of?: number | string;
                /** @description What this open transaction sees is read. */
                transaction?: components["schemas"]["TransactionId"];
                /** @description Only the number of those that are found. */
                count?: boolean;
                /**
                 * @description Filters, which must all hold, each a parameter of its own: `time`: When the version was committed. `seq`: The sequence of the version. `prop.NAME`: A property of the feature. One may be given twice, for both ends of a range.
                 * @example {
                 *       "prop.mag": "gte:5"
                 *     }
                 */
                filters?: components["schemas"]["Filters"];
            };
            header?: never;
            path: {
                /** @description The name of a database. */
                db: components["schemas"]["DatabaseName"];
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description OK */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/geo+json": components["schemas"]["FeaturePage"];
                    "application/json": components["schemas"]["FeatureCount"];
                    "application/x-ndjson": components["schemas"]["Feature"];
                    "application/geo+json-seq": components["schemas"]["FeatureSequence"];
                };
            };
        };
    };
    postFeaturesIntersecting: {
        parameters: {
            query?: {
                /** @description Where to look, of any type. */
                geometry?: string;
                /** @description The id of a feature, whose geometry it is, in the place of a geometry. */
                feature?: components["schemas"]["Id"];
                /** @description Where to look, in the place of a geometry. In degrees: west,south,east,north. */
                bbox?: string;
                /** @description What becomes of edges wider than 180 degrees; without it they are refused. */
                antimeridian?: components["schemas"]["Antimeridian"];
                /** @description At most so many on a page; without it FORMDB_DEFAULT_PAGE_ITEMS (1000), and never more than FORMDB_PAGE_ITEMS (100000). Of lines, sequences and tables, which have no pages: in all, without it all there are. */
                limit?: number;
                /** @description Goes on after a page: that of the page's link `next`. */
                cursor?: string;
                /** @description The state at a sequence, or at a time such as 2026-01-31. */
                as_of?: number | string;
                /** @description What this open transaction sees is read. */
                transaction?: components["schemas"]["TransactionId"];
                /** @description Only the number of those that are found. */
                count?: boolean;
                /**
                 * @description Filters, which must all hold, each a parameter of its own: `time`: When the version was committed. `seq`: The sequence of the version. `prop.NAME`: A property of the feature. One may be given twice, for both ends of a range.
                 * @example {
                 *       "prop.mag": "gte:5"
                 *     }
                 */
                filters?: components["schemas"]["Filters"];
            };
            header?: never;
            path: {
                /** @description The name of a database. */
                db: components["schemas"]["DatabaseName"];
            };
            cookie?: never;
        };
        requestBody?: {
            content: {
                "application/json": components["schemas"]["SearchInArea"];
                "application/geo+json": components["schemas"]["SearchInArea"];
            };
        };
        responses: {
            /** @description OK */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/geo+json": components["schemas"]["FeaturePage"];
                    "application/json": components["schemas"]["FeatureCount"];
                    "application/x-ndjson": components["schemas"]["Feature"];
                    "application/geo+json-seq": components["schemas"]["FeatureSequence"];
                };
            };
        };
    };
    getFeaturesContaining: {
        parameters: {
            query?: {
                /** @description Where to look, of any type. */
                geometry?: string;
                /** @description The id of a feature, whose geometry it is, in the place of a geometry. */
                feature?: components["schemas"]["Id"];
                /** @description What they contain, in the place of a geometry. In degrees: west,south,east,north. */
                bbox?: string;
                /** @description What becomes of edges wider than 180 degrees; without it they are refused. */
                antimeridian?: components["schemas"]["Antimeridian"];
                /** @description At most so many on a page; without it FORMDB_DEFAULT_PAGE_ITEMS (1000), and never more than FORMDB_PAGE_ITEMS (100000). Of lines, sequences and tables, which have no pages: in all, without it all there are. */
                limit?: number;
                /** @description Goes on after a page: that of the page's link `next`. */
                cursor?: string;
                /** @description The state at a sequence, or at a time such as 2026-01-31. */
                as_of?: number | string;
                /** @description What this open transaction sees is read. */
                transaction?: components["schemas"]["TransactionId"];
                /** @description Only the number of those that are found. */
                count?: boolean;
                /**
                 * @description Filters, which must all hold, each a parameter of its own: `time`: When the version was committed. `seq`: The sequence of the version. `prop.NAME`: A property of the feature. One may be given twice, for both ends of a range.
                 * @example {
                 *       "prop.mag": "gte:5"
                 *     }
                 */
                filters?: components["schemas"]["Filters"];
            };
            header?: never;
            path: {
                /** @description The name of a database. */
                db: components["schemas"]["DatabaseName"];
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description OK */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/geo+json": components["schemas"]["FeaturePage"];
                    "application/json": components["schemas"]["FeatureCount"];
                    "application/x-ndjson": components["schemas"]["Feature"];
                    "application/geo+json-seq": components["schemas"]["FeatureSequence"];
                };
            };
        };
    };
    postFeaturesContaining: {
        parameters: {
            query?: {
                /** @description Where to look, of any type. */
                geometry?: string;
                /** @description The id of a feature, whose geometry it is, in the place of a geometry. */
                feature?: components["schemas"]["Id"];
                /** @description What they contain, in the place of a geometry. In degrees: west,south,east,north. */
                bbox?: string;
                /** @description What becomes of edges wider than 180 degrees; without it they are refused. */
                antimeridian?: components["schemas"]["Antimeridian"];
                /** @description At most so many on a page; without it FORMDB_DEFAULT_PAGE_ITEMS (1000), and never more than FORMDB_PAGE_ITEMS (100000). Of lines, sequences and tables, which have no pages: in all, without it all there are. */
                limit?: number;
                /** @description Goes on after a page: that of the page's link `next`. */
                cursor?: string;
                /** @description The state at a sequence, or at a time such as 2026-01-31. */
                as_of?: number | string;
                /** @description What this open transaction sees is read. */
                transaction?: components["schemas"]["TransactionId"];
                /** @description Only the number of those that are found. */
                count?: boolean;
                /**
                 * @description Filters, which must all hold, each a parameter of its own: `time`: When the version was committed. `seq`: The sequence of the version. `prop.NAME`: A property of the feature. One may be given twice, for both ends of a range.
                 * @example {
                 *       "prop.mag": "gte:5"
                 *     }
                 */
                filters?: components["schemas"]["Filters"];
            };
            header?: never;
            path: {
                /** @description The name of a database. */
                db: components["schemas"]["DatabaseName"];
            };
            cookie?: never;
        };
        requestBody?: {
            content: {
                "application/json": components["schemas"]["SearchInArea"];
                "application/geo+json": components["schemas"]["SearchInArea"];
            };
        };
        responses: {
            /** @description OK */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/geo+json": components["schemas"]["FeaturePage"];
                    "application/json": components["schemas"]["FeatureCount"];
                    "application/x-ndjson": components["schemas"]["Feature"];
                    "application/geo+json-seq": components["schemas"]["FeatureSequence"];
                };
            };
        };
    };
    getFeaturesHeatmap: {
        parameters: {
            query?: {
                /** @description Where to look. In degrees: west,south,east,north. */
                bbox?: string;
                /** @description Width and height of a cell in degrees, or one number for both. It or `zoom` is required. */
                cell?: string;
                /** @description Cells are the tiles of web maps at this level, 0 to 24. It or `cell` is required. */
                zoom?: number;
                /** @description A property whose numbers are added up in each cell. */
                sum?: string;
                /** @description The state at a sequence, or at a time such as 2026-01-31. */
                as_of?: number | string;
                /**
                 * @description Filters, which must all hold, each a parameter of its own: `time`: When the version was committed. `seq`: The sequence of the version. `prop.NAME`: A property of the feature. One may be given twice, for both ends of a range.
                 * @example {
                 *       "prop.mag": "gte:5"
                 *     }
                 */
                filters?: components["schemas"]["Filters"];
            };
            header?: never;
            path: {
                /** @description The name of a database. */
                db: components["schemas"]["DatabaseName"];
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description OK */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Heatmap"];
                };
            };
        };
    };
    getFeatures: {
        parameters: {
            query?: {
                /** @description Where to look. In degrees: west,south,east,north. */
                bbox?: string;
                /** @description How a feature lies to where one looks; without it intersects. */
                predicate?: components["schemas"]["Predicate"];
                /** @description At most so many on a page; without it FORMDB_DEFAULT_PAGE_ITEMS (1000), and never more than FORMDB_PAGE_ITEMS (100000). Of lines, sequences and tables, which have no pages: in all, without it all there are. */
                limit?: number;
                /** @description Goes on after a page: that of the page's link `next`. */
                cursor?: string;
                /** @description The state at a sequence, or at a time such as 2026-01-31. */
                as_of?: number | string;
                /** @description What this open transaction sees is read. */
                transaction?: components["schemas"]["TransactionId"];
                /** @description Only the number of those that are found. */
                count?: boolean;
                /**
                 * @description Filters, which must all hold, each a parameter of its own: `time`: When the version was committed. `seq`: The sequence of the version. `prop.NAME`: A property of the feature. One may be given twice, for both ends of a range.
                 * @example {
                 *       "prop.mag": "gte:5"
                 *     }
                 */
                filters?: components["schemas"]["Filters"];
            };
            header?: never;
            path: {
                /** @description The name of a database. */
                db: components["schemas"]["DatabaseName"];
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description OK */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/geo+json": components["schemas"]["FeaturePage"];
                    "application/json": components["schemas"]["FeatureCount"];
                    "application/x-ndjson": components["schemas"]["Feature"];
                    "application/geo+json-seq": components["schemas"]["FeatureSequence"];
                };
            };
        };
    };
    postFeatures: {
        parameters: {
            query?: {
                /** @description Whether features of one request with the same id are refused, which is the default, or all written. Of lines and sequences they are all written. */
                on_duplicate?: components["schemas"]["OnDuplicate"];
                /** @description Whether faulty features have all refused, which is the default, or are left out. Of lines and sequences they are left out by default, or stop it. */
                on_error?: components["schemas"]["OnError"];
                /** @description What becomes of edges wider than 180 degrees; without it they are refused. */
                antimeridian?: components["schemas"]["Antimeridian"];
                /** @description What the answer promises; without it the setting FORMDB_DURABILITY. */
                durability?: components["schemas"]["Durability"];
                /**
                 * @description Each a parameter of its own: `provenance.NAME`. A member of the provenance of all features and points that have none of their own. The value is text; of derived_from, sequences and hashes with commas between them.
                 * @example {
                 *       "provenance.source": "import 7"
                 *     }
                 */
                provenance?: {
                    [key: string]: string;
                };
            };
            header?: {
                /** @description A second write with the same key and content is answered as the first. */
                "Idempotency-Key"?: string;
            };
            path: {
                /** @description The name of a database. */
                db: components["schemas"]["DatabaseName"];
            };
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/geo+json": components["schemas"]["FeaturesInput"];
                "application/json": components["schemas"]["FeaturesInput"];
                "application/x-ndjson": components["schemas"]["FeatureLines"];
                "application/geo+json-seq": components["schemas"]["FeatureSequence"];
            };
        };
        responses: {
            /** @description OK */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/x-ndjson": components["schemas"]["Uploaded"];
                };
            };
            /** @description Created */
            201: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["FeaturesWritten"];
                };
            };
        };
    };
    getFeature: {
        parameters: {
            query?: {
                /** @description The state at a sequence, or at a time such as 2026-01-31. */
                as_of?: number | string;
                /** @description What this open transaction sees is read. */
                transaction?: components["schemas"]["TransactionId"];
            };
            header?: {
                /** @description Only if the current version has one of these tags. */
                "If-Match"?: string;
                /** @description Only if the current version has none of these. */
                "If-None-Match"?: string;
            };
            path: {
                /** @description The name of a database. */
                db: components["schemas"]["DatabaseName"];
                /** @description The id of a feature; `/` within it is `%2F`. */
                id: components["schemas"]["Id"];
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description OK */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/geo+json": components["schemas"]["Feature"];
                };
            };
        };
    };
    putFeature: {
        parameters: {
            query?: {
                /** @description What becomes of edges wider than 180 degrees; without it they are refused. */
                antimeridian?: components["schemas"]["Antimeridian"];
                /** @description What the answer promises; without it the setting FORMDB_DURABILITY. */
                durability?: components["schemas"]["Durability"];
            };
            header?: {
                /** @description A second write with the same key and content is answered as the first. */
                "Idempotency-Key"?: string;
                /** @description Only if the current version has one of these tags. */
                "If-Match"?: string;
                /** @description Only if the current version has none of these. */
                "If-None-Match"?: string;
            };
            path: {
                /** @description The name of a database. */
                db: components["schemas"]["DatabaseName"];
                /** @description The id of a feature; `/` within it is `%2F`. */
                id: components["schemas"]["Id"];
            };
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/geo+json": components["schemas"]["FeatureInput"];
                "application/json": components["schemas"]["FeatureInput"];
            };
        };
        responses: {
            /** @description OK */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["FeatureWritten"];
                };
            };
            /** @description Created */
            201: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["FeatureWritten"];
                };
            };
        };
    };
    deleteFeature: {
        parameters: {
            query?: {
                /** @description What the answer promises; without it the setting FORMDB_DURABILITY. */
                durability?: components["schemas"]["Durability"];
            };
            header?: {
                /** @description A second write with the same key and content is answered as the first. */
                "Idempotency-Key"?: string;
                /** @description Only if the current version has one of these tags. */
                "If-Match"?: string;
                /** @description Only if the current version has none of these. */
                "If-None-Match"?: string;
            };
            path: {
                /** @description The name of a database. */
                db: components["schemas"]["DatabaseName"];
                /** @description The id of a feature; `/` within it is `%2F`. */
                id: components["schemas"]["Id"];
            };
            cookie?: never;
        };
        requestBody?: {
            content: {
                "application/json": components["schemas"]["Reason"];
            };
        };
        responses: {
            /** @description OK */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["FeatureWritten"];
                };
            };
        };
    };
    patchFeature: {
        parameters: {
            query?: {
                /** @description What becomes of edges wider than 180 degrees; without it they are refused. */
                antimeridian?: components["schemas"]["Antimeridian"];
                /** @description What the answer promises; without it the setting FORMDB_DURABILITY. */
                durability?: components["schemas"]["Durability"];
            };
            header?: {
                /** @description A second write with the same key and content is answered as the first. */
                "Idempotency-Key"?: string;
                /** @description Only if the current version has one of these tags. */
                "If-Match"?: string;
                /** @description Only if the current version has none of these. */
                "If-None-Match"?: string;
            };
            path: {
                /** @description The name of a database. */
                db: components["schemas"]["DatabaseName"];
                /** @description The id of a feature; `/` within it is `%2F`. */
                id: components["schemas"]["Id"];
            };
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/merge-patch+json": components["schemas"]["FeaturePatch"];
                "application/json": components["schemas"]["FeaturePatch"];
            };
        };
        responses: {
            /** @description OK */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["FeatureWritten"];
                };
            };
        };
    };
    getProvenance: {
        parameters: {
            query?: {
                /** @description Only versions after this sequence. */
                since?: number;
                /** @description At most so many on a page; without it FORMDB_DEFAULT_PAGE_ITEMS (1000), and never more than FORMDB_PAGE_ITEMS (100000). Of lines, sequences and tables, which have no pages: in all, without it all there are. */
                limit?: number;
                /** @description The state at a sequence, or at a time such as 2026-01-31. */
                as_of?: number | string;
            };
            header?: never;
            path: {
                /** @description The name of a database. */
                db: components["schemas"]["DatabaseName"];
                /** @description The id of a feature; `/` within it is `%2F`. */
                id: components["schemas"]["Id"];
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description OK */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ProvenanceChain"];
                };
            };
        };
    };
    getFeatureDiff: {
        parameters: {
            query: {
                /**
                 * @description The sequence or time that is compared.
                 * @example 1
                 */
                from: number | string;
                /** @description What it is compared with; without it all there is. */
                to?: number | string;
            };
            header?: never;
            path: {
                /** @description The name of a database. */
                db: components["schemas"]["DatabaseName"];
                /** @description The id of a feature; `/` within it is `%2F`. */
                id: components["schemas"]["Id"];
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description OK */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["FeatureDiff"];
                };
            };
        };
    };
    getLineage: {
        parameters: {
            query?: {
                /** @description At most so many on a page; without it FORMDB_DEFAULT_PAGE_ITEMS (1000), and never more than FORMDB_PAGE_ITEMS (100000). Of lines, sequences and tables, which have no pages: in all, without it all there are. */
                limit?: number;
                /** @description The state at a sequence, or at a time such as 2026-01-31. */
                as_of?: number | string;
            };
            header?: never;
            path: {
                /** @description The name of a database. */
                db: components["schemas"]["DatabaseName"];
                /** @description The id of a feature; `/` within it is `%2F`. */
                id: components["schemas"]["Id"];
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description OK */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Lineage"];
                };
            };
        };
    };
    getTimeseries: {
        parameters: {
            query?: {
                /** @description Only series whose ids begin with this. */
                prefix?: string;
                /** @description Only series whose ids are so; a star stands for any characters, or for none. */
                pattern?: string;
                /** @description Only series that belong to this feature: whose attribute `feature` it is. */
                feature?: components["schemas"]["Id"];
                /** @description What each series comes with besides its points. */
                include?: components["schemas"]["Include"];
                /** @description At most so many on a page; without it FORMDB_DEFAULT_PAGE_ITEMS (1000), and never more than FORMDB_PAGE_ITEMS (100000). Of lines, sequences and tables, which have no pages: in all, without it all there are. */
                limit?: number;
                /** @description Goes on after a page: that of the page's link `next`. */
                cursor?: string;
                /** @description The time zone of times without an offset, of those in the answer, and of buckets of days and more; without it UTC, and times need an offset. */
                tz?: string;
                /** @description The state at a sequence, or at a time such as 2026-01-31. */
                as_of?: number | string;
                /**
                 * @description Filters, which must all hold, each a parameter of its own: `attr.NAME`: Only series with such an attribute, in the words of filters on properties.
                 * @example {
                 *       "attr.unit": "Cel"
                 *     }
                 */
                attributes?: {
                    [key: string]: string | string[];
                };
            };
            header?: never;
            path: {
                /** @description The name of a database. */
                db: components["schemas"]["DatabaseName"];
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description OK */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["SeriesPage"];
                    "application/x-ndjson": components["schemas"]["SeriesEntry"];
                    "text/csv": components["schemas"]["SeriesTable"];
                };
            };
        };
    };
    postTimeseries: {
        parameters: {
            query?: {
                /** @description The series of all points of a table with the columns timestamp and value. */
                series_id?: components["schemas"]["SeriesId"];
                /** @description Which header a table has: series_id,timestamp,value (long), timestamp and a column a series (wide), or timestamp,value with series_id (single). Without it the names of its columns tell. */
                shape?: components["schemas"]["TableShape"];
                /** @description What integers count that stand for times; without it microseconds. */
                unit?: components["schemas"]["Unit"];
                /** @description The time zone of times without an offset, of those in the answer, and of buckets of days and more; without it UTC, and times need an offset. */
                tz?: string;
                /** @description What becomes of a point for whose timestamp the series has points already, stored or earlier in the request; without it what the database says, at first keep. A body that is written as it comes does not take refuse. */
                on_duplicate?: components["schemas"]["OnDuplicatePoint"];
                /** @description Whether faulty lines are left out, which is the default, or stop it. */
                on_error?: components["schemas"]["OnFaultyLine"];
                /** @description Of a table: what stands for no value besides an empty cell, with commas between. Numbers among them are compared as numbers. */
                missing?: string;
                /** @description What the answer promises; without it the setting FORMDB_DURABILITY. */
                durability?: components["schemas"]["Durability"];
                /**
                 * @description Each a parameter of its own: `provenance.NAME`. A member of the provenance of all features and points that have none of their own. The value is text; of derived_from, sequences and hashes with commas between them.
                 * @example {
                 *       "provenance.source": "import 7"
                 *     }
                 */
                provenance?: {
                    [key: string]: string;
                };
            };
            header?: {
                /** @description A second write with the same key and content is answered as the first. */
                "Idempotency-Key"?: string;
            };
            path: {
                /** @description The name of a database. */
                db: components["schemas"]["DatabaseName"];
            };
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["PointsInput"];
                "application/x-ndjson": components["schemas"]["PointLines"];
                "text/csv": components["schemas"]["PointTable"];
            };
        };
        responses: {
            /** @description OK */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["PointsIgnored"];
                    "application/x-ndjson": components["schemas"]["Uploaded"];
                };
            };
            /** @description Created */
            201: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["PointsWritten"];
                };
            };
        };
    };
    getSeries: {
        parameters: {
            query?: {
                /** @description From this time on. */
                start?: components["schemas"]["Time"];
                /** @description Before this time. */
                end?: components["schemas"]["Time"];
                /** @description What integers count that stand for times; without it microseconds. */
                unit?: components["schemas"]["Unit"];
                /** @description The time zone of times without an offset, of those in the answer, and of buckets of days and more; without it UTC, and times need an offset. */
                tz?: string;
                /**
                 * @description Only points with such a value. Given several times, all must hold.
                 * @example [
                 *       "gte:1",
                 *       "lt:5"
                 *     ]
                 */
                value?: string[];
                /** @description At most so many on a page; without it FORMDB_DEFAULT_PAGE_ITEMS (1000), and never more than FORMDB_PAGE_ITEMS (100000). Of lines, sequences and tables, which have no pages: in all, without it all there are. */
                limit?: number;
                /** @description Oldest or newest first. */
                order?: components["schemas"]["Order"];
                /** @description Goes on after a page: that of the page's link `next`. */
                cursor?: string;
                /** @description The state at a sequence, or at a time such as 2026-01-31. */
                as_of?: number | string;
                /** @description What is told of each point besides: of its block, its id and its metadata. */
                include?: string;
                /** @description What this open transaction sees is read. */
                transaction?: components["schemas"]["TransactionId"];
            };
            header?: never;
            path: {
                /** @description The name of a database. */
                db: components["schemas"]["DatabaseName"];
                /** @description The id of a series; `/` within it is `%2F`. */
                series: components["schemas"]["SeriesId"];
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description OK */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Range"];
                    "application/x-ndjson": components["schemas"]["SeriesPoint"];
                    "text/csv": components["schemas"]["Table"];
                };
            };
        };
    };
    putSeries: {
        parameters: {
            query?: {
                /** @description From this time on. */
                start?: components["schemas"]["Time"];
                /** @description Before this time. */
                end?: components["schemas"]["Time"];
                /** @description All points of the series, in place of a range. */
                all?: "true";
                /** @description What integers count that stand for times; without it microseconds. */
                unit?: components["schemas"]["Unit"];
                /** @description The time zone of times without an offset, of those in the answer, and of buckets of days and more; without it UTC, and times need an offset. */
                tz?: string;
                /** @description What becomes of a point for whose timestamp the series has points already, stored or earlier in the request; without it what the database says, at first keep. A body that is written as it comes does not take refuse. */
                on_duplicate?: components["schemas"]["OnDuplicatePoint"];
                /** @description What the answer promises; without it the setting FORMDB_DURABILITY. */
                durability?: components["schemas"]["Durability"];
            };
            header?: {
                /** @description A second write with the same key and content is answered as the first. */
                "Idempotency-Key"?: string;
            };
            path: {
                /** @description The name of a database. */
                db: components["schemas"]["DatabaseName"];
                /** @description The id of a series; `/` within it is `%2F`. */
                series: components["schemas"]["SeriesId"];
            };
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["ReplacementInput"];
            };
        };
        responses: {
            /** @description OK */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["PointsReplaced"];
                };
            };
        };
    };
    deleteSeries: {
        parameters: {
            query?: {
                /** @description From this time on. */
                start?: components["schemas"]["Time"];
                /** @description Before this time. */
                end?: components["schemas"]["Time"];
                /** @description What integers count that stand for times; without it microseconds. */
                unit?: components["schemas"]["Unit"];
                /** @description The time zone of times without an offset, of those in the answer, and of buckets of days and more; without it UTC, and times need an offset. */
                tz?: string;
                /** @description What the answer promises; without it the setting FORMDB_DURABILITY. */
                durability?: components["schemas"]["Durability"];
            };
            header?: {
                /** @description A second write with the same key and content is answered as the first. */
                "Idempotency-Key"?: string;
            };
            path: {
                /** @description The name of a database. */
                db: components["schemas"]["DatabaseName"];
                /** @description The id of a series; `/` within it is `%2F`. */
                series: components["schemas"]["SeriesId"];
            };
            cookie?: never;
        };
        requestBody?: {
            content: {
                "application/json": components["schemas"]["Reason"];
            };
        };
        responses: {
            /** @description OK */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["PointsDeleted"];
                };
            };
        };
    };
    putPoint: {
        parameters: {
            query?: {
                /** @description What integers count that stand for times; without it microseconds. */
                unit?: components["schemas"]["Unit"];
                /** @description The time zone of times without an offset, of those in the answer, and of buckets of days and more; without it UTC, and times need an offset. */
                tz?: string;
                /** @description What becomes of a point for whose timestamp the series has points already, stored or earlier in the request; without it what the database says, at first keep. A body that is written as it comes does not take refuse. */
                on_duplicate?: components["schemas"]["OnDuplicatePoint"];
                /** @description What the answer promises; without it the setting FORMDB_DURABILITY. */
                durability?: components["schemas"]["Durability"];
            };
            header?: {
                /** @description A second write with the same key and content is answered as the first. */
                "Idempotency-Key"?: string;
            };
            path: {
                /** @description The name of a database. */
                db: components["schemas"]["DatabaseName"];
                /** @description The id of a series; `/` within it is `%2F`. */
                series: components["schemas"]["SeriesId"];
                /** @description The id of a point, such as pt_17_0. */
                point_id: components["schemas"]["PointId"];
            };
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["CorrectionInput"];
            };
        };
        responses: {
            /** @description OK */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["PointCorrected"];
                };
            };
        };
    };
    deletePoint: {
        parameters: {
            query?: {
                /** @description What the answer promises; without it the setting FORMDB_DURABILITY. */
                durability?: components["schemas"]["Durability"];
            };
            header?: {
                /** @description A second write with the same key and content is answered as the first. */
                "Idempotency-Key"?: string;
            };
            path: {
                /** @description The name of a database. */
                db: components["schemas"]["DatabaseName"];
                /** @description The id of a series; `/` within it is `%2F`. */
                series: components["schemas"]["SeriesId"];
                /** @description The id of a point, such as pt_17_0. */
                point_id: components["schemas"]["PointId"];
            };
            cookie?: never;
        };
        requestBody?: {
            content: {
                "application/json": components["schemas"]["Reason"];
            };
        };
        responses: {
            /** @description OK */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["PointDeleted"];
                };
            };
        };
    };
    getAttributes: {
        parameters: {
            query?: {
                /** @description The state at a sequence, or at a time such as 2026-01-31. */
                as_of?: number | string;
            };
            header?: {
                /** @description Only if the current version has one of these tags. */
                "If-Match"?: string;
                /** @description Only if the current version has none of these. */
                "If-None-Match"?: string;
            };
            path: {
                /** @description The name of a database. */
                db: components["schemas"]["DatabaseName"];
                /** @description The id of a series; `/` within it is `%2F`. */
                series: components["schemas"]["SeriesId"];
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description OK */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Attributes"];
                };
            };
        };
    };
    putAttributes: {
        parameters: {
            query?: {
                /** @description What the answer promises; without it the setting FORMDB_DURABILITY. */
                durability?: components["schemas"]["Durability"];
            };
            header?: {
                /** @description A second write with the same key and content is answered as the first. */
                "Idempotency-Key"?: string;
                /** @description Only if the current version has one of these tags. */
                "If-Match"?: string;
                /** @description Only if the current version has none of these. */
                "If-None-Match"?: string;
            };
            path: {
                /** @description The name of a database. */
                db: components["schemas"]["DatabaseName"];
                /** @description The id of a series; `/` within it is `%2F`. */
                series: components["schemas"]["SeriesId"];
            };
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["AttributesInput"];
            };
        };
        responses: {
            /** @description OK */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["AttributesWritten"];
                };
            };
            /** @description Created */
            201: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["AttributesWritten"];
                };
            };
        };
    };
    deleteAttributes: {
        parameters: {
            query?: {
                /** @description What the answer promises; without it the setting FORMDB_DURABILITY. */
                durability?: components["schemas"]["Durability"];
            };
            header?: {
                /** @description A second write with the same key and content is answered as the first. */
                "Idempotency-Key"?: string;
                /** @description Only if the current version has one of these tags. */
                "If-Match"?: string;
                /** @description Only if the current version has none of these. */
                "If-None-Match"?: string;
            };
            path: {
                /** @description The name of a database. */
                db: components["schemas"]["DatabaseName"];
                /** @description The id of a series; `/` within it is `%2F`. */
                series: components["schemas"]["SeriesId"];
            };
            cookie?: never;
        };
        requestBody?: {
            content: {
                "application/json": components["schemas"]["Reason"];
            };
        };
        responses: {
            /** @description OK */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["AttributesWritten"];
                };
            };
        };
    };
    getAttributesProvenance: {
        parameters: {
            query?: {
                /** @description Only versions after this sequence. */
                since?: number;
                /** @description At most so many on a page; without it FORMDB_DEFAULT_PAGE_ITEMS (1000), and never more than FORMDB_PAGE_ITEMS (100000). Of lines, sequences and tables, which have no pages: in all, without it all there are. */
                limit?: number;
                /** @description The state at a sequence, or at a time such as 2026-01-31. */
                as_of?: number | string;
            };
            header?: never;
            path: {
                /** @description The name of a database. */
                db: components["schemas"]["DatabaseName"];
                /** @description The id of a series; `/` within it is `%2F`. */
                series: components["schemas"]["SeriesId"];
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description OK */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["AttributesChain"];
                };
            };
        };
    };
    getSeriesByPrefix: {
        parameters: {
            query?: {
                /** @description From this time on. */
                start?: components["schemas"]["Time"];
                /** @description Before this time. */
                end?: components["schemas"]["Time"];
                /** @description What integers count that stand for times; without it microseconds. */
                unit?: components["schemas"]["Unit"];
                /** @description The time zone of times without an offset, of those in the answer, and of buckets of days and more; without it UTC, and times need an offset. */
                tz?: string;
                /**
                 * @description Only points with such a value. Given several times, all must hold.
                 * @example [
                 *       "gte:1",
                 *       "lt:5"
                 *     ]
                 */
                value?: string[];
                /** @description At most so many on a page; without it FORMDB_DEFAULT_PAGE_ITEMS (1000), and never more than FORMDB_PAGE_ITEMS (100000). Of lines, sequences and tables, which have no pages: in all, without it all there are. */
                limit?: number;
                /** @description Oldest or newest first. */
                order?: components["schemas"]["Order"];
                /** @description Goes on after a page: that of the page's link `next`. */
                cursor?: string;
                /** @description The state at a sequence, or at a time such as 2026-01-31. */
                as_of?: number | string;
                /** @description What is told of each point besides: of its block, its id and its metadata. */
                include?: string;
                /** @description Of a table: a row for each point, or side by side, a column for each series. */
                shape?: components["schemas"]["Shape"];
                /** @description Only series whose ids are so; a star stands for any characters, or for none. */
                pattern?: string;
                /** @description Only series that belong to this feature: whose attribute `feature` it is. */
                feature?: components["schemas"]["Id"];
                /**
                 * @description Filters, which must all hold, each a parameter of its own: `attr.NAME`: Only series with such an attribute, in the words of filters on properties.
                 * @example {
                 *       "attr.unit": "Cel"
                 *     }
                 */
                attributes?: {
                    [key: string]: string | string[];
                };
            };
            header?: never;
            path: {
                /** @description The name of a database. */
                db: components["schemas"]["DatabaseName"];
                /** @description What the ids of the series begin with; `/` within it is `%2F`. */
                prefix: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description OK */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Ranges"];
                    "application/x-ndjson": components["schemas"]["SeriesPoint"];
                    "text/csv": components["schemas"]["Table"];
                };
            };
        };
    };
    getAggregate: {
        parameters: {
            query: {
                /** @description From this time on. */
                start?: components["schemas"]["Time"];
                /** @description Before this time. */
                end?: components["schemas"]["Time"];
                /** @description What integers count that stand for times; without it microseconds. */
                unit?: components["schemas"]["Unit"];
                /**
                 * @description Only points with such a value. Given several times, all must hold.
                 * @example [
                 *       "gte:1",
                 *       "lt:5"
                 *     ]
                 */
                value?: string[];
                /**
                 * @description What is worked out; up to 16 with commas between them.
                 * @example avg
                 */
                aggregation: string;
                /** @description The length of a bucket; without it all points are one. */
                interval?: string;
                /** @description The length of the window that ends where a bucket does, and that it is worked out of. */
                window?: string;
                /** @description What points are put together by, instead of buckets, as their zone's clock shows it. */
                group_by?: components["schemas"]["GroupBy"];
                /** @description For coverage: the time from one expected value to the next. */
                expected?: string;
                /** @description Where a bucket begins. */
                origin?: components["schemas"]["Time"];
                /** @description The time zone of times without an offset, of those in the answer, and of buckets of days and more; without it UTC, and times need an offset. */
                tz?: string;
                /** @description What stands in buckets without points. */
                fill?: components["schemas"]["Fill"];
                /** @description Oldest or newest first. */
                order?: components["schemas"]["Order"];
                /** @description The state at a sequence, or at a time such as 2026-01-31. */
                as_of?: number | string;
            };
            header?: never;
            path: {
                /** @description The name of a database. */
                db: components["schemas"]["DatabaseName"];
                /** @description The id of a series; `/` within it is `%2F`. */
                series: components["schemas"]["SeriesId"];
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description OK */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Aggregate"];
                    "application/x-ndjson": components["schemas"]["SeriesValue"];
                    "text/csv": components["schemas"]["Table"];
                };
            };
        };
    };
    getAggregateByPrefix: {
        parameters: {
            query: {
                /** @description From this time on. */
                start?: components["schemas"]["Time"];
                /** @description Before this time. */
                end?: components["schemas"]["Time"];
                /** @description What integers count that stand for times; without it microseconds. */
                unit?: components["schemas"]["Unit"];
                /**
                 * @description Only points with such a value. Given several times, all must hold.
                 * @example [
                 *       "gte:1",
                 *       "lt:5"
                 *     ]
                 */
                value?: string[];
                /**
                 * @description What is worked out; up to 16 with commas between them.
                 * @example avg
                 */
                aggregation: string;
                /** @description The length of a bucket; without it all points are one. */
                interval?: string;
                /** @description The length of the window that ends where a bucket does, and that it is worked out of. */
                window?: string;
                /** @description What points are put together by, instead of buckets, as their zone's clock shows it. */
                group_by?: components["schemas"]["GroupBy"];
                /** @description For coverage: the time from one expected value to the next. */
                expected?: string;
                /** @description Where a bucket begins. */
                origin?: components["schemas"]["Time"];
                /** @description The time zone of times without an offset, of those in the answer, and of buckets of days and more; without it UTC, and times need an offset. */
                tz?: string;
                /** @description What stands in buckets without points. */
                fill?: components["schemas"]["Fill"];
                /** @description Oldest or newest first. */
                order?: components["schemas"]["Order"];
                /** @description The state at a sequence, or at a time such as 2026-01-31. */
                as_of?: number | string;
                /** @description Of a table: a row for each point, or side by side, a column for each series. */
                shape?: components["schemas"]["Shape"];
                /** @description Only series whose ids are so; a star stands for any characters, or for none. */
                pattern?: string;
                /** @description Only series that belong to this feature: whose attribute `feature` it is. */
                feature?: components["schemas"]["Id"];
                /**
                 * @description Filters, which must all hold, each a parameter of its own: `attr.NAME`: Only series with such an attribute, in the words of filters on properties.
                 * @example {
                 *       "attr.unit": "Cel"
                 *     }
                 */
                attributes?: {
                    [key: string]: string | string[];
                };
            };
            header?: never;
            path: {
                /** @description The name of a database. */
                db: components["schemas"]["DatabaseName"];
                /** @description What the ids of the series begin with; `/` within it is `%2F`. */
                prefix: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description OK */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Aggregates"];
                    "application/x-ndjson": components["schemas"]["SeriesValue"];
                    "text/csv": components["schemas"]["Table"];
                };
            };
        };
    };
    getSummary: {
        parameters: {
            query?: {
                /** @description From this time on. */
                start?: components["schemas"]["Time"];
                /** @description Before this time. */
                end?: components["schemas"]["Time"];
                /** @description What integers count that stand for times; without it microseconds. */
                unit?: components["schemas"]["Unit"];
                /** @description The time zone of times without an offset, of those in the answer, and of buckets of days and more; without it UTC, and times need an offset. */
                tz?: string;
                /**
                 * @description Only points with such a value. Given several times, all must hold.
                 * @example [
                 *       "gte:1",
                 *       "lt:5"
                 *     ]
                 */
                value?: string[];
                /** @description The state at a sequence, or at a time such as 2026-01-31. */
                as_of?: number | string;
            };
            header?: never;
            path: {
                /** @description The name of a database. */
                db: components["schemas"]["DatabaseName"];
                /** @description The id of a series; `/` within it is `%2F`. */
                series: components["schemas"]["SeriesId"];
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description OK */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Summary"];
                };
            };
        };
    };
    getSeriesProvenance: {
        parameters: {
            query?: {
                /** @description From this time on. */
                start?: components["schemas"]["Time"];
                /** @description Before this time. */
                end?: components["schemas"]["Time"];
                /** @description What integers count that stand for times; without it microseconds. */
                unit?: components["schemas"]["Unit"];
                /** @description The time zone of times without an offset, of those in the answer, and of buckets of days and more; without it UTC, and times need an offset. */
                tz?: string;
                /** @description Only blocks after this sequence. */
                since?: number;
                /** @description At most so many on a page; without it FORMDB_DEFAULT_PAGE_ITEMS (1000), and never more than FORMDB_PAGE_ITEMS (100000). Of lines, sequences and tables, which have no pages: in all, without it all there are. */
                limit?: number;
                /** @description The state at a sequence, or at a time such as 2026-01-31. */
                as_of?: number | string;
            };
            header?: never;
            path: {
                /** @description The name of a database. */
                db: components["schemas"]["DatabaseName"];
                /** @description The id of a series; `/` within it is `%2F`. */
                series: components["schemas"]["SeriesId"];
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description OK */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["SeriesProvenance"];
                };
            };
        };
    };
    getSeriesDiff: {
        parameters: {
            query: {
                /**
                 * @description The sequence or time that is compared.
                 * @example 1
                 */
                from: number | string;
                /** @description What it is compared with; without it all there is. */
                to?: number | string;
                /** @description From this time on. */
                start?: components["schemas"]["Time"];
                /** @description Before this time. */
                end?: components["schemas"]["Time"];
                /** @description What integers count that stand for times; without it microseconds. */
                unit?: components["schemas"]["Unit"];
                /** @description The time zone of times without an offset, of those in the answer, and of buckets of days and more; without it UTC, and times need an offset. */
                tz?: string;
                /** @description At most so many on a page; without it FORMDB_DEFAULT_PAGE_ITEMS (1000), and never more than FORMDB_PAGE_ITEMS (100000). Of lines, sequences and tables, which have no pages: in all, without it all there are. */
                limit?: number;
                /** @description Goes on after a page: that of the page's link `next`. */
                cursor?: string;
            };
            header?: never;
            path: {
                /** @description The name of a database. */
                db: components["schemas"]["DatabaseName"];
                /** @description The id of a series; `/` within it is `%2F`. */
                series: components["schemas"]["SeriesId"];
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description OK */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["SeriesDiff"];
                };
            };
        };
    };
    getSummaryByPrefix: {
        parameters: {
            query?: {
                /** @description From this time on. */
                start?: components["schemas"]["Time"];
                /** @description Before this time. */
                end?: components["schemas"]["Time"];
                /** @description What integers count that stand for times; without it microseconds. */
                unit?: components["schemas"]["Unit"];
                /** @description The time zone of times without an offset, of those in the answer, and of buckets of days and more; without it UTC, and times need an offset. */
                tz?: string;
                /**
                 * @description Only points with such a value. Given several times, all must hold.
                 * @example [
                 *       "gte:1",
                 *       "lt:5"
                 *     ]
                 */
                value?: string[];
                /** @description The state at a sequence, or at a time such as 2026-01-31. */
                as_of?: number | string;
                /** @description At most so many on a page; without it FORMDB_DEFAULT_PAGE_ITEMS (1000), and never more than FORMDB_PAGE_ITEMS (100000). Of lines, sequences and tables, which have no pages: in all, without it all there are. */
                limit?: number;
                /** @description Goes on after a page: that of the page's link `next`. */
                cursor?: string;
                /** @description Only series whose ids are so; a star stands for any characters, or for none. */
                pattern?: string;
                /** @description Only series that belong to this feature: whose attribute `feature` it is. */
                feature?: components["schemas"]["Id"];
                /**
                 * @description Filters, which must all hold, each a parameter of its own: `attr.NAME`: Only series with such an attribute, in the words of filters on properties.
                 * @example {
                 *       "attr.unit": "Cel"
                 *     }
                 */
                attributes?: {
                    [key: string]: string | string[];
                };
            };
            header?: never;
            path: {
                /** @description The name of a database. */
                db: components["schemas"]["DatabaseName"];
                /** @description What the ids of the series begin with; `/` within it is `%2F`. */
                prefix: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description OK */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Summaries"];
                    "application/x-ndjson": components["schemas"]["SeriesSummary"];
                    "text/csv": components["schemas"]["SummaryTable"];
                };
            };
        };
    };
    getLatest: {
        parameters: {
            query?: {
                /** @description The time zone of times without an offset, of those in the answer, and of buckets of days and more; without it UTC, and times need an offset. */
                tz?: string;
                /** @description The state at a sequence, or at a time such as 2026-01-31. */
                as_of?: number | string;
            };
            header?: never;
            path: {
                /** @description The name of a database. */
                db: components["schemas"]["DatabaseName"];
                /** @description The id of a series; `/` within it is `%2F`. */
                series: components["schemas"]["SeriesId"];
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description OK */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Latest"];
                };
            };
        };
    };
    getLatestByPrefix: {
        parameters: {
            query?: {
                /** @description At most so many on a page; without it FORMDB_DEFAULT_PAGE_ITEMS (1000), and never more than FORMDB_PAGE_ITEMS (100000). Of lines, sequences and tables, which have no pages: in all, without it all there are. */
                limit?: number;
                /** @description Goes on after a page: that of the page's link `next`. */
                cursor?: string;
                /** @description The time zone of times without an offset, of those in the answer, and of buckets of days and more; without it UTC, and times need an offset. */
                tz?: string;
                /** @description The state at a sequence, or at a time such as 2026-01-31. */
                as_of?: number | string;
                /** @description Only series whose ids are so; a star stands for any characters, or for none. */
                pattern?: string;
                /** @description Only series that belong to this feature: whose attribute `feature` it is. */
                feature?: components["schemas"]["Id"];
                /**
                 * @description Filters, which must all hold, each a parameter of its own: `attr.NAME`: Only series with such an attribute, in the words of filters on properties.
                 * @example {
                 *       "attr.unit": "Cel"
                 *     }
                 */
                attributes?: {
                    [key: string]: string | string[];
                };
            };
            header?: never;
            path: {
                /** @description The name of a database. */
                db: components["schemas"]["DatabaseName"];
                /** @description What the ids of the series begin with; `/` within it is `%2F`. */
                prefix: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description OK */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["LatestPage"];
                    "application/x-ndjson": components["schemas"]["LatestPoint"];
                    "text/csv": components["schemas"]["LatestTable"];
                };
            };
        };
    };
    getJournal: {
        parameters: {
            query?: {
                /** @description Only blocks after this sequence or time. */
                since?: number | string;
                /** @description Only blocks up to this sequence or time. */
                until?: number | string;
                /** @description Only blocks of this operation. */
                type?: components["schemas"]["Operation"];
                /** @description Only blocks about this feature. */
                feature_id?: components["schemas"]["Id"];
                /** @description Only blocks about this series, or with a star at its end about those that begin so. */
                series_id?: string;
                /** @description Only blocks of this writer. */
                actor?: string;
                /** @description Only blocks of the transaction that the block of this sequence belongs to. */
                transaction?: number;
                /** @description Oldest or newest first. */
                order?: components["schemas"]["Order"];
                /** @description Whether entries have what was written, or only what that is about. */
                bodies?: boolean;
                /** @description At most so many on a page; without it FORMDB_DEFAULT_PAGE_ITEMS (1000), and never more than FORMDB_PAGE_ITEMS (100000). Of lines, sequences and tables, which have no pages: in all, without it all there are. */
                limit?: number;
                /** @description Where there is no such block yet: how many seconds to wait for one. Answered with an empty page if none came. */
                wait?: number;
                /** @description The history that all of this is of. */
                log?: string;
                /**
                 * @description Filters, which must all hold, each a parameter of its own: `provenance.NAME`: A member of the provenance of the block.
                 * @example {
                 *       "provenance.source": "import 7"
                 *     }
                 */
                provenance?: {
                    [key: string]: string | string[];
                };
            };
            header?: never;
            path: {
                /** @description The name of a database. */
                db: components["schemas"]["DatabaseName"];
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description OK */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["JournalPage"];
                    "application/x-ndjson": components["schemas"]["JournalEntry"];
                };
            };
        };
    };
    getJournalEvents: {
        parameters: {
            query?: {
                /** @description Only blocks after this sequence or time. */
                since?: number | string;
                /** @description The history that all of this is of. */
                log?: string;
                /** @description Only blocks of this operation. */
                type?: components["schemas"]["Operation"];
                /** @description Only blocks about this series, or with a star at its end about those that begin so. */
                series_id?: string;
                /** @description At most so many entries, and never more than 1000. There are no tables of them. */
                limit?: number;
                /** @description Where there is no such block yet: how many seconds to wait for one. Answered with an empty page if none came. */
                wait?: number;
                /** @description Only blocks of features here, before or after. In degrees: west,south,east,north. */
                bbox?: string;
                /** @description Where to look, of any type. */
                geometry?: string;
                /** @description How a feature lies to where one looks; without it intersects. */
                predicate?: components["schemas"]["Predicate"];
                /** @description What becomes of edges wider than 180 degrees; without it they are refused. */
                antimeridian?: components["schemas"]["Antimeridian"];
                /** @description Only blocks of these features, with commas between. */
                ids?: string;
                /** @description What is told of features and an area (`bbox`, `geometry` or `feature`): one or several of enter, exit, inside, outside and cross, with commas between. */
                fence?: string;
                /** @description The id of a feature, whose geometry as of each moment is the area of the fence. */
                feature?: components["schemas"]["Id"];
                /** @description How many seconds what enters the area has to stay to be told of, which is no entry of the journal. */
                dwell?: number;
                /** @description Only blocks by which a series of `series_id` goes above this level, or comes back. */
                above?: number;
                /** @description The same, below a level. */
                below?: number;
                /** @description The same, outside a band. */
                outside?: string;
                /** @description How far from the level values have to come back. */
                hysteresis?: number;
                /** @description For how many seconds, by the times of its points, a series has to be beyond the level. */
                for?: number;
                /**
                 * @description Filters, which must all hold, each a parameter of its own: `prop.NAME`: A property of the feature. One may be given twice, for both ends of a range.
                 * @example {
                 *       "prop.mag": "gte:5"
                 *     }
                 */
                filters?: {
                    [key: string]: string | string[];
                };
            };
            header?: never;
            path: {
                /** @description The name of a database. */
                db: components["schemas"]["DatabaseName"];
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description OK */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["EventsPage"];
                };
            };
        };
    };
    getJournalStream: {
        parameters: {
            query?: {
                /** @description Only blocks after this sequence or time. */
                since?: number | string;
                /** @description The history that the sequence `since` is of. */
                log?: string;
                /** @description The hash of the block `since`. */
                hash?: components["schemas"]["Hash"];
                /** @description With `root`, a head that the journal had. */
                tree_size?: number;
                /** @description The root of the tree of that head. */
                root?: components["schemas"]["Hash"];
                /** @description Only blocks of this operation. */
                type?: components["schemas"]["Operation"];
                /** @description Only blocks about this series, or with a star at its end about those that begin so. */
                series_id?: string;
                /** @description Whether each entry comes with the proof that it is in the tree. */
                proof?: boolean;
                /** @description The access token, in the place of the field Authorization. */
                token?: string;
                /** @description Only blocks of features here, before or after. In degrees: west,south,east,north. */
                bbox?: string;
                /** @description Where to look, of any type. */
                geometry?: string;
                /** @description How a feature lies to where one looks; without it intersects. */
                predicate?: components["schemas"]["Predicate"];
                /** @description What becomes of edges wider than 180 degrees; without it they are refused. */
                antimeridian?: components["schemas"]["Antimeridian"];
                /** @description Only blocks of these features, with commas between. */
                ids?: string;
                /** @description What is told of features and an area (`bbox`, `geometry` or `feature`): one or several of enter, exit, inside, outside and cross, with commas between. */
                fence?: string;
                /** @description The id of a feature, whose geometry as of each moment is the area of the fence. */
                feature?: components["schemas"]["Id"];
                /** @description How many seconds what enters the area has to stay to be told of, which is no entry of the journal. */
                dwell?: number;
                /** @description Only blocks by which a series of `series_id` goes above this level, or comes back. */
                above?: number;
                /** @description The same, below a level. */
                below?: number;
                /** @description The same, outside a band. */
                outside?: string;
                /** @description How far from the level values have to come back. */
                hysteresis?: number;
                /** @description For how many seconds, by the times of its points, a series has to be beyond the level. */
                for?: number;
                /**
                 * @description Filters, which must all hold, each a parameter of its own: `prop.NAME`: A property of the feature. One may be given twice, for both ends of a range.
                 * @example {
                 *       "prop.mag": "gte:5"
                 *     }
                 */
                filters?: {
                    [key: string]: string | string[];
                };
            };
            header?: {
                /** @description The last event that the client had. */
                "Last-Event-Id"?: number;
            };
            path: {
                /** @description The name of a database. */
                db: components["schemas"]["DatabaseName"];
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description OK */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "text/event-stream": components["schemas"]["EventStream"];
                };
            };
        };
    };
    getBlock: {
        parameters: {
            query?: never;
            header?: {
                /** @description Only if the current version has one of these tags. */
                "If-Match"?: string;
                /** @description Only if the current version has none of these. */
                "If-None-Match"?: string;
            };
            path: {
                /** @description The name of a database. */
                db: components["schemas"]["DatabaseName"];
                /** @description The sequence of a block, or its hash. */
                block: number | string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description OK */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Block"];
                };
            };
        };
    };
    postBlockRevert: {
        parameters: {
            query?: {
                /** @description Whether a transaction may be undone in part. */
                partial?: boolean;
                /** @description What the answer promises; without it the setting FORMDB_DURABILITY. */
                durability?: components["schemas"]["Durability"];
            };
            header?: {
                /** @description A second write with the same key and content is answered as the first. */
                "Idempotency-Key"?: string;
            };
            path: {
                /** @description The name of a database. */
                db: components["schemas"]["DatabaseName"];
                /** @description The sequence of a block, or its hash. */
                block: number | string;
            };
            cookie?: never;
        };
        requestBody?: {
            content: {
                "application/json": components["schemas"]["Reason"];
            };
        };
        responses: {
            /** @description Created */
            201: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Reverted"];
                };
            };
        };
    };
    postBlockRestore: {
        parameters: {
            query?: {
                /** @description What the answer promises; without it the setting FORMDB_DURABILITY. */
                durability?: components["schemas"]["Durability"];
            };
            header?: {
                /** @description A second write with the same key and content is answered as the first. */
                "Idempotency-Key"?: string;
            };
            path: {
                /** @description The name of a database. */
                db: components["schemas"]["DatabaseName"];
                /** @description The sequence of a block, or its hash. */
                block: number | string;
            };
            cookie?: never;
        };
        requestBody?: {
            content: {
                "application/json": components["schemas"]["Reason"];
            };
        };
        responses: {
            /** @description Created */
            201: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Restored"];
                };
            };
        };
    };
    postReverts: {
        parameters: {
            query?: {
                /** @description Nothing is written: the answer is what would be, and what stands in the way. */
                dry_run?: boolean;
                /** @description Whether a transaction may be undone in part. */
                partial?: boolean;
                /** @description What the answer promises; without it the setting FORMDB_DURABILITY. */
                durability?: components["schemas"]["Durability"];
            };
            header?: {
                /** @description A second write with the same key and content is answered as the first. */
                "Idempotency-Key"?: string;
            };
            path: {
                /** @description The name of a database. */
                db: components["schemas"]["DatabaseName"];
            };
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["RevertRequest"];
            };
        };
        responses: {
            /** @description OK */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["RevertPlan"];
                };
            };
            /** @description Created */
            201: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["RevertedBlocks"];
                };
            };
        };
    };
    getTree: {
        parameters: {
            query?: {
                /** @description The tree of so many blocks; without it of all that are durable. */
                tree_size?: number;
            };
            header?: never;
            path: {
                /** @description The name of a database. */
                db: components["schemas"]["DatabaseName"];
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description OK */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["TreeHead"];
                };
            };
        };
    };
    getInclusion: {
        parameters: {
            query: {
                /**
                 * @description The sequence of the block.
                 * @example 1
                 */
                seq: number;
                /** @description The tree of so many blocks; without it of all that are durable. */
                tree_size?: number;
            };
            header?: never;
            path: {
                /** @description The name of a database. */
                db: components["schemas"]["DatabaseName"];
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description OK */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["InclusionProof"];
                };
            };
        };
    };
    getConsistency: {
        parameters: {
            query: {
                /**
                 * @description The size of the earlier tree.
                 * @example 1
                 */
                first: number;
                /** @description That of the later one; without it of all blocks. */
                second?: number;
            };
            header?: never;
            path: {
                /** @description The name of a database. */
                db: components["schemas"]["DatabaseName"];
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description OK */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ConsistencyProof"];
                };
            };
        };
    };
    postTransactions: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                /** @description The name of a database. */
                db: components["schemas"]["DatabaseName"];
            };
            cookie?: never;
        };
        requestBody?: {
            content: {
                "application/json": components["schemas"]["TransactionRequest"];
            };
        };
        responses: {
            /** @description Created */
            201: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["TransactionBegun"];
                };
            };
        };
    };
    getTransaction: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                /** @description The name of a database. */
                db: components["schemas"]["DatabaseName"];
                /** @description The id of a transaction. */
                txn: components["schemas"]["TransactionId"];
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description OK */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Transaction"];
                };
            };
        };
    };
    postTransactionOperations: {
        parameters: {
            query?: {
                /** @description What integers count that stand for times; without it microseconds. */
                unit?: components["schemas"]["Unit"];
                /** @description The time zone of times without an offset, of those in the answer, and of buckets of days and more; without it UTC, and times need an offset. */
                tz?: string;
            };
            header?: {
                /** @description A second write with the same key and content is answered as the first. */
                "Idempotency-Key"?: string;
            };
            path: {
                /** @description The name of a database. */
                db: components["schemas"]["DatabaseName"];
                /** @description The id of a transaction. */
                txn: components["schemas"]["TransactionId"];
            };
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["Operations"];
            };
        };
        responses: {
            /** @description OK */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["OperationsAdded"];
                };
            };
        };
    };
    postTransactionCommit: {
        parameters: {
            query?: {
                /** @description What the answer promises; without it the setting FORMDB_DURABILITY. */
                durability?: components["schemas"]["Durability"];
            };
            header?: {
                /** @description A second write with the same key and content is answered as the first. */
                "Idempotency-Key"?: string;
            };
            path: {
                /** @description The name of a database. */
                db: components["schemas"]["DatabaseName"];
                /** @description The id of a transaction. */
                txn: components["schemas"]["TransactionId"];
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description OK */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Committed"];
                };
            };
        };
    };
    postTransactionAbort: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                /** @description The name of a database. */
                db: components["schemas"]["DatabaseName"];
                /** @description The id of a transaction. */
                txn: components["schemas"]["TransactionId"];
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description OK */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["TransactionAborted"];
                };
            };
        };
    };
    getWebhooks: {
        parameters: {
            query?: {
                /** @description The state at a sequence, or at a time such as 2026-01-31. */
                as_of?: number | string;
            };
            header?: never;
            path: {
                /** @description The name of a database. */
                db: components["schemas"]["DatabaseName"];
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description OK */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Webhooks"];
                };
            };
        };
    };
    postWebhooks: {
        parameters: {
            query?: {
                /** @description What the answer promises; without it the setting FORMDB_DURABILITY. */
                durability?: components["schemas"]["Durability"];
            };
            header?: never;
            path: {
                /** @description The name of a database. */
                db: components["schemas"]["DatabaseName"];
            };
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["WebhookRequest"];
            };
        };
        responses: {
            /** @description Created */
            201: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Webhook"];
                };
            };
        };
    };
    getWebhook: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                /** @description The name of a database. */
                db: components["schemas"]["DatabaseName"];
                /** @description The id of a webhook. */
                webhook: components["schemas"]["WebhookId"];
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description OK */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Webhook"];
                };
            };
        };
    };
    deleteWebhook: {
        parameters: {
            query?: {
                /** @description What the answer promises; without it the setting FORMDB_DURABILITY. */
                durability?: components["schemas"]["Durability"];
            };
            header?: never;
            path: {
                /** @description The name of a database. */
                db: components["schemas"]["DatabaseName"];
                /** @description The id of a webhook. */
                webhook: components["schemas"]["WebhookId"];
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description OK */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["WebhookDeleted"];
                };
            };
        };
    };
    patchWebhook: {
        parameters: {
            query?: {
                /** @description What the answer promises; without it the setting FORMDB_DURABILITY. */
                durability?: components["schemas"]["Durability"];
            };
            header?: never;
            path: {
                /** @description The name of a database. */
                db: components["schemas"]["DatabaseName"];
                /** @description The id of a webhook. */
                webhook: components["schemas"]["WebhookId"];
            };
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["WebhookChange"];
            };
        };
        responses: {
            /** @description OK */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Webhook"];
                };
            };
        };
    };
    getDeadLetters: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                /** @description The name of a database. */
                db: components["schemas"]["DatabaseName"];
                /** @description The id of a webhook. */
                webhook: components["schemas"]["WebhookId"];
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description OK */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["DeadLetters"];
                };
            };
        };
    };
    postDeadLetters: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                /** @description The name of a database. */
                db: components["schemas"]["DatabaseName"];
                /** @description The id of a webhook. */
                webhook: components["schemas"]["WebhookId"];
            };
            cookie?: never;
        };
        requestBody?: {
            content: {
                "application/json": components["schemas"]["DeadLettersRequest"];
            };
        };
        responses: {
            /** @description OK */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["DeadLettersSettled"];
                };
            };
        };
    };
    getBackups: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                /** @description The name of a database. */
                db: components["schemas"]["DatabaseName"];
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description OK */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Backups"];
                };
            };
        };
    };
    postBackups: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                /** @description The name of a database. */
                db: components["schemas"]["DatabaseName"];
            };
            cookie?: never;
        };
        requestBody?: {
            content: {
                "application/json": components["schemas"]["BackupRequest"];
            };
        };
        responses: {
            /** @description Created */
            201: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Backup"];
                };
            };
        };
    };
}
