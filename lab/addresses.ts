import { TRACK } from "./broadcasting.ts";
import type { MeshWorkspace } from "./workspace.ts";

/** The broadcast that the page publishes and watches; the mesh's own one has frames of noise. */
const NAME = "live/me.hang";

/** The address and role of a relay. */
interface At {
  readonly place: { readonly role: string };
  /** The URL that relays dial. */
  readonly url: string;
}

/** The addresses for watching and publishing, one per line, with tokens, which are valid for this run only. */
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
    "List what is live there, and fetch a group of it:",
    `npx moqmesh ls "${watch.href}"`,
    `npx moqmesh fetch "${watch.href}" ${path} ${TRACK} > frame.bin`,
  ];
}

/** With `http:` a client asks the relay for its certificate's fingerprint. */
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
