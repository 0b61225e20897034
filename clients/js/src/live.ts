/** Following a database as it is written. */

import { objectOf, tooLong } from "./answer.js";
import { channelEvents, type Transport } from "./channel.js";
import { ApiError, BadCall, FormDBError } from "./errors.js";
import { askerOf, checkKind, Lost, messagesOf, type Asked } from "./http.js";
import { params, type Pairs } from "./query.js";
import { Attempts, sleep, transient, type Retry } from "./retry.js";
import type { Scope } from "./scope.js";
import type { Entry, LiveEvent, When } from "./types.js";

/** Where a subscription stands: the last event, or where it begins, and of which history. */
export interface Place {
  readonly since: When;
  readonly log: string;
  readonly hash?: string | undefined;
}

/** An event as it comes. */
export type Told = Entry & { readonly after: number; readonly matched?: LiveEvent["matched"]; readonly link?: string };

/** How a subscription is carried: over server-sent events, or a channel of a WebSocket. */
export type Carrier = "events" | "channel";

// Whoever follows goes on following, for as long as the server may be away.
const FOREVER: Retry = { seconds: Infinity, first: 0.1, longest: 10 };
// As often the server may send what does not follow on what came, until it is believed to be at fault.
const FAULTS = 5;

/** A subscription that is held to its order, and goes on where it was. */
export class Following {
  place: Place;
  // The sequence that the next event has to say it comes after.
  #last: number | undefined;
  #faults = 0;
  readonly attempts = new Attempts(FOREVER);

  constructor(readonly scope: Scope, readonly filter: Pairs, since: When, log: string, readonly signal: AbortSignal | undefined) {
    this.place = { since, log };
    this.#last = typeof since === "number" ? since : undefined;
  }

  /** The connection stands, and it begins behind this block. */
  begun(seq: number): void {
    this.attempts.progressed();
    this.#last ??= seq;
  }

  /** Whether an event is the next one. What is not is asked for again, from the last one on. */
  next(told: Told): boolean {
    this.#last ??= told.after;
    if (told.after !== this.#last || told.seq <= told.after) {
      if (++this.#faults >= FAULTS)
        throw new FormDBError(`the server told of block ${told.seq} after ${told.after}, and block ${this.#last} came last`);
      return false;
    }
    this.#faults = 0;
    this.#last = told.seq;
    this.place = { since: told.seq, log: this.place.log, hash: told.hash };
    this.attempts.progressed();
    return true;
  }

  /** The question that the stream of events is of. */
  asked(): Asked {
    const { since, log, hash } = this.place;
    return {
      method: "GET", path: `${this.scope.path}/journal/stream`, params: [...this.filter, ...params({ since, log, hash })],
      headers: { accept: "text/event-stream" }, signal: this.signal,
    };
  }

  /** Throws where the server refuses that this goes on. */
  async refused(): Promise<void> {
    try {
      const { chunks } = await this.scope.http.attempt(this.asked());
      for await (const _ of chunks) break;
    } catch (error) {
      if (!(error instanceof Lost) && !(error instanceof ApiError && transient(error))) throw error;
    }
  }

  /** Waits until the next attempt. */
  async pause(): Promise<void> {
    await sleep(this.attempts.pause() ?? 0, this.signal);
  }

  /** The event of what was told. The body of one that is too large for an event is fetched. */
  async event(told: Told): Promise<LiveEvent> {
    const { after, matched, link, ...entry } = told;
    const whole = link === undefined ? entry : { ...await this.scope.plain<Entry>(`/blocks/${told.seq}`, { signal: this.signal }), ...entry };
    return { seq: told.seq, after, matched, entry: whole };
  }
}

/** Events in their order, each once, over as many connections as it takes. */
export async function* subscribe(scope: Scope, filter: Pairs, since: When | undefined, over: Carrier, transport: Transport | undefined,
  signal: AbortSignal | undefined): AsyncGenerator<LiveEvent, void, undefined> {
  if (over !== "events" && over !== "channel") throw new BadCall(`over is "events" or "channel", and not ${JSON.stringify(over)}`);
  if (over === "channel" && transport === undefined && typeof globalThis.WebSocket === "undefined")
    throw new BadCall("there is no WebSocket here: give its class as transport, such as WebSocket of the package ws, or follow over \"events\"");
  const about = await scope.plain<{ durable_seq: number; log: string }>("", {
    has: { durable_seq: "number", log: "string" }, signal,
  });
  // A history that is another one by now, such as of a copy, is refused by its log.
  const following = new Following(scope, filter, since ?? about.durable_seq, about.log, signal);
  yield* over === "events" ? streamed(following) : channelEvents(following, transport);
}

async function* streamed(following: Following): AsyncGenerator<LiveEvent, void, undefined> {
  const { http } = following.scope;
  for (;;) {
    try {
      const asked = following.asked();
      const { response, chunks } = await http.ask(asked, async (answer) => answer, following.attempts);
      const asker = askerOf(asked, response);
      checkKind(response, asker, "text/event-stream");
      for await (const { name, id, data } of messagesOf(chunks, http.most, () => tooLong(asker, http.most))) {
        if (name === "closed") break;
        if (name !== "journal_event") {
          if (id !== "" && data === "") following.begun(Number(id));
          continue;
        }
        const told = objectOf<Told>(data, asker, { seq: "number", after: "number" });
        if (!following.next(told)) break;
        yield await following.event(told);
      }
    } catch (error) {
      if (!(error instanceof Lost)) throw error;
    }
    // Whether it goes on, and why not, is said by the answer to the next request.
    await following.pause();
  }
}
