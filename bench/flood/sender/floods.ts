import type { BidiStream, Link, SendStream } from "../../../moq/link.ts";
import {
  type Capabilities,
  capabilities,
  encodeAnnouncement,
  encodeAnnounceOk,
  encodeDatagram,
  encodeGroupStream,
  encodeProbe,
  encodeRequest,
  encodeSubscribeResponse,
  encodeSubscribeUpdate,
  type OpeningRequest,
} from "../../../moq/wire/lite/index.ts";
import { FLOODED, type Kind, TRACK } from "../kinds.ts";

/** The value of this code does not matter. */
const RESET = 0;

const SILENT = { data() {}, fin() {}, reset() {}, stop() {} };

const OPTIONS = { priority: 1, ordered: false, maxLatency: 1_000 };

/** The session and streams that a flood uses. */
export interface Scene {
  readonly link: Link;
  /** The streams on which the relay asks for announcements and subscribes to the track. */
  readonly announcing: BidiStream | undefined;
  readonly subscribed: { readonly stream: BidiStream; readonly id: number } | undefined;
}

/** Sends message number `index`; false while the relay allows no more streams. */
export type Send = (index: number) => boolean;

/** A flood of messages that each open and end their own stream. */
function request(link: Link, caps: Capabilities, of: (index: number) => OpeningRequest): Send {
  return (index) => {
    const stream = link.openBidi(0, SILENT);
    stream?.write(encodeRequest(of(index), caps));
    stream?.finish();
    return stream !== undefined;
  };
}

/** A flood of messages on one stream. */
function repeat(stream: SendStream | undefined, of: (index: number) => Uint8Array): Send | undefined {
  if (stream === undefined) return undefined;
  return (index) => {
    stream.write(of(index));
    return true;
  };
}

function opened(link: Link, caps: Capabilities, first: OpeningRequest): BidiStream | undefined {
  const stream = link.openBidi(0, SILENT);
  stream?.write(encodeRequest(first, caps));
  return stream;
}

/** Streams that are ended by a reset, or by a FIN, after `bytes`. */
function streams(open: () => SendStream | undefined, bytes: (index: number) => Uint8Array, reset: boolean): Send {
  return (index) => {
    const stream = open();
    stream?.write(bytes(index));
    if (reset) stream?.reset(RESET);
    else stream?.finish();
    return stream !== undefined;
  };
}

/** The flood of a kind; undefined if the version or the binding has no such message. */
export function floodOf(kind: Kind, { link, announcing, subscribed }: Scene): Send | undefined {
  const caps = capabilities(link.info.protocol);
  if (caps === undefined) return undefined;
  const path = FLOODED;
  const subscribe = (id: number) => ({ kind: "subscribe" as const, id, path, track: TRACK, epoch: 0n, ...OPTIONS });
  const fields = { hops: caps.announceOk ? [] : [7n], epoch: 0n, ended: false, cost: 0 };
  const announce = (kind: "start" | "end") => encodeAnnouncement({ kind, suffix: `${FLOODED}-too`, ...fields }, caps);
  const uni = () => link.openUni(0, SILENT);
  const bidi = () => link.openBidi(0, SILENT);
  const unknown = () => Uint8Array.of(0x3f, 1, 2, 3);
  const id = subscribed?.id ?? 0;
  switch (kind) {
    case "announce-request":
      return request(link, caps, () => ({ kind: "announce", prefix: "", excludeHop: 0n, ended: false }));
    case "subscribe":
      return request(link, caps, subscribe);
    case "subscribe-update": {
      const stream = opened(link, caps, subscribe(0));
      return repeat(stream, (index) => encodeSubscribeUpdate({ ...OPTIONS, priority: index % 200 }, caps));
    }
    case "track":
      if (!caps.trackStream) return undefined;
      return request(link, caps, () => ({ kind: "track", path, track: TRACK, epoch: 0n }));
    case "fetch":
      return request(link, caps, (group) => ({ kind: "fetch", path, track: TRACK, epoch: 0n, priority: 0, group }));
    case "probe":
      return repeat(opened(link, caps, { kind: "probe", bitrate: 1, rtt: 0 }), (index) =>
        encodeProbe({ bitrate: index, rtt: 0 }, caps),
      );
    case "goaway":
      if (!caps.goaway) return undefined;
      return request(link, caps, () => ({ kind: "goaway", uri: "" }));
    case "announce-start-end":
      return repeat(announcing, (index) => announce(index % 2 === 0 ? "start" : "end"));
    case "announce-repeat":
      return caps.announceRepeat ? repeat(announcing, () => announce("start")) : undefined;
    case "subscribe-drop":
      return repeat(subscribed?.stream, (start) =>
        encodeSubscribeResponse({ kind: "drop", start, end: start, code: 0 }, caps),
      );
    case "group":
      return streams(uni, (sequence) => encodeGroupStream(caps, { subscribe: id, sequence }), false);
    case "group-unwanted":
      return streams(uni, (sequence) => encodeGroupStream(caps, { subscribe: 9_999, sequence }), false);
    case "empty-frame": {
      const stream = uni();
      stream?.write(encodeGroupStream(caps, { subscribe: id, sequence: 0 }));
      return repeat(stream, () => new Uint8Array(caps.timestamps ? 2 : 1));
    }
    case "datagram":
      if (!caps.datagrams || link.maxDatagramSize === 0) return undefined;
      return (sequence) => {
        link.sendDatagram(encodeDatagram({ subscribe: id, sequence, timestamp: 0, payload: Uint8Array.of(1) }));
        return true;
      };
    case "bidi-reset":
      return streams(bidi, () => Uint8Array.of(2), true);
    case "uni-reset":
      return streams(uni, () => Uint8Array.of(0), true);
    case "bidi-unknown":
      return streams(bidi, unknown, false);
    case "uni-unknown":
      return streams(uni, unknown, false);
  }
}

/** Announces the one flooded broadcast to the relay. */
export function announceFlooded(stream: BidiStream, caps: Capabilities): void {
  if (caps.announceOk) stream.write(encodeAnnounceOk({ hop: 7n, active: 1 }, caps));
  const fields = { hops: caps.announceOk ? [] : [7n], epoch: 0n, ended: false, cost: 0 };
  stream.write(encodeAnnouncement({ kind: "start", suffix: FLOODED, ...fields }, caps));
}
