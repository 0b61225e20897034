/** GeoJSON documents as lines: of a FeatureCollection a feature each. */
/**
 * The features of a GeoJSON document as lines, several to a piece. What is no FeatureCollection is one line. Memory is
 * that of the largest feature.
 */
export declare function featuresOf(chunks: AsyncIterable<Uint8Array>, name: string): AsyncGenerator<Uint8Array, void, undefined>;
