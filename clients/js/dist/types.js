/** What calls take and give: documents as they are on the wire, with types that are made of the server's OpenAPI document. */
export {};
