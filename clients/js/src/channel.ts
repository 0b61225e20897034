/** A subscription over a channel of Phoenix. */

import type { Channel, Socket } from "phoenix";
import { FormDBError } from "./errors.js";
import type { Following, Told } from "./live.js";
import type { LiveEvent } from "./types.js";

/** The class of WebSockets, where there is none of the platform's: `WebSocket` of the package `ws`. */
export type Transport = new (url: string, protocols?: string[]) => unknown;

// A WebSocket cannot be read more slowly. Of a consumer that has so many waiting the channel is left until it has read them.
const WAITING = 1000;

/** What a channel gives, in its order, to one who takes it when it can. */
class Queue {
  readonly told: Told[] = [];
  #wake: () => void = () => undefined;
  #failure: { readonly error: unknown } | undefined;

  push(told: Told): void {
    this.told.push(told);
    this.#wake();
  }

  fail(error: unknown): void {
    this.#failure ??= { error };
    this.#wake();
  }

  wake(): void {
    this.#wake();
  }

  /** Waits until something has come or happened. */
  async changed(): Promise<void> {
    if (this.#failure === undefined) await new Promise<void>((resolve) => { this.#wake = resolve; });
    if (this.#failure !== undefined) throw this.#failure.error;
  }
}

/** One channel, from its joining to its end, over as many connections as it takes. */
class Joined {
  ended = false;
  full = false;
  readonly #socket: Socket;
  readonly #channel: Channel;

  constructor(following: Following, queue: Queue, socket: Socket) {
    this.#socket = socket;
    const { scope, filter } = following;
    const words: Record<string, string | string[]> = {};
    for (const [name, value] of filter) words[name] = name in words ? [words[name]!, value].flat() : value;
    let asking = false;
    // A refusal has its status, and all that it says, as an answer of HTTP.
    const ask = () => {
      if (asking || this.ended) return;
      asking = true;
      following.refused().catch((error: unknown) => queue.fail(error)).finally(() => { asking = false; });
    };
    // Called with each joining: so it goes on behind the last event, and in the same history.
    const channel = socket.channel(`journal:${scope.name}`, () => {
      const { since, log, hash } = following.place;
      return { filter: words, since: typeof since === "number" ? { seq: since, log, hash } : since };
    });
    channel.on("journal_event", (payload) => {
      if (this.ended) return;
      const told = payload as Told;
      try {
        if (!following.next(told)) return this.end(queue);
      } catch (error) {
        return queue.fail(error);
      }
      queue.push(told);
      if (queue.told.length < WAITING) return;
      this.full = true;
      this.end(queue);
    });
    channel.onClose(() => {
      if (!this.ended) ask();
      this.end(queue);
    });
    socket.onError(ask);
    channel.join()
      .receive("ok", (answer) => following.begun((answer as { seq: number }).seq))
      .receive("error", ask);
    this.#channel = channel;
    socket.connect();
  }

  end(queue: Queue): void {
    if (this.ended) return;
    this.ended = true;
    queue.wake();
  }

  disconnect(): void {
    this.ended = true;
    this.#channel.leave();
    this.#socket.disconnect();
  }
}

/** Events in their order, each once. */
export async function* channelEvents(following: Following, transport: Transport | undefined): AsyncGenerator<LiveEvent, void, undefined> {
  const { Socket } = await import("phoenix").catch((cause: unknown) => {
    throw new FormDBError("the package phoenix, which channels need, cannot be loaded: install it, or follow over \"events\"", { cause });
  });
  const { http } = following.scope;
  const queue = new Queue();
  const aborted = () => queue.fail(following.signal?.reason);
  following.signal?.addEventListener("abort", aborted, { once: true });
  let joined: Joined | undefined;
  try {
    for (;;) {
      if (joined === undefined) {
        const token = http.credential();
        const socket = new Socket(`${http.url.replace(/^http/, "ws")}/socket`, {
          ...(transport === undefined ? {} : { transport }), ...(token === undefined ? {} : { authToken: token }),
        });
        joined = new Joined(following, queue, socket);
      }
      while (queue.told.length > 0) yield await following.event(queue.told.shift()!);
      if (!joined.ended) {
        await queue.changed();
        continue;
      }
      joined.disconnect();
      if (!joined.full) {
        await following.refused();
        await following.pause();
      }
      joined = undefined;
    }
  } finally {
    following.signal?.removeEventListener("abort", aborted);
    joined?.disconnect();
  }
}
