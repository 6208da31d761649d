import { TRACK } from "./broadcasting.ts";
import type { MeshWorkspace } from "./workspace.ts";

/** Broadcast that the page publishes and watches: the mesh's own has frames of noise. */
const NAME = "live/me.hang";

/** A relay of the mesh, as far as its address goes. */
interface At {
  readonly place: { readonly role: string };
  /** As relays dial it. */
  readonly url: string;
}

/** Where a person can watch the mesh and publish to it, in lines; tokens included, for they are of this run and this machine. */
export function addressesOf(
  nodes: readonly At[],
  path: string,
  { publisherToken, viewerToken }: Pick<MeshWorkspace, "publisherToken" | "viewerToken">,
): string[] {
  const [edge] = nodes.filter(({ place }) => place.role === "edge");
  const [origin] = nodes.filter(({ place }) => place.role === "origin");
  if (edge === undefined || origin === undefined) return [];
  const watch = relayAt(edge, viewerToken);
  return [
    "In a browser on this machine, publish the test picture at the origin:",
    page(origin, { publish: "pattern", name: NAME, url: relayAt(origin, publisherToken).href }),
    "and watch it at an edge:",
    page(edge, { watch: NAME, url: watch.href }),
    "What is live there, and a frame of it:",
    `npx moqmesh ls "${watch.href}"`,
    `npx moqmesh fetch "${watch.href}" ${path} ${TRACK} > frame.bin`,
  ];
}

/** `http:` says to a client on this machine that it may ask the relay for its certificate's fingerprint. */
function relayAt({ url }: At, token: string): URL {
  const at = new URL(url.replace(/^https:/, "http:"));
  at.searchParams.set("jwt", token);
  return at;
}

function page({ url }: At, parameters: Record<string, string>): string {
  const at = new URL(url.replace(/^https:/, "http:"));
  at.search = new URLSearchParams(parameters).toString();
  return at.href;
}
