import { capabilities } from "../../wire/ietf/index.ts";
import type { ProtocolFamily } from "../family.ts";
import { closeCodeOf, closeReasonOf } from "./codes.ts";
import { ietfSession } from "./session.ts";
import { afterSetup, asksInSetup } from "./setup-gate.ts";

/** Sessions of moq-transport. */
export const IETF_FAMILY: ProtocolFamily = {
  speaks: (protocol) => capabilities(protocol) !== undefined,
  session: ietfSession,
  asksInSetup,
  afterSetup,
  closeCodes: (protocol) => {
    const caps = capabilities(protocol);
    if (caps === undefined) throw new Error(`not a moq-transport protocol: ${protocol}`);
    return { codeOf: (reason) => closeCodeOf(reason, caps), reasonOf: (code) => closeReasonOf(code, caps) };
  },
};
