export { REDIRECT, type Redirect } from "./answers.ts";
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
export type { Location, RangeEnd } from "./location.ts";
export type { LocationFilter } from "./location-filter.ts";
export { encodeMessage, type Message } from "./message.ts";
export type { FullTrackName, Namespace } from "./names.ts";
export { namespaceOf, namespaceText, trackNameOf, trackNameText } from "./namespace-text.ts";
export type { NamespaceRequest } from "./namespaces.ts";
export type { RequestKind } from "./parameter-scopes.ts";
export type { Parameters } from "./parameters.ts";
export { encodeTrackProperties, readTrackProperties, type TrackProperties } from "./properties.ts";
export type { Publish } from "./publish.ts";
export type { FilteredField, RangeFilter, ValueRange } from "./range-filter.ts";
export { MessageReader, type StreamContext } from "./reader.ts";
export type { Setup } from "./setup.ts";
export type { Subscribe } from "./subscribe.ts";
export type { Token } from "./token.ts";
export { TokenCache } from "./token-cache.ts";
export { SETUP } from "./types.ts";
export { type Capabilities, capabilities, IETF_PROTOCOLS, type IetfProtocol } from "./versions.ts";
