/** Documents as JSON: what it cannot hold is refused before anything is sent, for JSON.stringify leaves it out or writes null. */
/** Whether a text is one of Unicode: half of a pair is sent as another character. */
export declare function isText(text: string): boolean;
/** A document as JSON. */
export declare function jsonOf(document: unknown): string;
