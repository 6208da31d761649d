/** The package as a library: `import { start, connect } from "moqmesh"`. docs/embed.md is its page. */
import { type ConnectOptions, MoqmeshError, type Relay, type Session, type StartOptions } from "./contract.ts";

export type { RelayConfig } from "./config-values.ts";
export {
  type Address,
  type Announcement,
  type Broadcast,
  type ConfigProblem,
  type ConnectOptions,
  type ErrorCode,
  type FetchedGroup,
  type FetchOptions,
  type Frame,
  type Group,
  type GroupWriter,
  type Health,
  type HealthReason,
  type LogLine,
  MoqmeshError,
  type Relay,
  type Session,
  type SessionEnd,
  type StartOptions,
  type SubscribeOptions,
  type Subscription,
  type TrackOptions,
  type TrackWriter,
} from "./contract.ts";

const NEEDED_MAJOR = 24;

/**
 * Starts a relay in this process. Rejects with a {@link MoqmeshError}: `bad_config` with every problem, `bind_failed`, `bad_certificate` and
 * others. The relay installs no signal handler and never ends the process.
 */
export async function start(options: StartOptions = {}): Promise<Relay> {
  checkNode();
  const { startRelay } = await import("./relay.ts");
  return await startRelay(options);
}

/**
 * Opens a session with the relay at `url`: `https:` for WebTransport, `moqt:` or `moql:` for QUIC alone, `wss:` for WebSocket; `http:` on a
 * developer's machine, where the client first asks for the fingerprint of the certificate. The path of the URL is the root of all paths.
 * Rejects with a {@link MoqmeshError}.
 */
export async function connect(url: string | URL, options: ConnectOptions = {}): Promise<Session> {
  checkNode();
  const { openSession } = await import("./session.ts");
  return await openSession(url, options);
}

/** The rest is loaded after this, because an older Node cannot load it. */
function checkNode(): void {
  const { node } = process.versions;
  if (Number.parseInt(node, 10) >= NEEDED_MAJOR) return;
  throw new MoqmeshError("node_too_old", `moqmesh needs Node ${NEEDED_MAJOR} or newer and this is ${node}`);
}
