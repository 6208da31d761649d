import type { Dialect } from "../../model/index.ts";
import { type Capabilities, encodeFrameHeader } from "../../wire/lite/index.ts";
import { codeOf } from "./codes.ts";

const dialects = new Map<string, Dialect>();

/** How a version writes frames. Versions that write them alike share one dialect. */
export function dialectOf(caps: Capabilities): Dialect {
  const name = caps.timestamps ? "moq-lite timed" : "moq-lite plain";
  let dialect = dialects.get(name);
  if (dialect === undefined) {
    dialect = {
      name,
      frameHeader: (size, delta) => encodeFrameHeader(caps, size, delta),
      resetCode: codeOf,
    };
    dialects.set(name, dialect);
  }
  return dialect;
}
