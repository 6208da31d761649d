/**
 * Path prefixes as tokens have them: segments joined by `/`, compared whole and code point by code point, so `foo`
 * covers `foo/bar` but neither `foobar` nor a look-alike of `foo`.
 */

/** Without the slashes that mean nothing. */
export function normalise(path: string): string {
  return path
    .split("/")
    .filter((segment) => segment !== "")
    .join("/");
}

/** True for a path with a `.` or `..` segment or a control character: nothing real has one, tricks do. */
export function isSuspect(path: string): boolean {
  // biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is looked for
  return /(?:^|[/\\])\.{1,2}(?:[/\\]|$)|[\u0000-\u001f\u007f]/.test(path);
}

/** What is left of `path` under `prefix`, both normalised; nothing when it is not under it. */
export function under(prefix: string, path: string): string | undefined {
  if (prefix === "") return path;
  if (!path.startsWith(prefix)) return undefined;
  if (path.length === prefix.length) return "";
  return path[prefix.length] === "/" ? path.slice(prefix.length + 1) : undefined;
}

export function join(root: string, path: string): string {
  if (root === "") return path;
  return path === "" ? root : `${root}/${path}`;
}

/** Seen from `at`: what is left of a prefix below it, everything (`""`) where the prefix covers it, else nothing. */
export function seenFrom(at: string, prefix: string): string | undefined {
  return under(at, prefix) ?? (under(prefix, at) === undefined ? undefined : "");
}
