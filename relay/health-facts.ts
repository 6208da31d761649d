import { type Config, dialledNames } from "./config/index.ts";
import {
  type Check,
  certificateChecks,
  fact,
  stateFolderCheck,
  udpCheck,
  unsteady,
  withSeverity,
} from "./health/index.ts";
import type { AuthGate, Descriptors, FileWatch, ServedCertificate } from "./host/index.ts";
import type { MeshRuntime } from "./mesh/index.ts";

/** Milliseconds between two questions to an auth API that has failed. */
const RETRY_MS = 2_000;

export interface FactSources {
  /** With the live values of the last reload. */
  readonly config: () => Config;
  readonly wallNow: () => number;
  readonly gate: AuthGate;
  readonly certificate: ServedCertificate;
  readonly files: FileWatch;
  readonly descriptors: Descriptors;
  readonly mesh: MeshRuntime | undefined;
  /** `refusing`: no new sessions, because of too little memory. */
  readonly pressure: { readonly refusing: boolean };
  /** `ending`: why the cloud will end this machine. */
  readonly cloud: { readonly ending: string | undefined };
  /** Of the public port. */
  readonly port: number;
}

/** The checks of what other parts of the relay know already. */
export function factChecks(sources: FactSources): Check[] {
  const { config, wallNow, certificate, files, descriptors, mesh, pressure, cloud, port } = sources;
  return [
    ...certificateChecks({
      served: () => certificate.state,
      wallNow,
      warnDays: () => config().tls.warnDays,
      names: [...dialledNames(config()).keys()],
    }),
    fact("certificate_needs_restart", "warning", () =>
      said(certificate.needsRestart, "the engine presents the old certificate until the relay is restarted"),
    ),
    fact("files_refused", "warning", () => {
      const { refused } = files;
      return said(refused.length > 0, `${refused.join("; ")}; their last content stays in use`);
    }),
    ...authChecks(sources),
    ...(mesh === undefined ? [] : meshChecks(mesh, config)),
    fact("file_descriptors", "not_ready", () =>
      said(descriptors.exhausted, "the process has hardly any file descriptor left: new TCP connections are cut"),
    ),
    fact("memory_short", "not_ready", () =>
      said(pressure.refusing, "the relay refuses new sessions, because it is short of memory"),
    ),
    ...(config().cloud.notices === "off" ? [] : [fact("machine_ending", "not_ready", () => cloud.ending)]),
    fact("file_descriptors_low", "warning", () =>
      said(descriptors.nearlyExhausted, "nine tenths of the file descriptors of the process are in use"),
    ),
    udpCheck(port),
    stateFolderCheck(config().tls.stateDir),
  ];
}

function said(present: boolean, message: string): string | undefined {
  return present ? message : undefined;
}

function authChecks({ gate, config }: FactSources): Check[] {
  const checks = [
    fact("keys_unreadable", "not_ready", () =>
      said(gate.reasons().includes("keys_unreadable"), "the key files cannot be read: a removed key may still count"),
    ),
    fact("revocations_unreadable", "not_ready", () =>
      said(
        gate.reasons().includes("revocations_unreadable"),
        "the revocation file cannot be read: a revoked token may still count",
      ),
    ),
  ];
  // A reload may name a service that there was not at the start.
  checks.push(
    fact("keys_unavailable", "not_ready", () =>
      said(
        gate.services().keyUrl?.fresh === false,
        "no set of keys from [auth] key_url is recent enough, so every token is refused",
      ),
    ),
    withSeverity(
      fact("key_url_unreachable", "warning", () => {
        const { failure, ageMs } = gate.services().keyUrl ?? {};
        if (failure === undefined) return undefined;
        const age =
          ageMs === undefined ? "none was fetched yet" : `the last ones are ${Math.round(ageMs / 1000)} s old`;
        return `the keys at [auth] key_url cannot be fetched, ${age}: ${failure}`;
      }),
      needed(config, "key_url"),
    ),
    withSeverity(
      {
        code: "auth_api_unreachable",
        damping: { failures: 2, successes: 1 },
        everyMs: RETRY_MS,
        timeoutMs: config().auth.apiTimeoutMs + RETRY_MS,
        async run() {
          await gate.services().api?.retry();
          const failure = gate.services().api?.failure;
          return failure && `the service at [auth] api gives no valid answer, so sessions are refused: ${failure}`;
        },
      },
      needed(config, "auth_api"),
    ),
  );
  return checks;
}

/** Without a service that `[health] require` names, the relay is not ready. */
function needed(config: () => Config, service: Config["health"]["require"][number]) {
  return () => (config().health.require.includes(service) ? ("not_ready" as const) : ("warning" as const));
}

function meshChecks(mesh: MeshRuntime, config: () => Config): Check[] {
  const { root, dns } = config().cluster;
  const checks = [
    fact("node_taken", "not_ready", () =>
      said(mesh.reasons().includes("node_taken"), "another relay is registered under this relay's name"),
    ),
    unsteady("upstreams_unreachable", "warning", () => {
      const { up, down } = mesh.reach().upstreams;
      return said(
        up.length === 0 && down.length > 0,
        `no relay that this one pulls from is reached: ${down.join(", ")}`,
      );
    }),
  ];
  if (root.length > 0) {
    const roots = `of ${root.length} roots`;
    checks.push(
      fact("no_root", "not_ready", () =>
        said(mesh.reasons().includes("no_root"), `none ${roots} was reached since the start`),
      ),
      unsteady("roots_unreachable", "warning", () => {
        const { connected } = mesh.reach().roots;
        return said(
          connected === 0 && !mesh.reasons().includes("no_root"),
          `none ${roots} is reached now; what this relay knows stays in use`,
        );
      }),
    );
  }
  if (dns.length > 0) {
    checks.push(
      unsteady("dns_failing", "warning", () => {
        const { unresolved } = mesh.reach();
        return said(
          unresolved.length > 0,
          `no name server answers for ${unresolved.join(", ")}; the last addresses stay`,
        );
      }),
    );
  }
  if (mesh.reach().registry !== undefined) {
    const gone = unsteady("registry_unreachable", "warning", () =>
      said(mesh.reach().registry === false, "the shared registry is not reached; the last known state stays in use"),
    );
    checks.push(withSeverity(gone, needed(config, "registry")));
  }
  return checks;
}
