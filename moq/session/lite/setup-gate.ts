import type { Attach, LinkInfo } from "../../link.ts";
import { DEFAULT_WIRE_LIMITS } from "../../wire/codec/index.ts";
import { type Capabilities, capabilities, UniReader } from "../../wire/lite/index.ts";
import { SetupGate, type SetupGateOptions, type SetupProtocol } from "../setup-gate.ts";
import { sessionCodes } from "./codes.ts";

/** Whether the client of such a link says in its SETUP what it asks for (moq-lite Path parameter), and not in a URI. */
export function asksInSetup({ binding, protocol, dialled }: LinkInfo): boolean {
  return binding === "quic" && !dialled && capabilities(protocol)?.setupStream === true;
}

/** Starts the session of a link of {@link asksInSetup} once its client is admitted; see {@link SetupGate}. */
export function afterSetup(options: SetupGateOptions): Attach {
  return (link) => {
    const caps = capabilities(link.info.protocol);
    if (caps === undefined) throw new Error(`not a moq-lite protocol: ${link.info.protocol}`);
    return new SetupGate(link, setupOf(caps), options);
  };
}

function setupOf(caps: Capabilities): SetupProtocol {
  return {
    name: "moq-lite",
    codeOf: sessionCodes(caps).codeOf,
    reader: (found) =>
      new UniReader(caps, DEFAULT_WIRE_LIMITS, {
        group: () => NOTHING,
        unknown: () => {},
        setup: ({ path }) => found({ target: path }),
      }),
  };
}

/** Takes the frames of a group that arrives before the session. The session reads them again. */
const NOTHING = { object: () => {}, payload: () => {}, end: () => {}, status: () => {} };
