/**
 * Namespaces and track names as text, and back. A relay names a broadcast by the text: the fields joined by `/`. In a field, `%`, `/`
 * and each byte that is not part of valid UTF-8 are percent-encoded with upper-case digits. An empty field is `%`. In the name of a track
 * a `/` stays, as in `video/hd`. There is exactly one text for a namespace or a name.
 */
import type { Namespace } from "./names.ts";

/** A byte order mark is kept: names are equal only byte by byte. */
const decoder = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });
const encoder = new TextEncoder();

const EMPTY_FIELD = "%";

/** What is percent-encoded beside bytes that are not UTF-8: `%`, and what separates fields. */
const OF_FIELDS = /[%/]/g;
const OF_NAMES = /%/g;

const ESCAPE = /%([\dA-F]{2})/g;

/** The text of a namespace; of no fields, the empty text. */
export function namespaceText(namespace: Namespace): string {
  return namespace.map((field) => (field.length === 0 ? EMPTY_FIELD : textOf(field, OF_FIELDS))).join("/");
}

/** The namespace of a text. Nothing where no namespace has this text, as for `a//b` or `50%`. */
export function namespaceOf(text: string): Namespace | undefined {
  if (text === "") return [];
  const namespace: Uint8Array[] = [];
  for (const part of text.split("/")) {
    const field = part === EMPTY_FIELD ? new Uint8Array(0) : bytesOf(part, OF_FIELDS);
    if (field === undefined || (field.length === 0) !== (part === EMPTY_FIELD)) return undefined;
    namespace.push(field);
  }
  return namespace;
}

/** The text of a track's name, which is empty for an empty name. */
export function trackNameText(name: Uint8Array): string {
  return textOf(name, OF_NAMES);
}

/** The name that has this text; nothing where no name has it. */
export function trackNameOf(text: string): Uint8Array | undefined {
  return bytesOf(text, OF_NAMES);
}

function textOf(field: Uint8Array, reserved: RegExp): string {
  const whole = decoded(field);
  if (whole !== undefined) return whole.replaceAll(reserved, (character) => escaped(character.charCodeAt(0)));
  let text = "";
  for (let at = 0; at < field.length; ) {
    const length = characterLength(field, at);
    const character = length === 0 ? undefined : decoded(field.subarray(at, at + length));
    if (character === undefined || character.search(reserved) === 0) {
      text += escaped(field[at] ?? 0);
      at++;
    } else {
      text += character;
      at += length;
    }
  }
  return text;
}

/** The bytes that a text stands for, if it is the text of these bytes. */
function bytesOf(text: string, reserved: RegExp): Uint8Array | undefined {
  if (!text.isWellFormed()) return undefined;
  if (!text.includes("%")) return encoder.encode(text);
  // A character takes at most three bytes for each of its UTF-16 units.
  const bytes = new Uint8Array(3 * text.length);
  let length = 0;
  let at = 0;
  const put = (literal: string) => {
    length += encoder.encodeInto(literal, bytes.subarray(length)).written;
  };
  for (const match of text.matchAll(ESCAPE)) {
    put(text.slice(at, match.index));
    bytes[length++] = Number.parseInt(match[1] ?? "", 16);
    at = match.index + match[0].length;
  }
  put(text.slice(at));
  const field = bytes.slice(0, length);
  return textOf(field, reserved) === text ? field : undefined;
}

/** Bytes of the UTF-8 character whose first byte is at `at`; 0 where none begins. */
function characterLength(bytes: Uint8Array, at: number): number {
  const first = bytes[at] ?? 0;
  if (first < 0x80) return 1;
  if (first < 0xc0) return 0;
  if (first < 0xe0) return 2;
  return first < 0xf0 ? 3 : 4;
}

function decoded(bytes: Uint8Array): string | undefined {
  try {
    return decoder.decode(bytes);
  } catch {
    return undefined;
  }
}

function escaped(byte: number): string {
  return `%${byte.toString(16).toUpperCase().padStart(2, "0")}`;
}
