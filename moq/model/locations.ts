import { type DatagramObject, type FetchRange, LAST_OBJECT, type Location, type SubgroupStart } from "./contract.ts";

/** The start of a group that is one subgroup, as every group of moq-lite is. */
export function wholeGroup(group: number): SubgroupStart {
  return { group, subgroup: 0, firstObject: true, endsGroup: true };
}

/** Whether a start is that of a group that is one subgroup. */
export function isWhole({ subgroup, firstObject, endsGroup }: SubgroupStart): boolean {
  return subgroup === 0 && firstObject && endsGroup;
}

/** Whether `a` is before `b` in the track. */
export function isBelow(a: Location, b: Location): boolean {
  return a.group < b.group || (a.group === b.group && a.object < b.object);
}

/** The range of all objects of one group. */
export function groupRange(group: number): FetchRange {
  return { start: { group, object: 0 }, end: { group, object: LAST_OBJECT } };
}

/** A datagram that is a whole group, as every datagram of moq-lite is. */
export function datagramGroup(group: number, timestamp: number, payload: Uint8Array): DatagramObject {
  return { group, object: 0, timestamp, properties: undefined, endsGroup: true, payload };
}
