/** A subscription over a channel of Phoenix. */
import { FormDBError } from "./errors.js";
// A WebSocket cannot be read more slowly. Of a consumer that has so many waiting the channel is left until it has read them.
const WAITING = 1000;
/** What a channel gives, in its order, to one who takes it when it can. */
class Queue {
    told = [];
    #wake = () => undefined;
    #failure;
    push(told) {
        this.told.push(told);
        this.#wake();
    }
    fail(error) {
        this.#failure ??= { error };
        this.#wake();
    }
    wake() {
        this.#wake();
    }
    /** Waits until something has come or happened. */
    async changed() {
        if (this.#failure === undefined)
            await new Promise((resolve) => { this.#wake = resolve; });
        if (this.#failure !== undefined)
            throw this.#failure.error;
    }
}
/** One channel, from its joining to its end, over as many connections as it takes. */
class Joined {
    ended = false;
    full = false;
    #socket;
    #channel;
    constructor(following, queue, socket) {
        this.#socket = socket;
        const { scope, filter } = following;
        const words = {};
        for (const [name, value] of filter)
            words[name] = name in words ? [words[name], value].flat() : value;
        let asking = false;
        // A refusal has its status, and all that it says, as an answer of HTTP.
        const ask = () => {
            if (asking || this.ended)
                return;
            asking = true;
            following.refused().catch((error) => queue.fail(error)).finally(() => { asking = false; });
        };
        // Called with each joining: so it goes on behind the last event, and in the same history.
        const channel = socket.channel(`journal:${scope.name}`, () => {
            const { since, log, hash } = following.place;
            return { filter: words, since: typeof since === "number" ? { seq: since, log, hash } : since };
        });
        channel.on("journal_event", (payload) => {
            if (this.ended)
                return;
            const told = payload;
            try {
                if (!following.next(told))
                    return this.end(queue);
            }
            catch (error) {
                return queue.fail(error);
            }
            queue.push(told);
            if (queue.told.length < WAITING)
                return;
            this.full = true;
            this.end(queue);
        });
        channel.onClose(() => {
            if (!this.ended)
                ask();
            this.end(queue);
        });
        socket.onError(ask);
        channel.join()
            .receive("ok", (answer) => following.begun(answer.seq))
            .receive("error", ask);
        this.#channel = channel;
        socket.connect();
    }
    end(queue) {
        if (this.ended)
            return;
        this.ended = true;
        queue.wake();
    }
    disconnect() {
        this.ended = true;
        this.#channel.leave();
        this.#socket.disconnect();
    }
}
/** Events in their order, each once. */
export async function* channelEvents(following, transport) {
    const { Socket } = await import("phoenix").catch((cause) => {
        throw new FormDBError("the package phoenix, which channels need, cannot be loaded: install it, or follow over \"events\"", { cause });
    });
    const { http } = following.scope;
    const queue = new Queue();
    const aborted = () => queue.fail(following.signal?.reason);
    following.signal?.addEventListener("abort", aborted, { once: true });
    let joined;
    try {
        for (;;) {
            if (joined === undefined) {
                const token = http.credential();
                const socket = new Socket(`${http.url.replace(/^http/, "ws")}/socket`, {
                    ...(transport === undefined ? {} : { transport }), ...(token === undefined ? {} : { authToken: token }),
                });
                joined = new Joined(following, queue, socket);
            }
            while (queue.told.length > 0)
                yield await following.event(queue.told.shift());
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
    }
    finally {
        following.signal?.removeEventListener("abort", aborted);
        joined?.disconnect();
    }
}
