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
      subgroups: false,
      objectHeader: frameHeaders(caps),
      resetCode: streamCodes(caps).codeOf,
    };
    dialects.set(name, dialect);
  }
  return dialect;
}

/** Objects of the mesh wire. */
const MESH: Dialect = {
  name: "moqmesh objects",
  subgroups: true,
  objectHeader: encodeObjectHeader,
  resetCode: codeOf,
};
