import type { Attach, LinkInfo } from "../../link.ts";
import { READ } from "../../wire/codec/index.ts";
import {
  type Capabilities,
  capabilities,
  MessageReader,
  newInbox,
  SETUP,
  type Setup,
  type Token,
} from "../../wire/ietf/index.ts";
import { SetupGate, type SetupGateOptions, type SetupProtocol } from "../setup-gate.ts";
import { closeCodeOf, violationCode } from "./codes.ts";

/** Query field of a token. */
const TOKEN_FIELD = "jwt";

/**
 * Whether the client of such a link says in its SETUP what it asks for: where there is no URI, and where the URI has no token, which may
 * be in the SETUP then.
 */
export function asksInSetup({ binding, protocol, dialled, query }: LinkInfo): boolean {
  if (dialled || capabilities(protocol) === undefined) return false;
  return binding === "quic" || (binding === "webtransport" && !new URLSearchParams(query).has(TOKEN_FIELD));
}

/** Starts the session of a link of {@link asksInSetup} once its client is admitted; see {@link SetupGate}. */
export function afterSetup(options: SetupGateOptions): Attach {
  return (link) => {
    const caps = capabilities(link.info.protocol);
    if (caps === undefined) throw new Error(`not a moq-transport protocol: ${link.info.protocol}`);
    return new SetupGate(link, setupOf(caps, link.info), options);
  };
}

function setupOf(caps: Capabilities, info: LinkInfo): SetupProtocol {
  return {
    name: "moq-transport",
    codeOf: (reason) => closeCodeOf(reason, caps),
    violationCode: (violation) => violationCode(violation, caps),
    reader: (found) => new SetupReader(caps, info, found),
  };
}

/** Reads a unidirectional stream up to its SETUP, if it is the one that has it. The session reads it again. */
class SetupReader {
  readonly #info: LinkInfo;
  readonly #found: (target: string) => void;
  readonly #inbox;
  readonly #messages: MessageReader;
  #state: "type" | "setup" | "ignored" = "type";

  constructor(caps: Capabilities, info: LinkInfo, found: (target: string) => void) {
    this.#info = info;
    this.#found = found;
    this.#inbox = newInbox(caps);
    this.#messages = MessageReader.control({ caps, from: "client", uriBound: info.binding !== "quic" });
  }

  push(bytes: Uint8Array): void {
    let rest = bytes;
    if (this.#state === "type") {
      this.#inbox.push(bytes);
      const type = this.#inbox.varint();
      if (type !== undefined) this.#state = type === SETUP ? "setup" : "ignored";
      rest = this.#state === "setup" ? (this.#inbox.take(this.#inbox.left) ?? READ) : READ;
      if (this.#state === "type") this.#inbox.keep();
    }
    if (this.#state !== "setup") return;
    this.#messages.push(rest, (message) => {
      if (message.kind === "setup") this.#found(targetOf(message, this.#info));
    });
  }
}

/** What the client asks for, as path and query, with the token of its SETUP where the query has none. */
function targetOf({ path: asked, tokens }: Setup, { binding, path, query }: LinkInfo): string {
  const own = query === "" ? path : `${path}?${query}`;
  const target = binding === "quic" ? (asked ?? "/") : own;
  const token = tokens.map(textOf).find((text) => text !== undefined);
  if (token === undefined) return target;
  const mark = target.indexOf("?");
  const fields = new URLSearchParams(mark < 0 ? "" : target.slice(mark + 1));
  if (fields.has(TOKEN_FIELD)) return target;
  return `${target}${mark < 0 ? "?" : "&"}${TOKEN_FIELD}=${encodeURIComponent(token)}`;
}

/** The text of a token that is one: a JWT. */
function textOf(token: Token): string | undefined {
  if (!("value" in token)) return undefined;
  const text = new TextDecoder().decode(token.value);
  return /^[\w.~=-]+$/.test(text) ? text : undefined;
}
