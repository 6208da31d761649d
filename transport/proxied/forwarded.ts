/** The header fields in which proxies of HTTP name their clients. Each proxy appends the address that it was connected from. */
import { isIP } from "node:net";
import { plainAddress } from "./header.ts";

export const FORWARDED_FIELDS = ["x-forwarded-for", "forwarded"] as const;

export type ForwardedField = (typeof FORWARDED_FIELDS)[number];

/** Most proxies in a row that are followed from the relay to the client. */
const MAX_PROXIES = 16;

/** Characters of an element of the field, at most: a longer one counts as no address. */
const MAX_ELEMENT = 512;

/**
 * The client of a request that came from the proxy `peer`: the last address in `value` that no trusted proxy has. It is the farthest trusted
 * proxy whose own client is not named by an IP address, or `peer` itself.
 */
export function forwardedClient(
  field: ForwardedField,
  value: string,
  peer: string,
  trusts: (address: string) => boolean,
): string {
  let client = peer;
  for (const element of fromRight(value, ",")) {
    const address =
      element.length > MAX_ELEMENT ? undefined : addressIn(field === "forwarded" ? forOf(element) : element);
    if (address === undefined) return client;
    client = address;
    if (!trusts(address)) return client;
  }
  return client;
}

/** The value of `for` in an element of `Forwarded` (RFC 7239 section 4); empty where it is not there once. */
function forOf(element: string): string {
  const values = fromRight(element, ";").flatMap((pair) => /^\s*for\s*=\s*(.*?)\s*$/i.exec(pair)?.[1] ?? []);
  const [value = "", ...more] = values;
  if (more.length > 0) return "";
  return /^".*"$/.test(value) ? value.slice(1, -1).replace(/\\(.)/g, "$1") : value;
}

/**
 * The last {@link MAX_PROXIES} parts of `text`, the last one first. A separator in a quoted string is none. It reads from the right: a client
 * whose own part ends inside a quoted string must not swallow what the proxies appended.
 */
function fromRight(text: string, separator: string): string[] {
  const parts: string[] = [];
  let quoted = false;
  let end = text.length;
  for (let at = text.length - 1; at >= 0 && parts.length < MAX_PROXIES; at--) {
    const char = text[at];
    if (char === '"') {
      let escapes = at;
      while (escapes > 0 && text[escapes - 1] === "\\") escapes -= 1;
      if ((at - escapes) % 2 === 0) quoted = !quoted;
      at = escapes;
    } else if (char === separator && !quoted) {
      parts.push(text.slice(at + 1, end));
      end = at;
    }
  }
  return parts.length < MAX_PROXIES ? [...parts, text.slice(0, end)] : parts;
}

/** The IP address in `192.0.2.1`, `192.0.2.1:4711`, `2001:db8::1`, `[2001:db8::1]` or `[2001:db8::1]:4711`. */
function addressIn(text: string): string | undefined {
  const trimmed = text.trim();
  const bare = /^\[([^\]]*)\](?::\d{1,5})?$/.exec(trimmed)?.[1] ?? /^([\d.]+):\d{1,5}$/.exec(trimmed)?.[1] ?? trimmed;
  return isIP(bare) === 0 ? undefined : plainAddress(bare);
}
