/** Broadcast paths: segments joined by `/`, without leading, trailing or doubled slashes. */

/** `raw` without leading, trailing and doubled slashes: peers treat such paths as equal. */
export function normalisePath(raw: string): string {
  if (!raw.includes("/")) return raw;
  return raw
    .split("/")
    .filter((segment) => segment !== "")
    .join("/");
}

/** Number of segments of a normalised path. */
export function pathParts(path: string): number {
  if (path === "") return 0;
  let parts = 1;
  for (let at = path.indexOf("/"); at !== -1; at = path.indexOf("/", at + 1)) parts++;
  return parts;
}

/** `path` under `root`, both normalised. */
export function joinPath(root: string, path: string): string {
  if (root === "") return path;
  return path === "" ? root : `${root}/${path}`;
}

/** Whether `path` is `prefix` or under it, by whole segments. */
export function isUnder(path: string, prefix: string): boolean {
  if (prefix === "") return true;
  return path.startsWith(prefix) && (path.length === prefix.length || path[prefix.length] === "/");
}

/** `path` without `prefix`; `undefined` when it is not under it. */
export function stripPrefix(prefix: string, path: string): string | undefined {
  if (prefix === "") return path;
  return isUnder(path, prefix) ? path.slice(prefix.length + 1) : undefined;
}

/**
 * The root of a session's paths: the path of its URL, percent-decoded, without slashes at its ends or doubled ones. `undefined` when
 * it cannot be decoded.
 */
export function rootOf(path: string): string | undefined {
  try {
    return normalisePath(decodeURIComponent(path));
  } catch {
    return undefined;
  }
}
