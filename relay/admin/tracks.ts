import * as z from "zod";
import { PROTECTION_TEXTS, PROTECTIONS, type Protection } from "../../cluster/index.ts";
import type { Broadcast, Broadcasts, Source, TrackView, ViewerView } from "../../moq/model/index.ts";
import type { OpenSession, SessionHost } from "../host/index.ts";
import { ApiProblem, type Operation, operation, pageOf, pageShape, pathField } from "../http/index.ts";

/** Most viewers of one track in an answer. */
const MAX_VIEWERS = 1_000;

const row = z.object({
  broadcast: z.string(),
  track: z.string(),
  viewers: z.int().describe("Subscriptions that it has now."),
  subscribed: z.boolean().describe("The relay is subscribed to it at a publisher or another relay."),
  kept: z.boolean().describe("It stays subscribed without viewers, for its newest group."),
  cached_groups: z.int(),
  cached_bytes: z.int(),
  oldest_group: z.int().optional().describe("Of those in the cache."),
  newest_group: z.int().optional().describe("Of those in the cache."),
  newest_group_age_ms: z.number().optional().describe("Since the newest group began."),
  cache_hits: z.int().describe("Joins and fetches that the cache answered."),
  cache_misses: z.int(),
  hit_ratio: z.number().optional().describe("Absent before the first join or fetch."),
});

const viewer = z.object({
  session: z.string(),
  address: z.string(),
  groups_under_way: z.int(),
  queued_bytes: z.int().describe("Of this track."),
  lag_ms: z.number().describe("Age of the oldest group that is under way, against the newest group of the track."),
  lost_groups: z.int(),
});

const hop = z.object({
  hop: z.string().describe("Id of the relay or publisher in announcements; 0 is unknown."),
  node: z.string().optional().describe("Its name, where this relay knows it."),
  session: z
    .string()
    .optional()
    .describe(
      "Id in this relay's log of its session with the last hop; a relay that was dialled logs it as `peerSession`.",
    ),
  rtt_ms: z
    .number()
    .optional()
    .describe(
      "Round trip of the link from this hop to the next one, as the next one's engine measures it; of the last hop, to this relay. For the hops before the last, the root says what the relay there reported in the last 5 s.",
    ),
  delay_ms: z
    .number()
    .optional()
    .describe(
      "Half of `rtt_ms`: the time in the network from this hop to the next one, without queues. Absent from the publisher to its relay, which knows it.",
    ),
});

type Hop = z.output<typeof hop>;

const diagnostics = row.extend({
  viewer_list: z.array(viewer).describe(`The ${MAX_VIEWERS} viewers that lag most.`),
  upstream: z
    .array(hop)
    .describe(
      "The way of the track, from its publisher to this relay: the hops of its announcement, and last the session or the relay that this relay takes it from now. Empty without a publisher.",
    ),
  hitless: z
    .object({
      state: z.enum(PROTECTIONS),
      message: z.string(),
      second: z.string().optional().describe("The second relay that it is taken from, or that is asked for it."),
    })
    .optional()
    .describe("Of a track under `[cluster] hitless` that comes from other relays: whether one of them may fail now."),
});

type Diagnostics = z.output<typeof diagnostics>;

/** The mesh, as far as the way of a track is concerned. */
export interface MeshLinks {
  /** The name of the relay with this hop id. */
  nameOf(hop: bigint): string | undefined;
  /** Milliseconds of the round trip to a relay to which a link is open. */
  rttOf(node: string): number | undefined;
  /** The links of a relay to those that it takes media from, as a root knows them; empty where none is asked. */
  linksOf(node: string): Promise<readonly { readonly node: string; readonly rttMs?: number }[]>;
  /** The id in the log of the open link to a relay. */
  linkOf(node: string): string | undefined;
  /** The relay that a track of the source is taken from now. */
  relayOf(source: Source, track: string): string | undefined;
  /** How a track of the source is protected under a hitless prefix. */
  protectionOf(source: Source, track: string): Protection | undefined;
}

export interface TrackParts {
  readonly broadcasts: Broadcasts;
  readonly host: Pick<SessionHost, "list">;
  readonly hops: () => MeshLinks | undefined;
}

/** Tracks in use or in the cache. */
export function trackOperations(parts: TrackParts): Operation[] {
  const { broadcasts } = parts;
  return [
    operation(
      {
        method: "get",
        path: "/tracks",
        right: "read",
        tag: "tracks",
        id: "listTracks",
        summary: "Tracks that have viewers, are kept or are in the cache, by broadcast.",
        query: z.strictObject({ prefix: pathField.default("").describe("By whole segments."), ...pageShape }),
        answer: pageOf(row),
      },
      ({ query: { prefix, limit, offset } }) => {
        const items: z.output<typeof row>[] = [];
        let total = 0;
        for (const broadcast of broadcasts.list(prefix)) {
          for (const track of broadcast.list()) {
            if (total >= offset && items.length < limit) items.push(rowOf(broadcast.path, track.view()));
            total += 1;
          }
        }
        return { total, items };
      },
    ),
    operation(
      {
        method: "get",
        path: "/tracks/diagnostics",
        right: "read",
        tag: "tracks",
        id: "getTrackDiagnostics",
        summary: "One track: its groups in the cache, its viewers with their lag, and its way through the mesh.",
        query: z.strictObject({
          broadcast: pathField.describe("Path of the broadcast."),
          track: z.string().max(1_024).describe("Name of the track."),
        }),
        answer: diagnostics,
      },
      ({ query }) => diagnose(parts, query.broadcast, query.track),
    ),
  ];
}

