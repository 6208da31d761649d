/**
 * Path prefixes as tokens have them: segments joined by `/`, compared whole and code point by code point, so `foo`
 * covers `foo/bar` but neither `foobar` nor a look-alike of `foo`.
 */

/** Removes slashes at the ends and doubled ones. */
export function normalise(path: string): string {
  return path
    .split("/")
    .filter((segment) => segment !== "")
    .join("/");
}

/** True for a path with a `.` or `..` segment or a control character: real paths have none, attacks do. */
export function isSuspect(path: string): boolean {
  // biome-ignore lint/suspicious/noControlCharactersInRegex: the expression looks for control characters
  return /(?:^|[/\\])\.{1,2}(?:[/\\]|$)|[\u0000-\u001f\u007f]/.test(path);
}

/** The rest of `path` after `prefix`, both normalised; undefined when the path is not under the prefix. */
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

/**
 * Makes an absolute prefix relative to `at`: the rest of a prefix below `at`, `""` for a prefix that covers `at`, undefined for one that is
 * elsewhere.
 */
export function seenFrom(at: string, prefix: string): string | undefined {
  return under(at, prefix) ?? (under(prefix, at) === undefined ? undefined : "");
}
