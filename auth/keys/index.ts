export { type FileSource, useKeyText, watchKeyFile, watchKeyFolder } from "./files.ts";
export { ALGORITHMS, type Algorithm, type Key, KeyError, parseKeys, publicJwk, signerOf, toKey } from "./key.ts";
export { KeyRing } from "./ring.ts";
export { UrlKeys } from "./url.ts";
