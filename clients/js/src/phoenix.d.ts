/** What is used of the client of Phoenix, which has no types of its own. */
declare module "phoenix" {
  export interface Push {
    receive(status: "ok" | "error" | "timeout", callback: (answer: unknown) => void): this;
  }

  export interface Channel {
    on(event: string, callback: (payload: unknown) => void): number;
    onClose(callback: () => void): void;
    onError(callback: (reason: unknown) => void): number;
    join(): Push;
    leave(): Push;
  }

  export interface Options {
    transport?: unknown;
    authToken?: string;
  }

  export class Socket {
    constructor(url: string, options: Options);
    connect(): void;
    disconnect(): void;
    onError(callback: () => void): string;
    channel(topic: string, params: () => object): Channel;
  }
}
