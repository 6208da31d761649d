import type { WireLimits } from "../../wire/codec/index.ts";
import type { Capabilities } from "../../wire/lite/index.ts";
import type { SessionContext } from "../context.ts";

/** What the parts of one moq-lite session share. */
export interface LiteContext {
  readonly session: SessionContext;
  readonly caps: Capabilities;
  readonly wire: WireLimits;
}
