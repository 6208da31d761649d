/** JSON in which no object has a name twice: `JSON.parse` goes by the last one, another reader by the first. */

/** Strings, and what names and objects are told by; everything else of JSON needs no look. */
const PARTS = /"(?:[^"\\]|\\.)*"|[{}[\]:]/g;

/** Throws a `SyntaxError` for text that is no JSON, or in which an object has a name twice. */
export function parseJson(text: string): unknown {
  const value: unknown = JSON.parse(text);
  const open: (Set<string> | undefined)[] = [];
  let string = "";
  for (const [part] of text.matchAll(PARTS)) {
    if (part === "{") open.push(new Set());
    else if (part === "[") open.push(undefined);
    else if (part === "}" || part === "]") open.pop();
    else if (part === ":") addName(open.at(-1), string);
    else string = part;
  }
  return value;
}

/** `literal` is a string as JSON writes it: `"\u0061"` and `"a"` are one name. */
function addName(names: Set<string> | undefined, literal: string): void {
  const name = String(JSON.parse(literal));
  if (names?.has(name)) throw new SyntaxError("an object has the same name twice");
  names?.add(name);
}
