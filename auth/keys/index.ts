export { KeyEditor, type ListedKey, type UnsavedKey } from "./editor.ts";
export { type FileSource, useKeyText, watchKeyFile, watchKeyFolder } from "./files.ts";
export {
  ALGORITHMS,
  type Algorithm,
  type Key,
  KeyError,
  type KeyFault,
  MAX_KEY_ID,
  parseKeys,
  publicJwk,
  signerOf,
  toKey,
} from "./key.ts";
export { KeyRing } from "./ring.ts";
export { UrlKeys } from "./url.ts";
