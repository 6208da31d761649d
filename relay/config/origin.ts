/** A scheme and a host, with `*.` for any number of labels before the rest of the host. */
const ENTRY = /^([a-z][a-z\d+.-]*:\/\/)(\*\.)?([^/?#@\s*]+)$/;

/** Why an entry is not an origin; undefined for `null`, `https://app.example`, `https://*.example:8443` and the like. */
export function originFault(entry: string): string | undefined {
  if (entry === "null") return undefined;
  const [, scheme = "", , rest = ""] = ENTRY.exec(entry) ?? [];
  const url = URL.parse(`${scheme}${rest}`);
  // `origin` of a scheme that URL does not know, such as `chrome-extension:`, is "null".
  if (url?.host && (url.origin === "null" || url.origin === `${scheme}${rest}`)) return undefined;
  return `"${entry}" is not an origin as browsers send it, such as "https://app.example" or "https://*.example:8443": lower case, no path, no default port`;
}
