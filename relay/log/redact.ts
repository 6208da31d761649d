import { isCborText, readClaims } from "../../auth/index.ts";

/** Removes credentials from text: every log line and every message of the command line passes through {@link scrub}. */

export const CENSOR = "[redacted]";

/** Credentials beside a name that announces them. */
const NAMED: readonly [pattern: RegExp, replacement: string][] = [
  [/\b(bearer|basic)\s+[\w.~+/=-]+/gi, `$1 ${CENSOR}`],
  [/\b((?:redis|valkey)s?:\/\/)[^\s/"]*@/gi, `$1${CENSOR}@`],
  [/([?&;#](?:jwt|cat|dpop|token|access_token|auth|key|secret|password)=)[^&;\s"'\\]+/gi, `$1${CENSOR}`],
];

/** Runs of characters that may be a token; shorter runs cannot contain one. */
const RUN = /[\w.-]{20,}/g;
/** A word between the characters that end words in a line of JSON. */
const WORD = /[^\s"\\]+/g;
const ENCODED = /%([0-7][0-9a-f])/gi;

/** How often a text may be percent-encoded. A text that is still encoded after that is removed as a whole. */
const MAX_ENCODINGS = 8;

/** Characters of base64url of the shortest object, `{"a":1}`. */
const MIN_OBJECT = 10;
/** Base64 characters of three bytes: text directly before a header shifts it by fewer characters. */
const ALIGNMENTS = [0, 1, 2, 3];
/** The beginning of a JSON object with a member, as in every header and payload of a token. */
const OBJECT = /\{\s*"(?:[^"\\]|\\.)*"\s*:/;

/** Removes credentials from `text`, also percent-encoded ones. */
export function scrub(text: string): string {
  const clean = scrubPlain(text);
  return clean.includes("%") ? clean.replace(WORD, scrubEncoded) : clean;
}

function scrubPlain(text: string): string {
  const clean = text.replace(RUN, scrubRun);
  return NAMED.reduce((result, [pattern, replacement]) => result.replace(pattern, replacement), clean);
}

function scrubEncoded(word: string): string {
  let text = word;
  for (let times = 0; times < MAX_ENCODINGS; times++) {
    const decoded = text.replace(ENCODED, (_, hex: string) => String.fromCharCode(Number.parseInt(hex, 16)));
    if (decoded === text) return word;
    if (scrubPlain(decoded) !== decoded) return CENSOR;
    text = decoded;
  }
  return CENSOR;
}

/**
 * Recognises a token by its form. A JSON Web Token, whatever text is directly before it: base64url of a JSON object, a dot, and at most two
 * more parts. A Common Access Token: one part or three that can be read.
 */
function scrubRun(run: string): string {
  const parts = run.split(".");
  const clean: string[] = [];
  for (let at = 0; at < parts.length; at++) {
    const part = parts[at] ?? "";
    const starts = at < parts.length - 1 && part.length >= MIN_OBJECT && holdsObject(part);
    const three = starts || isCat(parts.slice(at, at + 3).join("."));
    clean.push(three || isCat(part) ? CENSOR : withoutCat(part));
    if (three) at += 2;
  }
  return clean.join(".");
}

/** Base64 of the tags that Common Access Tokens begin with. */
const CAT_HEADS = /0oR|0YR|2D3[RS]/g;

/** Removes a Common Access Token with text directly before it. */
function withoutCat(part: string): string {
  for (const { index } of part.matchAll(CAT_HEADS)) {
    if (isCat(part.slice(index))) return part.slice(0, index) + CENSOR;
  }
  return part;
}

function isCat(text: string): boolean {
  return isCborText(text) && readClaims(text) !== undefined;
}

function holdsObject(part: string): boolean {
  return ALIGNMENTS.some((skip) => OBJECT.test(Buffer.from(part.slice(skip), "base64url").toString("latin1")));
}
