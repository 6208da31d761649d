export type { Broadcast } from "./broadcast.ts";
export { Broadcasts, type Publication } from "./broadcasts.ts";
export type {
  Asker,
  Channel,
  DatagramObject,
  Dialect,
  FetchedObject,
  FetchGap,
  FetchRange,
  FetchReader,
  FetchWriter,
  Inflow,
  Later,
  Location,
  ObjectFilter,
  ObjectStatus,
  ObjectTest,
  OutStream,
  PeerName,
  Selection,
  Source,
  SubgroupStart,
  SubgroupWriter,
  SubscribeOptions,
  Subscriber,
  TrackInfo,
  Upstream,
  UpstreamSink,
} from "./contract.ts";
export { ALL_GROUPS, LAST_OBJECT } from "./contract.ts";
export type { FetchWhere } from "./fetch-requests.ts";
export { FetchIntoGroup, GroupIntoFetch } from "./fetched-group.ts";
export type { BroadcastFinder } from "./finder.ts";
export { ForwardingWriter } from "./forwarding-writer.ts";
export type { CacheOptions, ModelLimits } from "./limits.ts";
export { datagramGroup, groupRange, wholeGroup } from "./locations.ts";
export { PathTree, prefixes } from "./path-tree.ts";
export { POLICY_METRICS, type Policies, type RefusedTrack } from "./policies.ts";
export {
  COUNTED,
  DEFAULT_PRIORITY,
  HIGHEST_PRIORITY,
  type Policy,
  type PolicyRefusal,
  PolicyTable,
} from "./policy/index.ts";
export { rank } from "./rank.ts";
export { type Advertisement, pushSameTrack, type Route, sameAdvertisement, sumOfCosts } from "./routes.ts";
export type { Share } from "./scheduler.ts";
export type { Subscription } from "./subscription.ts";
export type { Loss, TrackView, ViewerView } from "./track-view.ts";
export { BROADCAST_METRICS } from "./usage.ts";
