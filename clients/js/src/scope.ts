/** The database that calls are about, and the state of it that questions are about. */

import { objectOf, type Members } from "./answer.js";
import type { Piece } from "./bytes.js";
import { BadCall } from "./errors.js";
import { newKey, type Http } from "./http.js";
import { checkedKey, params, segment, textOf, type Pairs } from "./query.js";
import type { Call, When, Write } from "./types.js";

/** What a question has beside its path. */
export interface Question extends Call {
  readonly given?: Pairs;
  readonly body?: unknown;
  readonly method?: string;
  /** What the answer has to have. */
  readonly has?: Members;
}

/** A database, as it is now, as of a sequence or time, or in a transaction. */
export class Scope {
  constructor(readonly http: Http, readonly name: string, readonly asOf?: When, readonly transaction?: string) {}

  get path(): string {
    return `/api/v1/databases/${segment(this.name)}`;
  }

  /** The same as of another state, where one is named. */
  at(asOf: When | undefined): Scope {
    return asOf === undefined ? this : new Scope(this.http, this.name, asOf);
  }

  /** The same in a transaction. */
  within(transaction: string): Scope {
    return new Scope(this.http, this.name, undefined, transaction);
  }

  #state(): Pairs {
    return params({ as_of: this.asOf, transaction: this.transaction });
  }

  /** A question about the state of this scope. */
  read<T>(path: string, { given = [], body, method = "GET", has, signal }: Question = {}): Promise<T> {
    return this.http.json({ method, path: this.path + path, params: [...given, ...this.#state()], body, signal }, { has });
  }

  /** A question that has its own way to name a state. */
  plain<T>(path: string, { given, has, signal }: Question = {}): Promise<T> {
    return this.http.json({ method: "GET", path: this.path + path, params: given, signal }, { has });
  }

  /** A write, which is done once however often it is sent. */
  async write<T>(method: string, path: string, { key, signal }: Write, given: Pairs = [], body?: unknown,
    headers?: Record<string, string>, has?: Members): Promise<T> {
    this.checkWritable();
    const fields = { ...headers, "idempotency-key": key === undefined ? newKey() : checkedKey(key) };
    return this.http.json({ method, path: this.path + path, params: given, body, headers: fields, signal }, { has });
  }

  /** Throws where this is the past. */
  checkWritable(): void {
    if (this.asOf !== undefined) throw new BadCall(`this is the database as of ${textOf(this.asOf)}: the past cannot be written`);
  }

  /** The same, as of one sequence: what is asked of it twice is answered the same. */
  async #pinned(signal: AbortSignal | undefined): Promise<Scope> {
    if (this.asOf !== undefined || this.transaction !== undefined) return this;
    return this.at((await this.plain<{ seq: number }>("", { has: { seq: "number" }, signal })).seq);
  }

  /** All lines of an answer, as of one state. */
  async *pieces(path: string, accept: string, { given = [], body, method = "GET", signal }: Question): AsyncGenerator<Piece, void, undefined> {
    const scope = await this.#pinned(signal);
    yield* this.http.pieces({ method, path: scope.path + path, params: [...given, ...scope.#state()], body, headers: { accept }, signal });
  }

  /** All rows of an answer, as of one state. */
  async *rows<T>(path: string, question: Question): AsyncGenerator<T, void, undefined> {
    const decoder = new TextDecoder();
    for await (const { bytes } of this.pieces(path, "application/x-ndjson", question))
      for (const line of decoder.decode(bytes).split("\n")) if (line !== "") yield objectOf<T>(line, { method: question.method ?? "GET", path: this.path + path, status: 200 });
  }
}
