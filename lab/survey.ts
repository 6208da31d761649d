import type { Samples } from "./admin.ts";
import type { Node, NodeState } from "./node.ts";
import { upstreamsOf } from "./registry.ts";

/** A relay at one moment, as its admin listener tells of it. */
export interface NodeSurvey {
  readonly node: Node;
  readonly state: NodeState;
  /** Nothing where it cannot be asked, or does not answer. */
  readonly samples: Samples | undefined;
  /** Relays, or the publisher, that it takes what it serves from. */
  readonly from: readonly string[];
}

/** Whom an origin takes from, in a word. */
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

/** Of a metric of ours, its prefix left out; 0 where it is not known. */
export function sample({ samples }: NodeSurvey, name: string): number {
  return samples?.get(`moqmesh_${name}`) ?? 0;
}

/**
 * Subscriptions that relays have at other relays, for each of those that take the track from another: 1 when every relay
 * pulls it once. `tracks` of them are published.
 */
export function upstreamSubscriptions(surveys: readonly NodeSurvey[], tracks: number): number {
  const served = surveys.filter(({ node }) => node.place.role !== "edge");
  const pulling = surveys.filter(
    (one) => ["edge", "regional"].includes(one.node.place.role) && sample(one, "tracks") > 0,
  );
  const subscriptions = served.reduce((sum, one) => sum + sample(one, "subscriptions"), 0);
  return pulling.length === 0 ? 0 : subscriptions / (pulling.length * tracks);
}

/** The relay of that role that serves most; nothing when none does. */
export function busiest(surveys: readonly NodeSurvey[], role: string): Node | undefined {
  const [first] = surveys
    .filter((one) => one.node.place.role === role && sample(one, "subscriptions") > 0)
    .sort((a, b) => sample(b, "subscriptions") - sample(a, "subscriptions"));
  return first?.node;
}
