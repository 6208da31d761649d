import { z } from "zod";
import type { Admin } from "./admin.ts";

/** Where a relay tells what it knows of the mesh. */
const PATH = "/cluster";

/** What is needed of a root's answer. */
const REGISTRY = z.object({
  /** `present`: it is connected; a relay that was lost is remembered for a while. */
  nodes: z.array(z.object({ node: z.string(), present: z.boolean() })),
  broadcasts: z.array(z.object({ path: z.string() })),
});

/** What is needed of any relay's. */
const UPSTREAMS = z.object({ upstreams: z.array(z.object({ node: z.string() })) });

/** Names of the relays that are connected to a root, and paths of the broadcasts that it knows. */
export interface Registry {
  readonly nodes: readonly string[];
  readonly broadcasts: readonly string[];
}

/** Nothing while the root cannot be asked. */
export async function registryOf({ admin }: { readonly admin: Admin | undefined }): Promise<Registry | undefined> {
  const parsed = REGISTRY.safeParse(await admin?.json(PATH));
  if (!parsed.success) return undefined;
  return {
    nodes: parsed.data.nodes.filter(({ present }) => present).map(({ node }) => node),
    broadcasts: parsed.data.broadcasts.map(({ path }) => path),
  };
}

/** Names of the relays that a relay has subscriptions at; none where it does not tell. */
export async function upstreamsOf(admin: Admin): Promise<readonly string[]> {
  const parsed = UPSTREAMS.safeParse(await admin.json(PATH));
  return parsed.success ? [...new Set(parsed.data.upstreams.map(({ node }) => node))].sort() : [];
}
