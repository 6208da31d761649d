/** Text of peers (paths, names, tenants) for terminals, logs and pages, which would obey the characters in it that no reader sees. */

/** Control and format characters (such as those that reverse the direction of text), separators of lines, and what is no character. */
const HIDDEN = /[\p{C}\p{Zl}\p{Zp}]/gu;

/** The text on one line, with every character that a terminal or a browser obeys or hides as `\u{1b}`. */
export function printable(text: string): string {
  return text.replace(HIDDEN, (one) => `\\u{${one.codePointAt(0)?.toString(16)}}`);
}

/** JSON that means the same, with these characters as `\u001b`. `indent` as of `JSON.stringify`. */
export function printableJson(value: unknown, indent?: number): string {
  return visibleJson(JSON.stringify(value, null, indent));
}

/** As {@link printableJson}, of JSON that is text already; its line ends stay. */
export function visibleJson(json: string): string {
  return json.replace(HIDDEN, (one) => (one === "\n" ? one : escapedUnits(one)));
}

function escapedUnits(character: string): string {
  return character
    .split("")
    .map((unit) => `\\u${unit.charCodeAt(0).toString(16).padStart(4, "0")}`)
    .join("");
}
