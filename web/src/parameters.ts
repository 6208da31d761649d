/** The parameters in the page's URL, and URLs with given parameters. */
import type { SourceKind } from "./publish/source.ts";
import type { Target, TransportChoice } from "./relay/dial.ts";
import { NAMED_PROTOCOLS, VIEWER_PROTOCOLS } from "./relay/protocols.ts";

/**
 * `?watch=NAME` watches at once; `?publish=pattern|camera|screen` with `&name=NAME` publishes at once;
 * `&url=RELAY` is the relay, by default the one that served the page; `&transport=auto|webtransport|websocket`; `&protocol=moq-lite-04` is the only
 * protocol to offer.
 */
export interface Parameters {
  readonly target: Target;
  readonly watch: string | undefined;
  readonly publish: SourceKind | undefined;
  readonly name: string | undefined;
  /** Messages about parameters that are not valid. */
  readonly problems: readonly string[];
}

/** What `protocol` may name. */
const PROTOCOLS: readonly string[] = [...VIEWER_PROTOCOLS, ...NAMED_PROTOCOLS];

/** Ending of broadcast names that names the format of the catalog. */
const SUFFIX = ".hang";

export function readParameters(address: URL): Parameters {
  const query = address.searchParams;
  const problems: string[] = [];
  const given = query.get("url");
  const relay = given === null ? undefined : parseRelay(given);
  if (given !== null && !relay)
    problems.push(`“${given}” is not the URL of a relay; it must start with http:// or https://.`);
  const transport = query.get("transport") ?? "auto";
  if (!isTransport(transport))
    problems.push(`The transport “${transport}” is unknown; use auto, webtransport or websocket.`);
  const protocol = query.get("protocol") ?? undefined;
  if (protocol !== undefined && !isProtocol(protocol)) {
    problems.push(`The page cannot speak “${protocol}”; it has ${PROTOCOLS.join(", ")}.`);
  }
  const publish = query.get("publish") ?? undefined;
  if (publish !== undefined && !isSource(publish)) {
    problems.push(`The source “${publish}” is unknown; use pattern, camera or screen.`);
  }
  return {
    target: {
      url: relay ?? new URL("/", address),
      transport: isTransport(transport) ? transport : "auto",
      ...(protocol !== undefined && isProtocol(protocol) && { protocol }),
    },
    watch: broadcastName(query.get("watch") ?? ""),
    publish: publish !== undefined && isSource(publish) ? publish : undefined,
    name: broadcastName(query.get("name") ?? ""),
    problems,
  };
}

/** Parses a relay's URL; undefined for other text. A host without a scheme gets `https:`. */
export function parseRelay(text: string): URL | undefined {
  const full = /^[a-z]+:\/\//i.test(text) ? text : `https://${text}`;
  const url = URL.canParse(full) ? new URL(full) : undefined;
  return url && (url.protocol === "http:" || url.protocol === "https:") ? url : undefined;
}

/** A broadcast's path with single slashes and the usual ending; undefined for empty text. */
export function broadcastName(text: string): string | undefined {
  const path = text.trim().split("/").filter(Boolean).join("/");
  if (path === "") return undefined;
  return /\.[a-z0-9]+$/i.test(path) ? path : `${path}${SUFFIX}`;
}

/** A random name that is unlikely to be in use. */
export function inventName(): string {
  const letters = "abcdefghjkmnpqrstuvwxyz23456789";
  const chosen = crypto.getRandomValues(new Uint8Array(4));
  return `demo-${Array.from(chosen, (byte) => letters[byte % letters.length]).join("")}${SUFFIX}`;
}

/** The URL of this page for other viewers of a broadcast, without the token, which belongs to this user. */
export function watchAddress(page: URL, target: Target, name: string): URL {
  const address = new URL(page.pathname, page);
  address.searchParams.set("watch", name);
  const relay = withoutToken(target.url);
  if (relay.href !== new URL("/", page).href) address.searchParams.set("url", relay.href);
  if (target.transport !== "auto") address.searchParams.set("transport", target.transport);
  if (target.protocol !== undefined) address.searchParams.set("protocol", target.protocol);
  return address;
}

/** The URL for the address bar, so that a reload watches the same broadcast, or none. */
export function currentAddress(page: URL, watched: string | undefined): URL {
  const address = new URL(page);
  if (watched === undefined) address.searchParams.delete("watch");
  else address.searchParams.set("watch", watched);
  return address;
}

/** A relay's URL without its token. */
export function withoutToken(url: URL): URL {
  const bare = new URL(url);
  bare.searchParams.delete("jwt");
  return bare;
}

function isTransport(text: string): text is TransportChoice {
  return text === "auto" || text === "webtransport" || text === "websocket";
}

function isProtocol(text: string): boolean {
  return PROTOCOLS.includes(text);
}

function isSource(text: string): text is SourceKind {
  return text === "pattern" || text === "camera" || text === "screen";
}
