/** Files, for Node and what runs its modules. */
import { createReadStream } from "node:fs";
import { open, readFile, rename, rm, stat } from "node:fs/promises";
import { basename, dirname, join, resolve } from "node:path";
import { fileURLToPath } from "node:url";
import { BadSource } from "./errors.js";
import { fileSource } from "./source.js";
const CHUNK_BYTES = 1 << 18;
/** A file to be uploaded, as what its name says it is; `header` stands in place of the first line of a table. */
export async function file(path, { header } = {}) {
    const name = path instanceof URL ? fileURLToPath(path) : path;
    const { size } = await stat(name);
    const readable = { name, size, bytes: () => createReadStream(name, { highWaterMark: CHUNK_BYTES }) };
    const source = await fileSource(readable);
    if (header === undefined)
        return source;
    if (source.contentEncoding !== undefined)
        throw new BadSource(`${name}: the header of a packed table cannot be replaced; unpack it first`);
    const line = new TextEncoder().encode(`${header}\n`);
    const start = await lengthOfFirstLine(readable);
    async function* chunks() {
        yield line;
        yield* createReadStream(name, { start, highWaterMark: CHUNK_BYTES });
    }
    return { ...source, size: size - start + line.length, chunks };
}
async function lengthOfFirstLine(readable) {
    let length = 0;
    for await (const chunk of readable.bytes()) {
        const end = chunk.indexOf(10);
        if (end >= 0)
            return length + end + 1;
        length += chunk.length;
    }
    return length;
}
/** Writes a download into a file, which is there when it is whole; how many rows it has. */
export async function save(path, download) {
    await whole(path, download);
    return download.rows;
}
/** A file with a head, for `KeptHead` of `formdb/verify`. */
export function headFile(path) {
    return {
        read: async () => {
            try {
                return await readFile(path, "utf8");
            }
            catch (error) {
                if (error.code === "ENOENT")
                    return undefined;
                throw error;
            }
        },
        write: (text) => whole(path, [new TextEncoder().encode(text)]),
    };
}
async function whole(path, chunks) {
    const name = resolve(path instanceof URL ? fileURLToPath(path) : path);
    const part = join(dirname(name), `.${basename(name)}.${process.pid}.${Math.random().toString(36).slice(2)}`);
    const handle = await open(part, "wx");
    try {
        for await (const chunk of chunks)
            await handle.appendFile(chunk);
        await handle.sync();
        await handle.close();
        await rename(part, name);
    }
    catch (error) {
        await handle.close().catch(() => undefined);
        await rm(part, { force: true });
        throw error;
    }
}
