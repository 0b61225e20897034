/** A subscription over a channel of Phoenix. */
import type { Following } from "./live.js";
import type { LiveEvent } from "./types.js";
/** The class of WebSockets, where there is none of the platform's: `WebSocket` of the package `ws`. */
export type Transport = new (url: string, protocols?: string[]) => unknown;
/** Events in their order, each once. */
export declare function channelEvents(following: Following, transport: Transport | undefined): AsyncGenerator<LiveEvent, void, undefined>;
