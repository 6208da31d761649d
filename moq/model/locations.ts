import { type DatagramObject, type FetchRange, LAST_OBJECT, type SubgroupStart } from "./contract.ts";

/** The start of a group that is one subgroup, as every group of moq-lite is. */
export function wholeGroup(group: number): SubgroupStart {
  return { group, subgroup: 0, firstObject: true, endsGroup: true };
}

/** The range of all objects of one group. */
export function groupRange(group: number): FetchRange {
  return { start: { group, object: 0 }, end: { group, object: LAST_OBJECT } };
}

/** A datagram that is a whole group, as every datagram of moq-lite is. */
export function datagramGroup(group: number, timestamp: number, payload: Uint8Array): DatagramObject {
  return { group, object: 0, timestamp, properties: undefined, endsGroup: true, payload };
}
