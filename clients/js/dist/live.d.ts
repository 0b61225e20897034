/** Following a database as it is written. */
import { type Transport } from "./channel.js";
import { type Asked } from "./http.js";
import { type Pairs } from "./query.js";
import { Attempts } from "./retry.js";
import type { Scope } from "./scope.js";
import type { Entry, LiveEvent, When } from "./types.js";
/** Where a subscription stands: the last event, or where it begins, and of which history. */
export interface Place {
    readonly since: When;
    readonly log: string;
    readonly hash?: string | undefined;
}
/** An event as it comes. */
export type Told = Entry & {
    readonly after: number;
    readonly matched?: LiveEvent["matched"];
    readonly link?: string;
};
/** How a subscription is carried: over server-sent events, or a channel of a WebSocket. */
export type Carrier = "events" | "channel";
/** A subscription that is held to its order, and goes on where it was. */
export declare class Following {
    #private;
    readonly scope: Scope;
    readonly filter: Pairs;
    readonly signal: AbortSignal | undefined;
    place: Place;
    readonly attempts: Attempts;
    constructor(scope: Scope, filter: Pairs, since: When, log: string, signal: AbortSignal | undefined);
    /** The connection stands, and it begins behind this block. */
    begun(seq: number): void;
    /** Whether an event is the next one. What is not is asked for again, from the last one on. */
    next(told: Told): boolean;
    /** The question that the stream of events is of. */
    asked(): Asked;
    /** Throws where the server refuses that this goes on. */
    refused(): Promise<void>;
    /** Waits until the next attempt. */
    pause(): Promise<void>;
    /** The event of what was told. The body of one that is too large for an event is fetched. */
    event(told: Told): Promise<LiveEvent>;
}
/** Events in their order, each once, over as many connections as it takes. */
export declare function subscribe(scope: Scope, filter: Pairs, since: When | undefined, over: Carrier, transport: Transport | undefined, signal: AbortSignal | undefined): AsyncGenerator<LiveEvent, void, undefined>;
