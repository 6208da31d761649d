import { stringify } from "smol-toml";
import type { Place } from "./topology.ts";
import { type MeshWorkspace, TWIN } from "./workspace.ts";

/** Keys of the configuration by section, such as `{ cluster: { registry: "redis://…" } }`. */
export type Sections = Readonly<
  Record<string, Readonly<Record<string, string | number | boolean | readonly string[]>>>
>;

export interface NodeSettings {
  readonly place: Place;
  readonly port: number;
  /** Port that other relays dial. */
  readonly meshPort: number;
  readonly adminPort: number;
  /** URLs. */
  readonly roots: readonly string[];
  /** Relays that are known without a root, in the form of `peers`. */
  readonly peers?: readonly string[];
  readonly workspace: MeshWorkspace;
  readonly engine: string;
  /** Serve the demo page. */
  readonly page?: boolean;
  /** Keys beside those that every relay of a mesh has; they replace those. */
  readonly extra?: Sections;
}

/** The certificate of a run lives 13 days: with the usual 14 days every relay would warn of its end. */
const WARN_DAYS = 7;

/** How long a draining relay waits for its sessions; clients here leave much sooner. */
const GRACE = "8s";

export function urlOf(port: number): string {
  return `https://127.0.0.1:${port}`;
}

/** The configuration of one relay, in TOML. All other keys have their defaults. */
export function configurationOf({ workspace, extra = {}, ...settings }: NodeSettings): string {
  const { place, port, meshPort, adminPort, roots, peers = [], engine, page = false } = settings;
  const sections: Sections = {
    server: { host: "127.0.0.1", port, engine },
    tls: { cert: workspace.cert, key: workspace.key, warn_days: WARN_DAYS },
    auth: { key_dir: workspace.keys },
    http: { admin_port: adminPort, page },
    log: { format: "json" },
    drain: { grace: GRACE },
    cluster: {
      node: place.name,
      role: place.role,
      region: place.region,
      ...(place.parent !== undefined && { parent_region: place.parent }),
      url: urlOf(meshPort),
      root: roots,
      peers,
      key_file: workspace.clusterKey,
      fingerprints: [workspace.fingerprint],
      redundant: [TWIN],
    },
  };
  const merged = Object.entries(extra).map(([name, keys]) => [name, { ...sections[name], ...keys }]);
  return stringify({ ...sections, ...Object.fromEntries(merged) });
}
