/** Whether this relay reaches its roots, and whether it is reached under its own URL. */

import { TransportError, type Trust } from "../../moq/link.ts";
import { MESH_PROTOCOLS, protocols } from "../../moq/session/index.ts";
import { systemClock } from "../../transport/shared/index.ts";
import { askHttp, connectBy, DIAL_LIMITS, ownTrust, sharedEngine } from "../client/index.ts";
import type { Config } from "../config/index.ts";
import { type MeshCredentials, meshCredentials, meshDial } from "../mesh/index.ts";
import { offsetFinding } from "./clock.ts";
import type { Finding } from "./contract.ts";

/** Milliseconds for a session. */
const DIAL_MS = 5_000;

/** Longest answer of a root that is read for its date, in bytes. */
const MAX_ANSWER = 65_536;

/** Statuses with which a relay refuses a client that it has understood. */
const REFUSED: readonly (number | undefined)[] = [401, 403, 404, 429, 503];

/** A session with each root, with the credentials of this relay; and the clock of the first one that answers over TCP. */
export async function examineRoots(config: Config, wallNow: () => number): Promise<Finding[]> {
  const { cluster } = config;
  if (cluster.node === undefined || cluster.root.length === 0) return [];
  let credentials: MeshCredentials;
  try {
    credentials = await meshCredentials(cluster, wallNow);
  } catch (error) {
    const text = `not tried: ${messageOf(error)}`;
    return [{ code: "root_reachable", status: "skipped", subject: "roots", text }];
  }
  const sessions = await Promise.all(cluster.root.map((root) => examineRoot(root, config, credentials)));
  return [...sessions, ...(await rootClock(cluster.root, credentials.trust, wallNow))];
}

async function examineRoot(root: string, { limits }: Config, credentials: MeshCredentials): Promise<Finding> {
  const common = { code: "root_reachable", subject: new URL(root).origin } as const;
  const remedy =
    "start the root, or correct [cluster] root, `ca` or the token; UDP must pass the firewalls between them";
  const from = performance.now();
  try {
    const dial = meshDial({
      clock: systemClock,
      credentials,
      quic: await sharedEngine(new URL("https://root.invalid")),
      websocket: await sharedEngine(new URL("wss://root.invalid")),
      peerTimeoutMs: DIAL_LIMITS.idleTimeoutMs,
      heartbeatMs: DIAL_LIMITS.keepAliveMs,
      queueMark: limits.sessionQueueMark,
    });
    const client = await connectBy(
      (attach) => dial({ url: new URL(root), address: undefined, protocols: MESH_PROTOCOLS, member: true }, attach),
      {
        timeoutMs: DIAL_MS,
      },
    );
    const { protocol } = client;
    await client.close();
    const took = Math.round(performance.now() - from);
    return { ...common, status: "ok", text: `a session in ${took} ms (${protocol})` };
  } catch (error) {
    return { ...common, status: "fail", text: `no session: ${messageOf(error)}`, remedy };
  }
}

/** The clock of a root, by the date in the header of any answer. */
async function rootClock(roots: readonly string[], trust: Trust, wallNow: () => number): Promise<Finding[]> {
  for (const root of roots) {
    const at = new URL("/", new URL(root).origin.replace(/^(wss|moqt|moql):/, "https:").replace(/^ws:/, "http:"));
    if (!["https:", "http:"].includes(at.protocol)) continue;
    try {
      const before = wallNow();
      const { headers } = await askHttp(at, { trust, timeoutMs: DIAL_MS, maxBytes: MAX_ANSWER });
      const date = Date.parse(headers.date ?? "");
      if (Number.isNaN(date)) continue;
      // The date is cut to whole seconds.
      return [offsetFinding(date + 500 - (before + wallNow()) / 2, `the root ${at.host}`, false)];
    } catch {
      // The session with it says what is wrong.
    }
  }
  return [];
}

/** A session with the relay itself under its own URL, over UDP and TCP. A refusal is an answer as well. */
export async function examineSelf(config: Config): Promise<Finding[]> {
  const { cluster, server, tls } = config;
  const given = cluster.publicUrl ?? cluster.url;
  if (given === undefined && server.port === 0) return [];
  const url = new URL(given ?? `https://${loopbackOf(server.host)}:${server.port}/`);
  const trust = (await ownTrust(tls.cert, tls.stateDir)) ?? { kind: "system" as const };
  const hint =
    "open the port in the firewall of this machine and of the network; behind a NAT that does not lead back, try `moqmesh ping` from another machine";
  const planes = [
    { code: "self_udp" as const, name: "UDP", scheme: "https:" },
    ...(server.websocket ? [{ code: "self_tcp" as const, name: "TCP", scheme: "wss:" }] : []),
  ];
  return await Promise.all(
    planes.map(async ({ code, name, scheme }): Promise<Finding> => {
      const at = new URL(`${scheme}//${url.host}/`);
      const common = { code, subject: `${name} ${url.host}` };
      const fault = await reachFault(at, trust);
      if (fault === undefined) return { ...common, status: "ok", text: "the relay answers" };
      const own = fault.includes("fingerprint") || fault.includes("certificate");
      const text = own ? `another program answers, or an old certificate: ${fault}` : `no answer: ${fault}`;
      return { ...common, status: "fail", text, remedy: hint };
    }),
  );
}

/** Why nothing answers; undefined for a session or a refusal. */
async function reachFault(url: URL, trust: Trust): Promise<string | undefined> {
  try {
    const engine = await sharedEngine(url);
    const asked = { url, protocols: protocols([]), trust, limits: DIAL_LIMITS, timeoutMs: DIAL_MS };
    const client = await connectBy((attach) => engine.dial(asked, attach), { timeoutMs: DIAL_MS });
    await client.close();
    return undefined;
  } catch (error) {
    return error instanceof TransportError && REFUSED.includes(error.status) ? undefined : messageOf(error);
  }
}

function loopbackOf(host: string): string {
  if (host === "::" || host === "0.0.0.0") return "127.0.0.1";
  return host.includes(":") ? `[${host}]` : host;
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
