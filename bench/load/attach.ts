import type { Attach } from "../../moq/link.ts";
import { capabilities } from "../../moq/wire/ietf/index.ts";
import { IetfLoadSession, type IetfPart } from "./ietf/session.ts";
import { attachLoad, type Part } from "./session.ts";

/** One end of the load in each family of protocols. */
export interface Ends {
  readonly lite: () => Part;
  readonly ietf: () => IetfPart;
}

/** For an engine's `dial`: the end that speaks what was negotiated. `hop`: as `attachLoad` has it. */
export function attachEnd({ lite, ietf }: Ends, hop: bigint): Attach {
  return (link) => {
    const caps = capabilities(link.info.protocol);
    return caps === undefined ? attachLoad(lite(), hop)(link) : new IetfLoadSession(link, caps, ietf());
  };
}
