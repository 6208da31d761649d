/** Takes credentials out of text: every line of the log and every message of the command line passes through {@link scrub}. */

export const CENSOR = "[redacted]";

/** Credentials that stand beside a telling name. */
const NAMED: readonly [pattern: RegExp, replacement: string][] = [
  [/\b(bearer|basic)\s+[\w.~+/=-]+/gi, `$1 ${CENSOR}`],
  [/\b((?:redis|valkey)s?:\/\/)[^\s/"]*@/gi, `$1${CENSOR}@`],
  [/([?&;#](?:jwt|token|access_token|auth|key|secret|password)=)[^&;\s"'\\]+/gi, `$1${CENSOR}`],
];

/** Runs of the characters that a JSON web token is made of. Shorter ones cannot hold one. */
const RUN = /[\w.-]{20,}/g;
/** What lies between the marks that end a word in a line of JSON. */
const WORD = /[^\s"\\]+/g;
const ENCODED = /%([0-7][0-9a-f])/gi;

/** Times that a text may be percent-encoded; what still is after that hides something and is taken out whole. */
const MAX_ENCODINGS = 8;

/** Characters of base64url of the shortest object, `{"a":1}`. */
const MIN_OBJECT = 10;
/** Characters of base64 that three bytes take; what is glued before a header shifts it by fewer. */
const ALIGNMENTS = [0, 1, 2, 3];
/** A JSON object with a first member: what every header and payload of a token begins with. */
const OBJECT = /\{\s*"(?:[^"\\]|\\.)*"\s*:/;

/** `text` without the credentials in it, however often they are percent-encoded. */
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

/** A token is known by its shape: base64url of a JSON object, a dot, and at most two more parts; whatever stands right before it. */
function scrubRun(run: string): string {
  const parts = run.split(".");
  const clean: string[] = [];
  for (let at = 0; at < parts.length; at++) {
    const part = parts[at] ?? "";
    const starts = at < parts.length - 1 && part.length >= MIN_OBJECT && holdsObject(part);
    clean.push(starts ? CENSOR : part);
    if (starts) at += 2;
  }
  return clean.join(".");
}

function holdsObject(part: string): boolean {
  return ALIGNMENTS.some((skip) => OBJECT.test(Buffer.from(part.slice(skip), "base64url").toString("latin1")));
}
