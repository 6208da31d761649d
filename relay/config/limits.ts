import { allLive, autoSize, duration, integer, size } from "./fields.ts";
import { section } from "./section.ts";

/** Largest value of any count, far more than one process can serve. It catches mistyped numbers. */
const COUNT_MAX = 10_000_000;

function count(standard: number, description: string, more: { readonly min?: number; readonly live?: true } = {}) {
  return integer({ description, default: standard, min: 1, max: COUNT_MAX, ...more });
}

/** Bounds of the whole process. */
const processLimits = {
  memory: autoSize({
    description:
      "Memory that the relay keeps below. `auto` is the limit of its cgroup, or the machine's memory. From 80 % on the relay sheds its cache, from 87 % it also refuses new sessions, from 93 % it also closes the slowest viewers; it recovers by itself. `0B` sheds nothing.",
    max: "64TiB",
  }),
  sessions: count(10_000, "Sessions that are open at once, unfinished handshakes included.", { live: true }),
  broadcasts: count(
    10_000,
    "Broadcasts that are published at once. The relay logs and counts further ones, and accepts them as soon as others end.",
    { live: true },
  ),
  handshake_rate: count(
    1_000,
    "Connections that may begin in one second, QUIC and TCP each. The relay ignores further QUIC connections, whose clients try again by themselves, and cuts further TCP connections. With half of `handshake_burst` used up, QUIC clients must prove their address first. `0` sets no bound. Only the native engine bounds QUIC.",
    { min: 0, live: true },
  ),
  handshake_burst: count(2_000, "Connections that may begin at once, before `handshake_rate` bounds them.", {
    live: true,
  }),
  waiting_subscriptions: count(10_000, "Subscriptions that wait for a broadcast that is not published yet.", {
    live: true,
  }),
};

/** Bounds of one session. */
const sessionLimits = {
  announcements_per_session: count(
    1_000,
    "Broadcasts that one session may announce, and as many that the relay announces to it. The relay logs and refuses further ones of a publisher. A viewer gets no more than that.",
    { live: true },
  ),
  announce_streams_per_session: count(64, "Prefixes for which one session may ask for announcements at once.", {
    live: true,
  }),
  subscriptions_per_session: count(256, "Tracks that one session may subscribe to at once.", { live: true }),
  fetches_per_session: count(64, "Fetches of one session that may run at once.", { live: true }),
  pending_streams_per_session: count(
    256,
    "Requests of the relay to one peer that wait until the peer allows another stream.",
    {
      live: true,
    },
  ),
  unanswered_per_viewer: count(
    16,
    "Requests of one viewer that one publisher may leave unanswered at once. Further requests of that viewer wait. In a mesh every relay applies this to its own viewers.",
    { live: true },
  ),
  groups_per_session: count(
    4_096,
    "Groups that may be on their way to one session at once. Its subscriptions share them, each with at least 32. A subscription above its share loses its oldest group.",
    { min: 32, live: true },
  ),
  session_queue_mark: size({
    description: "Queued bytes at which a session loses its oldest groups.",
    default: "4MiB",
    min: "16KiB",
    max: "4GiB",
  }),
  session_queue_bytes: size({
    description:
      "Queued bytes at which the relay closes a session: the most that a viewer which reads nothing can cost. The same bound holds for received bytes that wait until the session has its turn.",
    default: "16MiB",
    min: "64KiB",
    max: "16GiB",
    live: true,
  }),
};

const PAST_BOUND =
  "A longer group still reaches its present viewers, but the relay drops its start, so later viewers start with the next group.";

/** Bounds of what is published. */
const contentLimits = allLive({
  tracks_per_broadcast: count(256, "Tracks of one broadcast that have subscriptions or are in the cache."),
  path_bytes: count(1_024, "Longest path of a broadcast, in bytes."),
  track_name_bytes: count(1_024, "Longest name of a track, in bytes."),
  frame_bytes: size({ description: "Largest payload of one frame.", default: "16MiB", min: "1KiB", max: "1GiB" }),
  group_bytes: size({
    description: `Largest payload of a group that the relay keeps. ${PAST_BOUND}`,
    default: "64MiB",
    min: "1KiB",
    max: "16GiB",
  }),
  frames_per_group: count(65_536, `Most frames of a group that the relay keeps. ${PAST_BOUND}`),
  groups_per_track: count(4_096, "Groups of one track that the cache keeps."),
});

/** Waits and the links below the sessions. */
const linkLimits = {
  subscribe_wait: duration({
    description:
      "How long a subscription waits until its broadcast is published, or until a lost publisher is back. `0s` refuses at once.",
    default: "10s",
    min: "0s",
    max: "10m",
    live: true,
  }),
  track_linger: duration({
    description:
      "How long the relay stays subscribed to live media after the last viewer has left. A track that receives nothing in this time, such as a catalog that was written once, stays subscribed until it receives something or its publisher leaves. At most 16 such tracks stay for each publisher, and other requests to the publisher come first.",
    default: "2s",
    min: "0s",
    max: "10m",
    live: true,
  }),
  request_timeout: duration({
    description:
      "How long a publisher may take to answer a request: TRACK, FETCH, or SUBSCRIBE in versions without TRACK. After that the request fails with `timeout`. Between relays it is twice as long.",
    default: "10s",
    min: "100ms",
    max: "10m",
    live: true,
  }),
  header_timeout: duration({
    description: "How long the first message of a stream may take. After that the relay resets the stream.",
    default: "10s",
    min: "100ms",
    max: "10m",
    live: true,
  }),
  handshake_timeout: duration({
    description: "How long a connection may take to become a session. After that the relay closes it.",
    default: "10s",
    min: "100ms",
    max: "10m",
    live: true,
  }),
  unused_timeout: duration({
    description:
      "How long a client's session may do nothing: it publishes no broadcast and has no subscription, fetch, probe or request for announcements. After that the relay closes it. `0s` sets no bound.",
    default: "5m",
    min: "0s",
    max: "1d",
    live: true,
  }),
  idle_timeout: duration({
    description: "A session ends when its peer has sent nothing for this time.",
    default: "30s",
    min: "1s",
    max: "1h",
  }),
  keep_alive: duration({
    description: "Interval of the probes that keep an idle session open.",
    default: "5s",
    min: "100ms",
    max: "1h",
  }),
  uni_streams: count(256, "Unidirectional streams, which carry groups, that a peer may have open at once."),
  bidi_streams: count(
    256,
    "Bidirectional streams, which carry requests, that a peer may have open at once. Relays of the mesh may have more as they use them.",
  ),
};

export const limitsSection = section(
  "limits",
  "Bounds. At a bound the relay refuses something with a code and counts it; other sessions lose nothing.",
  { ...processLimits, ...sessionLimits, ...contentLimits, ...linkLimits },
  [
    {
      keys: ["session_queue_mark", "session_queue_bytes"],
      broken: (l) =>
        l.session_queue_mark <= l.session_queue_bytes
          ? undefined
          : "`session_queue_mark` must not be larger than `session_queue_bytes`",
    },
    {
      keys: ["frame_bytes", "group_bytes"],
      broken: (l) =>
        l.frame_bytes <= l.group_bytes ? undefined : "`frame_bytes` must not be larger than `group_bytes`",
    },
    {
      keys: ["keep_alive", "idle_timeout"],
      broken: (l) =>
        l.keep_alive * 2 <= l.idle_timeout
          ? undefined
          : "`keep_alive` must be at most half of `idle_timeout`, or one lost probe ends a session",
    },
  ],
);
