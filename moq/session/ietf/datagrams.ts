import { decodeObjectDatagram } from "../../wire/ietf/index.ts";
import type { IetfContext } from "./context.ts";
import { turnedRound } from "./track-info.ts";

/** A datagram of the peer: an object of one of the tracks that it sends. One of another track, or whose alias is not known yet, is dropped. */
export function takeDatagram(bytes: Uint8Array, { caps, wire, aliases }: IetfContext): void {
  const datagram = decodeObjectDatagram(bytes, caps, wire);
  const track = datagram && aliases.get(datagram.trackAlias);
  if (datagram === undefined || track === undefined) return;
  const { group, object, priority, endsGroup, status, properties, payload } = datagram;
  track.datagram({
    group,
    object,
    timestamp: datagram.timestampIn(track.timescale),
    properties,
    ...(status === undefined ? {} : { status }),
    priority: priority === undefined ? track.defaultPriority : turnedRound(priority),
    endsGroup,
    payload,
  });
}
