import { duration, integer, size } from "./fields.ts";
import { section } from "./section.ts";

/** Largest count that any limit may be set to; a guard against slips of the keyboard, far over what one process carries. */
const COUNT_MAX = 10_000_000;

function count(standard: number, description: string, more: { readonly min?: number; readonly live?: true } = {}) {
  return integer({ description, default: standard, min: 1, max: COUNT_MAX, ...more });
}

/** Bounds of the whole process. */
const processLimits = {
  sessions: count(10_000, "Sessions open at once, handshakes that are under way included.", { live: true }),
  broadcasts: count(
    10_000,
    "Broadcasts published at once. Further ones are logged and counted, and taken in as soon as there is a place.",
  ),
  waiting_subscriptions: count(10_000, "Subscriptions that wait for a broadcast which is not there (yet)."),
};

/** Bounds of one session. */
const sessionLimits = {
  announcements_per_session: count(
    1_000,
    "Broadcasts announced by one session, and to it, each. Further ones of a publisher are logged and not taken in; a list for a viewer that has more is cut.",
    { live: true },
  ),
  announce_streams_per_session: count(64, "Prefixes that one session watches at once.", { live: true }),
  subscriptions_per_session: count(256, "Tracks that one session subscribes to at once.", { live: true }),
  fetches_per_session: count(64, "Fetches of one session under way at once.", { live: true }),
  pending_streams_per_session: count(256, "Requests of ours that wait until a session's peer allows another stream.", {
    live: true,
  }),
  unanswered_per_viewer: count(
    16,
    "Requests of one viewer that one publisher may leave unanswered at once; further ones of that viewer wait. Relays of the mesh keep to it for each of their viewers.",
    { live: true },
  ),
  groups_per_session: count(
    4_096,
    "Groups on their way to one session at once. Its subscriptions share them, with 32 each at least; past its share a subscription loses its oldest group.",
    { min: 32 },
  ),
  session_queue_mark: size({
    description: "Bytes queued for a session at which it loses its oldest groups.",
    default: "4MiB",
    min: "16KiB",
    max: "4GiB",
  }),
  session_queue_bytes: size({
    description:
      "Bytes queued for a session at which it is disconnected: what a viewer that reads nothing can cost. As many may wait of what a session has sent until it is its turn.",
    default: "16MiB",
    min: "64KiB",
    max: "16GiB",
    live: true,
  }),
};

const PAST_BOUND =
  "A longer group goes on to the viewers that have it, and its start is dropped: later viewers start with the next group.";

/** Bounds of what is published. */
const contentLimits = {
  tracks_per_broadcast: count(256, "Tracks of one broadcast that are subscribed to or cached."),
  path_bytes: count(1_024, "Bytes of a broadcast's path."),
  track_name_bytes: count(1_024, "Bytes of a track's name."),
  frame_bytes: size({ description: "Payload of one frame.", default: "16MiB", min: "1KiB", max: "1GiB" }),
  group_bytes: size({
    description: `Payload of one group up to which it is kept. ${PAST_BOUND}`,
    default: "64MiB",
    min: "1KiB",
    max: "16GiB",
  }),
  frames_per_group: count(65_536, `Frames of one group up to which it is kept. ${PAST_BOUND}`),
  groups_per_track: count(4_096, "Groups of one track that the cache keeps."),
};

/** Waits and the links below the sessions. */
const linkLimits = {
  subscribe_wait: duration({
    description:
      "How long a subscription waits for its broadcast to appear, or for a publisher that was lost to come back. `0s` refuses at once.",
    default: "10s",
    min: "0s",
    max: "10m",
  }),
  track_linger: duration({
    description:
      "How long live media stays subscribed upstream after its last viewer left. A track to which nothing comes meanwhile, such as a catalog that was written once, stays subscribed for as long as it is quiet and its publisher is there: at most 16 for each publisher, and only while other requests to it need no room.",
    default: "2s",
    min: "0s",
    max: "10m",
  }),
  request_timeout: duration({
    description:
      "How long a publisher may take to answer a request (TRACK, FETCH, or SUBSCRIBE where TRACK does not exist) before it is given up with `timeout`; twice that between relays.",
    default: "10s",
    min: "100ms",
    max: "10m",
    live: true,
  }),
  header_timeout: duration({
    description: "How long a stream may take to complete its first message before it is reset.",
    default: "10s",
    min: "100ms",
    max: "10m",
    live: true,
  }),
  handshake_timeout: duration({
    description: "How long a connection may take until its session is established.",
    default: "10s",
    min: "100ms",
    max: "10m",
    live: true,
  }),
  idle_timeout: duration({
    description: "A session whose peer has sent nothing at all for this long has ended.",
    default: "30s",
    min: "1s",
    max: "1h",
  }),
  keep_alive: duration({
    description: "Interval of the probes that keep a quiet session open.",
    default: "5s",
    min: "100ms",
    max: "1h",
  }),
  uni_streams: count(256, "Unidirectional streams (groups) that a peer may have open at once."),
  bidi_streams: count(
    256,
    "Bidirectional streams (requests) that a peer may have open at once. Relays of the mesh are allowed more as they use them.",
  ),
};

export const limitsSection = section(
  "limits",
  "Bounds. At each of them something is refused with a code and counted, and nobody else loses anything.",
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