async function diagnose(parts: TrackParts, path: string, name: string): Promise<Diagnostics> {
  const broadcast = parts.broadcasts.broadcast(path);
  if (broadcast === undefined) throw new ApiProblem(404, "no_such_broadcast", "this relay knows no such broadcast");
  // A peer that publishes the track itself may have one of its own beside that of all others: the one with most viewers is shown.
  const [track] = [...broadcast.list()]
    .filter((one) => one.name === name)
    .map((one) => ({ view: one.view(), viewers: () => one.viewers() }))
    .toSorted((a, b) => b.view.viewers - a.view.viewers);
  if (track === undefined)
    throw new ApiProblem(404, "no_such_track", "this relay has no such track of the broadcast in use");
  const viewers = [...track.viewers()].toSorted((a, b) => b.lagMs - a.lagMs || b.lost - a.lost);
  return {
    ...rowOf(path, track.view),
    viewer_list: viewers.slice(0, MAX_VIEWERS).map(viewerOf),
    upstream: await withDelays(wayOf(parts, broadcast, track.view), parts.hops()),
    ...hitlessOf(parts.hops(), track.view),
  };
}

function hitlessOf(mesh: MeshLinks | undefined, { source, track }: TrackView): Pick<Diagnostics, "hitless"> {
  const protection = source === undefined ? undefined : mesh?.protectionOf(source, track);
  if (protection === undefined) return {};
  const { state, relay } = protection;
  return { hitless: { state, message: PROTECTION_TEXTS[state], ...(relay !== undefined && { second: relay }) } };
}

function rowOf(broadcast: string, view: TrackView): z.output<typeof row> {
  const { hits, misses, oldest, newest, newestAgeMs } = view;
  return {
    broadcast,
    track: view.track,
    viewers: view.viewers,
    subscribed: view.subscribed,
    kept: view.kept,
    cached_groups: view.cachedGroups,
    cached_bytes: view.cachedBytes,
    ...(oldest !== undefined && { oldest_group: oldest }),
    ...(newest !== undefined && { newest_group: newest }),
    ...(newestAgeMs !== undefined && { newest_group_age_ms: newestAgeMs }),
    cache_hits: hits,
    cache_misses: misses,
    ...(hits + misses > 0 && { hit_ratio: hits / (hits + misses) }),
  };
}

function viewerOf({ who, groups, queuedBytes, lagMs, lost }: ViewerView): z.output<typeof viewer> {
  return {
    session: who?.session ?? "",
    address: who?.peer ?? "",
    groups_under_way: groups,
    queued_bytes: queuedBytes,
    lag_ms: lagMs,
    lost_groups: lost,
  };
}

/** The announcement names the way to the relay that has the publisher; an edge may take the track from another relay, which is one hop more. */
function wayOf({ host, hops }: TrackParts, broadcast: Broadcast, view: TrackView): Hop[] {
  const route = broadcast.routes.find((one) => one.source === view.source);
  if (route === undefined) return [];
  const mesh = hops();
  const way: Hop[] = route.advertisement.hops.map((id) => {
    const node = mesh?.nameOf(id);
    return { hop: String(id), ...(node !== undefined && { node }) };
  });
  const from = mesh?.relayOf(route.source, view.track);
  if (from !== undefined && way.at(-1)?.node !== from) way.push({ hop: "0", node: from });
  const last = way.at(-1) ?? { hop: "0" };
  return [...way.slice(0, -1), { ...last, ...linkTo(last.node, sessionOf(host, route.source), mesh) }];
}

/** The way with the round trips of the links between other relays, where a root knows them. */
async function withDelays(way: readonly Hop[], mesh: MeshLinks | undefined): Promise<Hop[]> {
  return await Promise.all(
    way.map(async (one, at) => {
      const next = way[at + 1]?.node;
      if (mesh === undefined || one.node === undefined || next === undefined) return one;
      const link = (await mesh.linksOf(next)).find(({ node }) => node === one.node);
      return { ...one, ...delayOf(link?.rttMs) };
    }),
  );
}

function delayOf(rtt: number | undefined): Pick<Hop, "rtt_ms" | "delay_ms"> {
  return rtt === undefined ? {} : { rtt_ms: rtt, delay_ms: rtt / 2 };
}

function linkTo(node: string | undefined, open: OpenSession | undefined, mesh: MeshLinks | undefined) {
  const rtt = open?.session.figures().rttMs ?? (node === undefined ? undefined : mesh?.rttOf(node));
  const session = open?.opened.session ?? (node === undefined ? undefined : mesh?.linkOf(node));
  return { ...(session !== undefined && { session }), ...delayOf(rtt) };
}

function sessionOf(host: Pick<SessionHost, "list">, source: Source): OpenSession | undefined {
  for (const one of host.list()) if (one.session.source === source) return one;
  return undefined;
}
