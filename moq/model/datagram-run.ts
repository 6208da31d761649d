import type { DatagramObject, SubgroupStart, SubgroupWriter } from "./contract.ts";

/**
 * The id of the subgroup in which the model keeps the datagram objects of a group, below all ids that publishers give. Viewers of subgroups get
 * datagrams as such, and no stream of this one. Viewers of whole groups get the objects on the group's stream, because they have no datagrams
 * for single objects, and fetches get them from the cache. Objects that datagrams bring out of order are not kept.
 */
export const DATAGRAMS = -1;

export function datagramsOf(group: number, firstObject: boolean): SubgroupStart {
  return { group, subgroup: DATAGRAMS, firstObject, endsGroup: false };
}

/** Whether moq-lite has a datagram for it: one that is a whole group. Viewers of whole groups get it as such, and the cache does not keep it. */
export function isWholeGroup({ object, endsGroup }: DatagramObject): boolean {
  return object === 0 && endsGroup;
}

/** Adds a datagram object to the run. */
export function appendDatagram(run: SubgroupWriter, datagram: DatagramObject): void {
  const { object, timestamp, properties, status, payload } = datagram;
  if (status !== undefined) {
    run.status(status, object, properties);
    return;
  }
  run.object(payload.length, timestamp, object, properties);
  if (payload.length > 0) run.payload(payload);
  run.end();
}
