/** Text of peers (paths, names, tenants) for a terminal, which would obey control characters in it. */

/** Control and format characters (such as those that reverse the direction of text), separators of lines, and what is no character. */
const HIDDEN = /[\p{C}\p{Zl}\p{Zp}]/gu;

/** The text on one line, with every character that a terminal obeys or hides as `\u{1b}`. */
export function printable(text: string): string {
  return text.replace(HIDDEN, (one) => `\\u{${one.codePointAt(0)?.toString(16)}}`);
}

/** JSON that means the same, with these characters as `\u001b`. `indent` as of `JSON.stringify`. */
export function printableJson(value: unknown, indent?: number): string {
  return JSON.stringify(value, null, indent).replace(HIDDEN, (one) => (one === "\n" ? one : escapedUnits(one)));
}

function escapedUnits(character: string): string {
  return character
    .split("")
    .map((unit) => `\\u${unit.charCodeAt(0).toString(16).padStart(4, "0")}`)
    .join("");
}
