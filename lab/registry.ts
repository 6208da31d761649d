import * as z from "zod";
import type { Admin } from "./admin.ts";

/** Path at the admin listener that describes the mesh. */
const PATH = "/api/v1/cluster";

/** The part of a root's answer that is used here. */
const REGISTRY = z.object({
  /** `present`: it is connected; a lost relay stays in the registry until its lease expires. */
  nodes: z.array(z.object({ node: z.string(), present: z.boolean() })),
  broadcasts: z.array(z.object({ path: z.string() })),
});

/** The part of any relay's answer that is used here. */
const UPSTREAMS = z.object({ upstreams: z.array(z.object({ node: z.string() })) });

/** Names of the relays that are connected to a root, and paths of the broadcasts in its registry. */
export interface Registry {
  readonly nodes: readonly string[];
  readonly broadcasts: readonly string[];
}

/** Undefined while the root does not answer. */
export async function registryOf({ admin }: { readonly admin: Admin | undefined }): Promise<Registry | undefined> {
  const parsed = REGISTRY.safeParse(await admin?.json(PATH));
  if (!parsed.success) return undefined;
  return {
    nodes: parsed.data.nodes.filter(({ present }) => present).map(({ node }) => node),
    broadcasts: parsed.data.broadcasts.map(({ path }) => path),
  };
}

/** Names of the relays that a relay subscribes at; none if it does not answer. */
export async function upstreamsOf(admin: Admin): Promise<readonly string[]> {
  const parsed = UPSTREAMS.safeParse(await admin.json(PATH));
  return parsed.success ? [...new Set(parsed.data.upstreams.map(({ node }) => node))].sort() : [];
}
