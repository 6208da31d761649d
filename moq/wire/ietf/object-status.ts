import type { CutHeader } from "./cut-header.ts";
import type { Capabilities } from "./versions.ts";

/** Object Status: numbers that every draft has. */
export const NORMAL = 0;
const END_OF_GROUP = 3;
const END_OF_TRACK = 4;
/** Draft 14 alone. */
const DOES_NOT_EXIST = 1;

/**
 * What an object without payload says. `end_of_group`: the group has no object of this id or a higher one. `end_of_track`: likewise, and
 * no later group follows. `does_not_exist`: no object of this id was or will be published.
 */
export type ObjectStatus = "end_of_group" | "end_of_track" | "does_not_exist";

function statusOf(number: number, doesNotExist: boolean): ObjectStatus | undefined {
  switch (number) {
    case END_OF_GROUP:
      return "end_of_group";
    case END_OF_TRACK:
      return "end_of_track";
    case DOES_NOT_EXIST:
      return doesNotExist ? "does_not_exist" : undefined;
    default:
      return undefined;
  }
}

/** A draft that does not have the status is a RangeError. */
export function statusNumber(status: ObjectStatus, { objectDoesNotExist }: Capabilities): number {
  switch (status) {
    case "end_of_group":
      return END_OF_GROUP;
    case "end_of_track":
      return END_OF_TRACK;
    case "does_not_exist":
      if (!objectDoesNotExist) throw new RangeError("the draft has no such object status");
      return DOES_NOT_EXIST;
  }
}

/** The status of a number other than {@link NORMAL}. One that the draft does not have, or with properties that it must not have, is a violation. */
export function checkedStatus(
  number: number,
  properties: Uint8Array,
  { objectDoesNotExist, statusProperties }: Capabilities,
  header: CutHeader,
): ObjectStatus {
  const status = statusOf(number, objectDoesNotExist);
  if (status === undefined) throw header.violation("unknown object status");
  if (properties.length > 0 && !(statusProperties && status !== "does_not_exist")) {
    throw header.violation("properties of an object whose status is not normal");
  }
  return status;
}
