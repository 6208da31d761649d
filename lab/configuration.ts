import type { Place } from "./topology.ts";
import { type MeshWorkspace, TWIN } from "./workspace.ts";

export interface NodeSettings {
  readonly place: Place;
  readonly port: number;
  /** URLs. */
  readonly roots: readonly string[];
  /** Relays that are known without a root, in the form of `peers`. */
  readonly peers?: readonly string[];
  readonly workspace: MeshWorkspace;
  readonly engine: string;
  /** Serve the demo page. */
  readonly page?: boolean;
}

/** How long a draining relay waits for its sessions; clients here leave much sooner. */
const GRACE = "8s";

export function urlOf(port: number): string {
  return `https://127.0.0.1:${port}`;
}

/** The configuration of one relay, in TOML. All other keys have their defaults. */
export function configurationOf({
  place,
  port,
  roots,
  peers = [],
  workspace,
  engine,
  page = false,
}: NodeSettings): string {
  const text = JSON.stringify;
  return `
[server]
host = "127.0.0.1"
port = ${port}
engine = ${text(engine)}
[tls]
cert = ${text(workspace.cert)}
key = ${text(workspace.key)}
[auth]
key_dir = ${text(workspace.keys)}
[http]
admin_port = 0
page = ${page}
[log]
format = "json"
[drain]
grace = ${text(GRACE)}
[cluster]
node = ${text(place.name)}
role = ${text(place.role)}
region = ${text(place.region)}
url = ${text(urlOf(port))}
root = ${text(roots)}
peers = ${text(peers)}
key_file = ${text(workspace.clusterKey)}
fingerprints = ${text([workspace.fingerprint])}
redundant = ${text([TWIN])}
`;
}
