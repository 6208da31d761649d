import type { Cursor, Writer } from "../codec/index.ts";
import { newCursor, newWriter } from "./codec.ts";
import { formatted } from "./errors.ts";
import type { Capabilities } from "./versions.ts";

/**
 * What an AUTHORIZATION TOKEN carries: a token, an alias that stands for a registered one, or both to register it. `type` is of the
 * registry "MOQT Auth Token Type"; 0 was agreed on out of band.
 */
export type Token =
  | { readonly use: "delete" | "alias"; readonly alias: number }
  | { readonly use: "register"; readonly alias: number; readonly type: number; readonly value: Uint8Array }
  | { readonly use: "value"; readonly type: number; readonly value: Uint8Array };

const DELETE = 0;
const REGISTER = 1;
const USE_ALIAS = 2;
const USE_VALUE = 3;

/** Of a value that holds a token and nothing else. Any other form is KEY_VALUE_FORMATTING_ERROR. */
export function readToken(bytes: Uint8Array, caps: Capabilities): Token {
  return formatted(() => {
    const cursor = newCursor(bytes, "AUTHORIZATION TOKEN", caps);
    const token = readFields(cursor);
    cursor.end();
    return token;
  });
}

export function encodeToken(token: Token, caps: Capabilities): Uint8Array {
  const writer = newWriter(caps);
  switch (token.use) {
    case "delete":
      return writer.varint(DELETE).varint(token.alias).finish();
    case "register":
      return putValue(writer.varint(REGISTER).varint(token.alias), token).finish();
    case "alias":
      return writer.varint(USE_ALIAS).varint(token.alias).finish();
    case "value":
      return putValue(writer.varint(USE_VALUE), token).finish();
  }
}

function readFields(cursor: Cursor): Token {
  const kind = cursor.varint();
  switch (kind) {
    case DELETE:
      return { use: "delete", alias: cursor.varint() };
    case REGISTER:
      return { use: "register", alias: cursor.varint(), ...readValue(cursor) };
    case USE_ALIAS:
      return { use: "alias", alias: cursor.varint() };
    case USE_VALUE:
      return { use: "value", ...readValue(cursor) };
    default:
      throw cursor.violation("unknown alias type");
  }
}

/** Unknown token types are allowed, and some of them (Grease) are larger than 2^53. */
function readValue(cursor: Cursor): { readonly type: number; readonly value: Uint8Array } {
  return { type: Math.min(cursor.saturating(), Number.MAX_SAFE_INTEGER), value: cursor.rest().slice() };
}

function putValue(writer: Writer, { type, value }: { readonly type: number; readonly value: Uint8Array }): Writer {
  return writer.varint(type).raw(value);
}
