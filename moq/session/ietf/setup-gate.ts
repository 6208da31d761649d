import type { Attach, LinkInfo } from "../../link.ts";
import { READ } from "../../wire/codec/index.ts";
import { type Capabilities, capabilities, MessageReader, newInbox, SETUP, type Setup } from "../../wire/ietf/index.ts";
import { type SetupAsk, SetupGate, type SetupGateOptions, type SetupProtocol } from "../setup-gate.ts";
import { closeCodeOf, violationCode } from "./codes.ts";

/** Query fields of tokens. */
const TOKEN_FIELDS = ["jwt", "cat"];

/**
 * Whether the client of such a link says in its SETUP what it asks for: where there is no URI, and where the URI has no token, which may
 * be in the SETUP then.
 */
export function asksInSetup({ binding, protocol, dialled, query }: LinkInfo): boolean {
  if (dialled || capabilities(protocol) === undefined) return false;
  if (binding !== "webtransport") return binding === "quic";
  const fields = new URLSearchParams(query);
  return !TOKEN_FIELDS.some((name) => fields.has(name));
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
    streams: caps.requestStreams ? "uni" : "bidi",
    reader: (found) => new SetupReader(caps, info, found),
  };
}

/**
 * Reads a stream up to its SETUP, if it is the one that has it: a unidirectional one with the type of SETUP, or the control stream for both
 * directions. The session reads it again.
 */
class SetupReader {
  readonly #info: LinkInfo;
  readonly #found: (asked: SetupAsk) => void;
  readonly #inbox;
  readonly #messages: MessageReader;
  #state: "type" | "setup" | "ignored";

  constructor(caps: Capabilities, info: LinkInfo, found: (asked: SetupAsk) => void) {
    this.#info = info;
    this.#found = found;
    this.#state = caps.requestStreams ? "type" : "setup";
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
      if (message.kind === "setup") this.#found(askOf(message, this.#info));
    });
  }
}

/** What the client asks for. Where there is a URI, that says it, and SETUP has no path. */
function askOf({ path: asked, tokens }: Setup, { binding, path, query }: LinkInfo): SetupAsk {
  const own = query === "" ? path : `${path}?${query}`;
  return {
    target: binding === "quic" ? asked : own,
    tokens: tokens.flatMap((token) => ("value" in token ? [{ type: token.type, value: token.value }] : [])),
  };
}
