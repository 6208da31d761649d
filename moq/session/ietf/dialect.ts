import type { Dialect } from "../../model/index.ts";
import { type Capabilities, encodeObjectHeader } from "../../wire/ietf/index.ts";
import { streamCodes } from "./codes.ts";

const dialects = new Map<string, Dialect>();

/** How a draft writes objects. Drafts that write them alike share one dialect. */
export function dialectOf(caps: Capabilities): Dialect {
  // From draft 18 on, objects of subgroups have one form.
  const name = `moq-transport ${caps.presentProperties ? "present" : caps.protocol}`;
  let dialect = dialects.get(name);
  if (dialect === undefined) {
    const { codeOf } = streamCodes(caps);
    dialect = {
      name,
      subgroups: true,
      objectHeader: (size, _delta, idDelta, properties, status, timestamp) =>
        encodeObjectHeader(caps, size, idDelta, properties, status, timestamp),
      resetCode: codeOf,
    };
    dialects.set(name, dialect);
  }
  return dialect;
}
