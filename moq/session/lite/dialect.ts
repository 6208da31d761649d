import type { Framing } from "../../link.ts";
import type { Dialect } from "../../model/index.ts";
import { type Capabilities, encodeObjectHeader, frameHeaders } from "../../wire/lite/index.ts";
import { codeOf, streamCodes } from "./codes.ts";

const dialects = new Map<string, Dialect>();

/** How a version writes frames and resets streams. Versions that do both alike share one dialect. */
export function dialectOf(caps: Capabilities): Dialect {
  const codes = caps.twoRegistries ? ", two registries" : "";
  const headers = `moq-lite ${caps.timestamps ? "timed" : "plain"}${caps.leadingOnes ? ", leading ones" : ""}`;
  const name = `${headers}${codes}`;
  if (caps.objects) return MESH;
  let dialect = dialects.get(name);
  if (dialect === undefined) {
    dialect = {
      name,
      headers,
      framing: framingOf(caps),
      subgroups: false,
      objectHeader: frameHeaders(caps),
      resetCode: streamCodes(caps).codeOf,
    };
    dialects.set(name, dialect);
  }
  return dialect;
}

/** How the objects of a version follow one another on a stream. */
export function framingOf(caps: Capabilities): Framing {
  if (caps.objects) return "flagged";
  if (!caps.timestamps) return "sized";
  return caps.leadingOnes ? "timed_ones" : "timed";
}

/** Objects of the mesh wire. */
const MESH: Dialect = {
  name: "moqmesh objects",
  framing: "flagged",
  subgroups: true,
  objectHeader: encodeObjectHeader,
  resetCode: codeOf,
};
