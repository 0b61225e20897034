/** Bodies of uploads: what is sent line by line, in constant memory, and again from its beginning. */

import { streamOf, chunksOf } from "./bytes.js";
import { featuresOf } from "./collection.js";
import { BadSource } from "./errors.js";
import { jsonOf } from "./json.js";

/** A body. `size` is in bytes where it is known; `replayable` says that `chunks` may be called again. */
export interface Source {
  readonly contentType: string;
  readonly contentEncoding?: string | undefined;
  readonly size?: number | undefined;
  readonly replayable: boolean;
  chunks(): AsyncIterable<Uint8Array>;
}

/** Objects one after the other. */
export type Items = Iterable<object> | AsyncIterable<object>;

/**
 * What can be uploaded: a `File` of a page, a file of `formdb/node`; or features or points, as an array, as a function
 * that gives them anew, or as they come (which can be sent once).
 */
export type UploadSource = Source | Blob | Items | (() => Items);

const NDJSON = "application/x-ndjson";
const SEQUENCE = "application/geo+json-seq";
const CSV = "text/csv";
const CHUNK_CHARACTERS = 1 << 18;
const CODINGS: Readonly<Record<string, string>> = { gz: "gzip", zst: "zstd" };
const TYPES: Readonly<Record<string, string>> = {
  csv: CSV, ndjson: NDJSON, jsonl: NDJSON, geojsonl: NDJSON, ldgeojson: NDJSON, geojsons: SEQUENCE, geojsonseq: SEQUENCE,
};

/** A file as it is read; `bytes` may be called several times. */
export interface Readable {
  readonly name: string;
  readonly size: number;
  bytes(): AsyncIterable<Uint8Array>;
}

/** Objects, a line each. */
function lines(make: () => Items, replayable: boolean): Source {
  async function* chunks() {
    const encoder = new TextEncoder();
    let text = "";
    for await (const item of make()) {
      text += `${jsonOf(item)}\n`;
      if (text.length < CHUNK_CHARACTERS) continue;
      yield encoder.encode(text);
      text = "";
    }
    if (text !== "") yield encoder.encode(text);
  }
  return { contentType: NDJSON, replayable, chunks };
}

/** A file as what its name says it is, and its first byte where the name does not tell lines from sequences. */
export async function fileSource(file: Readable): Promise<Source> {
  const words = file.name.toLowerCase().split(".");
  const coding = CODINGS[words.at(-1) ?? ""];
  if (coding !== undefined) words.pop();
  const ending = words.length > 1 ? words.at(-1)! : "";
  if (ending === "geojson" || ending === "json") return collection(file, coding);
  let contentType = TYPES[ending];
  if (contentType === undefined) {
    const known = [...Object.keys(TYPES), "geojson"].map((word) => `.${word}`).join(", ");
    throw new BadSource(`${file.name}: its name does not say what it has; names end in one of ${known}`);
  }
  if (contentType !== CSV && coding === undefined) {
    contentType = NDJSON;
    for await (const first of file.bytes()) {
      if (first[0] === 0x1e) contentType = SEQUENCE;
      break;
    }
  }
  return { contentType, contentEncoding: coding, size: file.size, replayable: true, chunks: () => file.bytes() };
}

/** A file with a GeoJSON document, sent as lines. */
function collection(file: Readable, coding: string | undefined): Source {
  if (coding === "zstd")
    throw new BadSource(`${file.name}: a FeatureCollection that is packed with zstd cannot be sent as lines; unpack it first, or pack ` +
      "it with gzip");
  const chunks = () => featuresOf(coding === undefined ? file.bytes() : unpacked(file), file.name);
  return { contentType: NDJSON, replayable: true, chunks };
}

async function* unpacked(file: Readable): AsyncGenerator<Uint8Array, void, undefined> {
  try {
    yield* chunksOf(streamOf(file.bytes()).pipeThrough(new DecompressionStream("gzip") as ReadableWritablePair<Uint8Array, Uint8Array>));
  } catch (error) {
    throw new BadSource(`${file.name} is not packed with gzip, or is cut off`, { cause: error });
  }
}

/** What is given as a source. */
export async function sourceOf(given: UploadSource): Promise<Source> {
  if (typeof given === "function") return lines(given, true);
  if (given instanceof Blob) {
    const name = (given as { name?: unknown }).name;
    if (typeof name !== "string")
      throw new BadSource("a Blob does not say what it has: give a File with a name, such as new File([blob], \"points.csv\")");
    return fileSource({ name, size: given.size, bytes: () => chunksOf(given.stream()) });
  }
  if ("chunks" in given) return given;
  // Of what is all there, nothing is sent where one cannot be.
  if (Array.isArray(given)) for (const item of given) jsonOf(item);
  return lines(() => given, Array.isArray(given));
}
