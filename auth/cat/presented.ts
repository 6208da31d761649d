import { AuthError } from "../error.ts";
import { MAX_TOKEN_BYTES } from "../rules.ts";
import { isCborText } from "./cose.ts";

/** Types of tokens: agreed on out of band, and Common Access Tokens (draft-ietf-moq-c4m-01 section 7.1). */
const OUT_OF_BAND = 0;
const CAT = 1;

interface Presented {
  readonly type: number;
  readonly value: Uint8Array;
}

/** The tokens of a message as texts. Those of other types are ignored: peers send such to see that they are. Throws {@link AuthError} `token_too_large`. */
export function presentedTexts(tokens: readonly Presented[]): string[] {
  return tokens.filter(({ type }) => type === OUT_OF_BAND || type === CAT).map(textOf);
}

/** Of type 1 it is CBOR; of type 0 it is a text, and so may be one of type 1. */
function textOf({ type, value }: Presented): string {
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
