export { REDIRECT, type Redirect } from "./answers.ts";
export { newInbox } from "./codec.ts";
export {
  type PublishDoneName,
  publishDoneCode,
  publishDoneName,
  type RequestErrorName,
  type ResetName,
  requestErrorCode,
  requestErrorName,
  resetCode,
  resetName,
  type TerminationName,
  terminationCode,
  terminationName,
} from "./codes.ts";
export type { Side } from "./context.ts";
export { TerminationError } from "./errors.ts";
export type { Fetch } from "./fetch.ts";
export { encodeFetchHeader, FetchObjectEncoder } from "./fetch-encoder.ts";
export type { FetchTarget } from "./fetch-objects.ts";
export type { Goaway } from "./goaway.ts";
export { FILTER_RANGES } from "./limits.ts";
export type { Location, RangeEnd } from "./location.ts";
export type { LocationFilter } from "./location-filter.ts";
export { encodeMessage, type Message, type Request } from "./message.ts";
export type { FullTrackName, Namespace } from "./names.ts";
export { namespaceOf, namespaceText, trackNameOf, trackNameText } from "./namespace-text.ts";
export type { NamespaceRequest } from "./namespaces.ts";
export { decodeObjectDatagram, encodeObjectDatagram, encodePaddingDatagram } from "./object-datagram.ts";
export { encodeObjectHeader } from "./object-header.ts";
export { DEFAULT_TIMESCALE } from "./object-properties.ts";
export type { StreamContext } from "./order.ts";
export type { RequestKind } from "./parameter-scopes.ts";
export type { GroupOrder, Parameters } from "./parameters.ts";
export { encodeTrackProperties, readTrackProperties, type TrackProperties } from "./properties.ts";
export { someProperty } from "./property-values.ts";
export type { Publish } from "./publish.ts";
export type { FilteredField, RangeFilter, ValueRange } from "./range-filter.ts";
export { MessageReader } from "./reader.ts";
export type { Setup } from "./setup.ts";
export { encodeSubgroupHeader, type SubgroupHeader } from "./subgroup-header.ts";
export type { ObjectTarget } from "./subgroup-objects.ts";
export type { Subscribe } from "./subscribe.ts";
export type { Token } from "./token.ts";
export { type AuthToken, TokenCache } from "./token-cache.ts";
export { isRequest, SETUP } from "./types.ts";
export { type StreamReader, UniReader, type UniSink } from "./uni.ts";
export { type Capabilities, capabilities, DRAFTS, IETF_PROTOCOLS, type IetfProtocol, IN_BAND } from "./versions.ts";
