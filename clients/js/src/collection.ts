/** GeoJSON documents as lines: of a FeatureCollection a feature each. */

import { joined } from "./bytes.js";
import { BadSource } from "./errors.js";

// As the server's FORMDB_MAX_BODY_BYTES unless it is set otherwise: what is larger it would not take either.
const FEATURE_BYTES = 64 << 20;
const QUOTE = 0x22, BACKSLASH = 0x5c, COMMA = 0x2c, OPEN = 0x7b, CLOSE = 0x7d, OPEN_LIST = 0x5b, CLOSE_LIST = 0x5d;
const SPACE = 0x20, NEWLINE = 10, RETURN = 13, TAB = 9;

/**
 * Finds the features of a document that is given in pieces. It looks at brackets and quotes alone: whether a feature is
 * good JSON is for the server to say, by its line.
 */
class Features {
  readonly #name: string;
  // What is not in a feature, and what is of a feature that has not ended yet.
  #rest: Uint8Array[] = [];
  #part: Uint8Array[] = [];
  #held = 0;
  #depth = 0;
  #text = false;
  #escaped = false;
  #key: number[] | undefined;
  #lastKey: string | undefined;
  // Where a feature may begin, within one, or behind one.
  #place: "outside" | "before" | "within" | "behind" = "outside";
  #first = true;
  found = false;

  constructor(name: string) {
    this.#name = name;
  }

  /** The lines of the features that end in this piece. */
  take(chunk: Uint8Array, out: Uint8Array[]): void {
    let from = 0;
    for (let at = 0; at < chunk.length; at++) {
      const byte = chunk[at]!;
      if (this.#text) {
        this.#inText(byte);
        continue;
      }
      const space = byte === SPACE || byte === NEWLINE || byte === RETURN || byte === TAB;
      switch (this.#place) {
        case "outside":
          if (this.#outside(byte)) {
            this.#keep(this.#rest, chunk.subarray(from, at + 1));
            this.#begin();
            from = at + 1;
          }
          break;
        case "before":
          if (space) break;
          if (byte === CLOSE_LIST && this.#first) {
            this.#place = "outside";
            this.#depth--;
            from = at;
          } else {
            if (byte !== OPEN) throw this.#wrong("a feature begins with {");
            this.#place = "within";
            this.#depth++;
            from = at;
          }
          this.#first = false;
          break;
        case "within":
          if (byte === QUOTE) this.#text = true;
          else if (byte === OPEN || byte === OPEN_LIST) this.#depth++;
          else if ((byte === CLOSE || byte === CLOSE_LIST) && --this.#depth === 2) {
            this.#keep(this.#part, chunk.subarray(from, at + 1));
            out.push(oneLine(joined(this.#part)));
            this.#part = [];
            this.#held = 0;
            this.#place = "behind";
          }
          break;
        case "behind":
          if (space) break;
          if (byte !== COMMA && byte !== CLOSE_LIST) throw this.#wrong("behind a feature stands a comma or ]");
          this.#place = byte === COMMA ? "before" : "outside";
          if (byte === CLOSE_LIST) this.#depth--;
          from = at;
          break;
      }
    }
    if (this.#place === "outside") this.#keep(this.#rest, chunk.subarray(from));
    else if (this.#place === "within") this.#keep(this.#part, chunk.subarray(from));
  }

  /** The document without its features. */
  members(): Record<string, unknown> {
    if (this.#place !== "outside" || this.#depth !== 0) throw this.#wrong("it is cut off");
    return this.#parsed(joined(this.#rest));
  }

  #inText(byte: number): void {
    if (byte === NEWLINE || byte === RETURN) throw this.#wrong("a line ends within a text");
    const ends = byte === QUOTE && !this.#escaped;
    this.#escaped = byte === BACKSLASH && !this.#escaped;
    if (ends) this.#text = false;
    else this.#key?.push(byte);
    if (ends && this.#key !== undefined) {
      this.#lastKey = new TextDecoder().decode(Uint8Array.from(this.#key));
      this.#key = undefined;
    }
  }

  /** Whether the features begin behind this byte. */
  #outside(byte: number): boolean {
    if (byte === QUOTE) {
      this.#text = true;
      if (this.#depth === 1 && this.#lastKey === undefined) this.#key = [];
      return false;
    }
    if (byte === OPEN || byte === OPEN_LIST) {
      this.#depth++;
      return byte === OPEN_LIST && this.#depth === 2 && this.#lastKey === "features" && !this.found;
    }
    if (byte === CLOSE || byte === CLOSE_LIST) this.#depth--;
    if (byte === COMMA && this.#depth === 1) this.#lastKey = undefined;
    return false;
  }

  #begin(): void {
    this.#place = "before";
    this.found = true;
    this.#first = true;
    checkSystem(this.#parsed(joined([...this.#rest, Uint8Array.of(CLOSE_LIST, CLOSE)])), this.#name);
    this.#held = 0;
  }

  #keep(parts: Uint8Array[], part: Uint8Array): void {
    if (part.length === 0) return;
    this.#held += part.length;
    if (this.#held > FEATURE_BYTES) throw this.#wrong(`it has a value of more than ${FEATURE_BYTES >> 20} MiB`);
    // The piece may be used again by whoever gave it.
    parts.push(part.slice());
  }

  #parsed(bytes: Uint8Array): Record<string, unknown> {
    let document: unknown;
    try {
      document = JSON.parse(new TextDecoder("utf-8", { fatal: true }).decode(bytes));
    } catch (error) {
      throw this.#wrong(error instanceof Error ? error.message : String(error));
    }
    if (typeof document !== "object" || document === null || Array.isArray(document)) throw this.#wrong("it is no object");
    return document as Record<string, unknown>;
  }

  #wrong(why: string): BadSource {
    return new BadSource(`${this.#name} is no GeoJSON: ${why}`);
  }
}

function oneLine(feature: Uint8Array): Uint8Array {
  // Ends of lines stand between values alone.
  for (const end of [NEWLINE, RETURN]) for (let at = feature.indexOf(end); at >= 0; at = feature.indexOf(end, at + 1)) feature[at] = SPACE;
  return feature;
}

function checkSystem({ crs }: Record<string, unknown>, name: string): void {
  if (crs === undefined || crs === null) return;
  const found = (crs as { properties?: { name?: unknown } }).properties?.name;
  const system = typeof found === "string" ? found : "";
  if (!/(CRS84|EPSG:4326)$/.test(system.toUpperCase().replace("::", ":")))
    throw new BadSource(`${name}: its coordinates are in ${system || JSON.stringify(crs)}, and not in longitude and latitude (WGS 84); ` +
      "convert them first, for instance with ogr2ogr -t_srs EPSG:4326");
}

/**
 * The features of a GeoJSON document as lines, several to a piece. What is no FeatureCollection is one line. Memory is
 * that of the largest feature.
 */
export async function* featuresOf(chunks: AsyncIterable<Uint8Array>, name: string): AsyncGenerator<Uint8Array, void, undefined> {
  const features = new Features(name);
  const end = Uint8Array.of(NEWLINE);
  for await (const chunk of chunks) {
    const lines: Uint8Array[] = [];
    features.take(chunk, lines);
    if (lines.length > 0) yield joined(lines.flatMap((line) => [line, end]));
  }
  const members = features.members();
  checkSystem(members, name);
  if (features.found) return;
  if (members["type"] === "FeatureCollection") throw new BadSource(`${name}: the FeatureCollection has no features`);
  yield new TextEncoder().encode(`${JSON.stringify(members)}\n`);
}
