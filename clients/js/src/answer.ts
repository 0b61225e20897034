/** Answers as documents: what is none of the server's is told with the call, its status and what was expected. */

import { joined } from "./bytes.js";
import { BadAnswer } from "./errors.js";

/** What the answer to a call has to have: names of members, and their kinds. */
export type Members = Readonly<Record<string, "array" | "number" | "string" | "object" | "any">>;

/** The call that an answer is of. */
export interface Asker {
  readonly method: string;
  readonly path: string;
  readonly status: number;
}

/** The exception for an answer that is not what the call has to be answered with. */
export function badAnswer({ method, path, status }: Asker, expected: string, found: string): BadAnswer {
  return new BadAnswer(`${method} ${path} was answered with ${status} and ${found}; expected ${expected}. Is this the address of a FormDB server?`, status);
}

/** A text in a few characters, with nothing in it that a terminal would obey. */
export function shown(text: string): string {
  return text === "" ? "nothing" : JSON.stringify(text.length > 60 ? `${text.slice(0, 60)}...` : text);
}

/** The object that a text has. */
export function objectOf<T>(text: string, asker: Asker, members: Members = {}): T {
  const names = Object.keys(members);
  const expected = names.length === 0 ? "a JSON object" : `a JSON object with ${names.join(", ")}`;
  let document: unknown;
  try {
    document = JSON.parse(text);
  } catch {
    throw badAnswer(asker, expected, shown(text));
  }
  if (typeof document !== "object" || document === null || Array.isArray(document) || Object.keys(document).length === 0)
    throw badAnswer(asker, expected, shown(text));
  for (const [name, kind] of Object.entries(members)) {
    const value = (document as Record<string, unknown>)[name];
    const found = Array.isArray(value) ? "array" : value === null ? "null" : typeof value;
    if (kind === "any" ? value === undefined : found !== kind) throw badAnswer(asker, expected, shown(text));
  }
  return document as T;
}

/** The exception for an answer, or a line of one, of more bytes than there may be. */
export function tooLong(asker: Asker, most: number): BadAnswer {
  return badAnswer(asker, `at most ${most} bytes at a time (maxAnswerBytes)`, "more");
}

/** The bytes of an answer as a whole, of which there may be so many. */
export async function wholeOf(chunks: AsyncIterable<Uint8Array>, most: number, asker: Asker): Promise<Uint8Array> {
  const parts: Uint8Array[] = [];
  let size = 0;
  for await (const chunk of chunks) {
    size += chunk.length;
    if (size > most) throw tooLong(asker, most);
    parts.push(chunk);
  }
  return parts.length === 1 ? parts[0]! : joined(parts);
}
