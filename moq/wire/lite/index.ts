export {
  type AnnounceRequest,
  type AnnounceResponse,
  announceResponses,
  encodeAnnouncement,
  encodeAnnounceOk,
} from "./announce.ts";
export { DATAGRAM_BYTES, decodeDatagram, encodeDatagram } from "./datagram.ts";
export { FetchedObjectEncoder, FetchedObjectReader } from "./fetched-objects.ts";
export { encodeFrameHeader } from "./frame.ts";
export { frameHeaders, newFrameReader } from "./frame-codec.ts";
export { encodeGroupStream, type GroupHeader } from "./group.ts";
export { encodeObjectHeader, type ObjectSink } from "./object.ts";
export { decodeObjectDatagram, encodeObjectDatagram } from "./object-datagram.ts";
export { encodeProbe } from "./probe.ts";
export { encodePushed, type Pushed, type PushedRequest, pushedResponses } from "./pushed.ts";
export { encodeRequest, type OpeningRequest, type Request, RequestReader } from "./requests.ts";
export { encodeSetupStream, type Setup } from "./setup.ts";
export {
  encodeSubscribeResponse,
  encodeSubscribeUpdate,
  type Subscribe,
  type SubscribeResponse,
  type SubscribeUpdate,
  subscribeResponses,
} from "./subscribe.ts";
export { encodeTrackInfo, trackResponses } from "./track.ts";
export { UniReader, type UniSink } from "./uni.ts";
export {
  type Capabilities,
  capabilities,
  EXPERIMENTAL_PROTOCOLS,
  MESH_PROTOCOLS,
  STABLE_PROTOCOLS,
} from "./versions.ts";
