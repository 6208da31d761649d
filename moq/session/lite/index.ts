import { capabilities } from "../../wire/lite/index.ts";
import type { ProtocolFamily } from "../family.ts";
import { sessionCodes } from "./codes.ts";
import { liteSession } from "./session.ts";
import { afterSetup, asksInSetup } from "./setup-gate.ts";

/** Sessions of moq-lite, and of our own protocol between relays. */
export const LITE_FAMILY: ProtocolFamily = {
  speaks: (protocol) => capabilities(protocol) !== undefined,
  session: liteSession,
  asksInSetup,
  afterSetup,
  closeCodes: (protocol) => {
    const caps = capabilities(protocol);
    if (caps === undefined) throw new Error(`not a moq-lite protocol: ${protocol}`);
    return sessionCodes(caps);
  },
};
