/** Several writes that happen together or not at all. */
import { Features } from "./features.js";
import { newKey } from "./http.js";
import { params } from "./query.js";
import { Series } from "./series.js";
/** A transaction that is open: it sees the database as it was when it began, and its own writes. */
export class Transaction {
    id;
    seq;
    #scope;
    #given;
    #signal;
    /** Reading features as this transaction sees them. */
    features;
    /** Reading points as this transaction sees them. */
    series;
    /** `seq` is the state that it began at. */
    constructor(scope, id, seq, given, signal) {
        this.id = id;
        this.seq = seq;
        this.#scope = scope;
        this.#given = given;
        this.#signal = signal;
        this.features = new Features(scope.within(id));
        this.series = new Series(scope.within(id));
    }
    /** Adds operations as the API has them, all or none; the ids of the features that they put. */
    async add(...operations) {
        const write = { key: newKey(), signal: this.#signal };
        const path = `/transactions/${this.id}/operations`;
        const has = { feature_ids: "array" };
        return (await this.#scope.write("POST", path, write, this.#given, { operations }, undefined, has)).feature_ids;
    }
    /** Puts a feature; its id. */
    async put(feature, { provenance } = {}) {
        return (await this.add({ op: "put_feature", feature: provenance === undefined ? feature : { ...feature, provenance } }))[0];
    }
    /** Deletes a feature. */
    async delete(id, { provenance } = {}) {
        await this.add({ op: "delete_feature", id, provenance });
    }
    /** Writes points of one series. */
    async write(series, timestamps, values, { on_duplicate, provenance } = {}) {
        await this.add({ op: "put_points", on_duplicate, points: { series_id: series, timestamps, values, provenance } });
    }
    /** Deletes the points of a range. */
    async deletePoints(series, { start, end, provenance } = {}) {
        await this.add({ op: "delete_points", series_id: series, start, end, provenance });
    }
    /** Sets the attributes of a series, or with null deletes them. */
    async setAttributes(series, attributes, { provenance } = {}) {
        await this.add({ op: "set_attributes", series_id: series, attributes, provenance });
    }
}
/** Runs work in a transaction: committed when it is done, aborted where it throws. */
export async function transaction(scope, work, { readOnly, tz, unit, signal }) {
    scope.checkWritable();
    const path = `${scope.path}/transactions`;
    // A beginning whose answer is lost ends by itself.
    const begun = await scope.http.json({ method: "POST", path, body: readOnly ? { read_only: true } : undefined, signal }, { has: { transaction_id: "string", seq: "number" } });
    const abort = () => scope.http.call({ method: "POST", path: `${path}/${begun.transaction_id}/abort` });
    let result;
    try {
        result = await work(new Transaction(scope, begun.transaction_id, begun.seq, params({ tz, unit }), signal));
    }
    catch (error) {
        // It ends by itself; what is to be told is why it was left.
        await abort().catch(() => undefined);
        throw error;
    }
    if (readOnly) {
        await abort();
        return { result, receipt: undefined };
    }
    return { result, receipt: await scope.write("POST", `/transactions/${begun.transaction_id}/commit`, { signal }) };
}
