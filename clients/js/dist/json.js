/** Documents as JSON: what it cannot hold is refused before anything is sent, for JSON.stringify leaves it out or writes null. */
import { BadCall } from "./errors.js";
// Deeper than the server reads, and less than the stack holds.
const DEPTH = 1000;
const LONE_SURROGATE = /\p{Surrogate}/u;
/** Whether a text is one of Unicode: half of a pair is sent as another character. */
export function isText(text) {
    return !LONE_SURROGATE.test(text);
}
/** A document as JSON. */
export function jsonOf(document) {
    check(document, "", 0, true);
    return JSON.stringify(document);
}
/** Throws BadCall where a value, at `pointer`, cannot be written as JSON. Members that are undefined are left out. */
function check(value, pointer, depth, optional) {
    switch (typeof value) {
        case "boolean": return;
        case "undefined":
            if (optional)
                return;
            throw wrong("undefined", pointer);
        case "number":
            if (Number.isFinite(value))
                return;
            throw wrong(String(value), pointer);
        case "string":
            if (isText(value))
                return;
            throw wrong("a text with half of a surrogate pair", pointer);
        case "object": break;
        default: throw wrong(`a ${typeof value}`, pointer);
    }
    if (value === null)
        return;
    if (depth > DEPTH)
        throw wrong("a value that is nested too deeply, or holds itself,", pointer.slice(0, 100));
    if (value instanceof Date && Number.isNaN(value.getTime()))
        throw wrong("an invalid Date", pointer);
    if (value instanceof Number || value instanceof String || value instanceof Boolean)
        return check(value.valueOf(), pointer, depth, false);
    if ("toJSON" in value && typeof value.toJSON === "function")
        return check(value.toJSON(), pointer, depth + 1, optional);
    if (value instanceof Map || value instanceof Set || value instanceof Promise || value instanceof ArrayBuffer || ArrayBuffer.isView(value))
        throw wrong(`a ${value.constructor.name}`, pointer);
    if (Array.isArray(value)) {
        // A hole is none of the entries, and is written as null.
        for (let place = 0; place < value.length; place++)
            check(value[place], `${pointer}/${place}`, depth + 1, false);
        return;
    }
    for (const [name, member] of Object.entries(value)) {
        const inner = `${pointer}/${name.replaceAll("~", "~0").replaceAll("/", "~1")}`;
        if (!isText(name))
            throw wrong("a name with half of a surrogate pair", pointer);
        check(member, inner, depth + 1, true);
    }
}
function wrong(found, pointer) {
    return new BadCall(`${found} cannot be written as JSON${pointer === "" ? "" : ` (at ${pointer})`}: nothing was sent`);
}
