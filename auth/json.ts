/** Parses JSON and refuses objects that have a name twice: `JSON.parse` would take the last value, another reader the first. */

/** Strings, brackets and colons: enough to find the names of objects. */
const PARTS = /"(?:[^"\\]|\\.)*"|[{}[\]:]/g;

/** Throws a `SyntaxError` for text that is not JSON, or in which an object has the same name twice. */
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

/** `literal` is a JSON string with its quotes: `"\u0061"` and `"a"` are the same name. */
function addName(names: Set<string> | undefined, literal: string): void {
  const name = String(JSON.parse(literal));
  if (names?.has(name)) throw new SyntaxError("an object has the same name twice");
  names?.add(name);
}
