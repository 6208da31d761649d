/** Joins the reload to the parts of a relay: what each of them checks first, and what it uses then. */
import type { OpenedAdmin } from "./admin/index.ts";
import type { Config } from "./config/index.ts";
import type { FileWatch, Prepared, ServedCertificate } from "./host/index.ts";
import type { MeshRuntime } from "./mesh/index.ts";
import { handshakeBounds, hostBounds, logLevels, type RelayParts, slowBounds } from "./parts.ts";
import { preflight } from "./preflight/index.ts";
import { type ConfigurationSource, Reloader } from "./reload/index.ts";

export interface Reloading {
  readonly source: ConfigurationSource;
  /** The mesh is opened after the reloader, or never. */
  readonly mesh: () => MeshRuntime | undefined;
  readonly files: FileWatch;
  /** Opened after the reloader. */
  readonly certificate: () => ServedCertificate | undefined;
  /** Opened after the reloader, or never. */
  readonly admin: () => OpenedAdmin | undefined;
  /** Called with the configuration that is in use from now on. */
  readonly used: (config: Config) => void;
}

export function openReloader(
  parts: RelayParts,
  { source, mesh, files, certificate, admin, used }: Reloading,
): Reloader {
  const { clock, log, gate, webhooks } = parts;
  return new Reloader({
    clock,
    log,
    source,
    check: async (loaded) => {
      const { problems, warnings } = await preflight(loaded, { running: true });
      for (const { code, key, message, logged } of warnings) {
        if (code === "secret_readable" || !logged) log.warn({ code, key }, message);
      }
      return problems;
    },
    parts: [
      // First: of all parts only this one may fail when it is used, where an engine refuses a certificate.
      { section: "tls", prepare: async (next) => await certificate()?.prepare(next) },
      { section: "http", prepare: async (next) => await admin()?.prepare(next.http) },
      { section: "auth", prepare: async (next) => await gate.prepare(next) },
      { section: "cluster", prepare: async (next) => await mesh()?.prepare(next.cluster, next.limits) },
      { section: "webhooks", prepare: async (next) => prepared(await webhooks.prepare(next.webhooks)) },
    ],
    files: () => files.reload(),
    unsavedKeys: () =>
      gate.unsavedKeys().map(({ kid, change }) => ({
        kind: "key",
        name: kid,
        change: change === "added" ? "set" : "removed",
      })),
    used: (config) => {
      use(parts, config);
      used(config);
    },
  });
}

function prepared(use: () => void): Prepared {
  return {
    commit: () => {
      use();
      return false;
    },
    discard: () => {},
  };
}

/** The live values that need nothing from outside. */
function use(parts: RelayParts, config: Config): void {
  const { clock, levels, sampling, handshakes, host, broadcasts, slow, clusterPlane } = parts;
  // The lines about this reload still have the levels from before.
  clock.soon(() => levels.configure(logLevels(config)));
  if (sampling !== undefined) sampling.burst = config.log.burst;
  handshakes.set(handshakeBounds(config));
  broadcasts.reconfigure(config.limits, config.cache, config.policies.list);
  host.reconfigure(hostBounds(config));
  slow.configure(slowBounds(config));
  clusterPlane.allow(config.cluster.allow);
}
