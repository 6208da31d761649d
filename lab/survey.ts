import { BenchError } from "../bench/system/error.ts";
import type { Samples } from "./admin.ts";
import type { Node, NodeState } from "./node.ts";
import { upstreamsOf } from "./registry.ts";
import { waitFor } from "./wait.ts";

/** The state of a relay at one moment, from its admin listener. */
export interface NodeSurvey {
  readonly node: Node;
  readonly state: NodeState;
  /** Undefined when it does not answer. */
  readonly samples: Samples | undefined;
  /** The relays, or the publisher, that it pulls from. */
  readonly from: readonly string[];
}

/** Milliseconds within which a relay of a role has a subscription. */
const SERVING_MS = 6_000;

/** The name for the source of an origin. */
const PUBLISHER = "publisher";

/** Asks every relay at once. */
export async function survey(nodes: readonly Node[]): Promise<NodeSurvey[]> {
  return await Promise.all(
    nodes.map(async (node) => {
      const { admin } = node;
      const [samples, upstreams = []] = await Promise.all([
        admin?.metrics().catch(() => undefined),
        admin && upstreamsOf(admin).catch(() => []),
      ]);
      const one = { node, state: node.state, samples, from: upstreams };
      const first = node.place.role === "origin" && upstreams.length === 0 && sample(one, "tracks") > 0;
      return first ? { ...one, from: [PUBLISHER] } : one;
    }),
  );
}

/** The value of one of our metrics, named without its prefix; 0 if unknown. */
export function sample({ samples }: NodeSurvey, name: string): number {
  return samples?.get(`moqmesh_${name}`) ?? 0;
}

/**
 * Upstream subscriptions per relay that pulls from another relay, and per published track (`tracks`): 1 when every relay pulls each track
 * once.
 */
export function upstreamSubscriptions(surveys: readonly NodeSurvey[], tracks: number): number {
  const served = surveys.filter(({ node }) => node.place.role !== "edge");
  const pulling = surveys.filter(
    (one) => ["edge", "regional"].includes(one.node.place.role) && sample(one, "tracks") > 0,
  );
  const subscriptions = served.reduce((sum, one) => sum + sample(one, "subscriptions"), 0);
  return pulling.length === 0 ? 0 : subscriptions / (pulling.length * tracks);
}

/** The relay of that role with the most subscriptions; undefined when none has any. */
export function busiest(surveys: readonly NodeSurvey[], role: string): Node | undefined {
  const [first] = surveys
    .filter((one) => one.node.place.role === role && sample(one, "subscriptions") > 0)
    .sort((a, b) => sample(b, "subscriptions") - sample(a, "subscriptions"));
  return first?.node;
}

/** The relay of that role with the most subscriptions, as soon as one has any. Rejects with a {@link BenchError}. */
export async function serving(nodes: readonly Node[], role: string): Promise<Node> {
  const node = await waitFor(SERVING_MS, async () => busiest(await survey(nodes), role));
  if (node === undefined) throw new BenchError(`no ${role} has a subscription`);
  return node;
}
