import { AuthError } from "../error.ts";
import { MAX_TOKEN_BYTES } from "../rules.ts";
import { isCborText } from "./cose.ts";

/** Types of tokens: agreed on out of band, and Common Access Tokens (draft-ietf-moq-c4m-01 section 7.1). */
const OUT_OF_BAND = 0;
const CAT = 1;

/**
 * A token of a message as a text. Of type 1 it is CBOR; of type 0 it is a text, and so may be one of type 1. Throws {@link AuthError}
 * `token_kind_refused`, `token_too_large`.
 */
export function presentedText({ type, value }: { readonly type: number; readonly value: Uint8Array }): string {
  if (type !== OUT_OF_BAND && type !== CAT) {
    throw new AuthError("token_kind_refused", `this relay does not accept tokens of type ${type}`);
  }
  if (value.length > MAX_TOKEN_BYTES) {
    throw new AuthError("token_too_large", `the token is longer than ${MAX_TOKEN_BYTES} bytes`);
  }
  const bytes = Buffer.from(value);
  if (type === CAT) {
    const text = bytes.toString("base64url");
    if (isCborText(text)) return text;
  }
  return bytes.toString();
}
