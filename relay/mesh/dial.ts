import type { NodeInfo } from "../../cluster/index.ts";
import type { Clock } from "../../moq/clock.ts";
import { type Attach, type Engine, type LinkHandler, type LinkLimits, TransportError } from "../../moq/link.ts";
import { MESH_PROTOCOLS, type Session } from "../../moq/session/index.ts";
import type { MeshCredentials } from "./credentials.ts";
import type { Renewal } from "./renewal.ts";

/** Path of the control session that a relay keeps to a root. */
export const CONTROL_PATH = ".moqmesh";

/** Milliseconds until a dial has failed: three round trips around the world, and a slow start. */
const DIAL_TIMEOUT_MS = 3_000;

/** Streams that a relay may have open towards us: a group each of many tracks. */
const MESH_UNI_STREAMS = 4_096;
const MESH_BIDI_STREAMS = 256;

export interface MeshDialDeps {
  readonly clock: Clock;
  readonly credentials: MeshCredentials;
  readonly self: NodeInfo;
  /** For `https:` and `moql:`. */
  readonly quic: Engine;
  /** For `wss:` and `ws:`. */
  readonly websocket: Engine;
  readonly peerTimeoutMs: number;
  readonly heartbeatMs: number;
  readonly queueMark: number;
}

/** Starts a session on a link that was dialled, and gives it. */
export type SessionStart = (started: (session: Session) => void) => Attach;

/** Dials roots, relays of the mesh, and relays outside. Each call rejects with {@link TransportError}. */
export class MeshDialler {
  readonly #deps: MeshDialDeps;

  constructor(deps: MeshDialDeps) {
    this.#deps = deps;
  }

  /** A relay of the mesh, by the address that it gave. */
  async node(
    { url, address }: Pick<NodeInfo, "url" | "address">,
    start: SessionStart,
    renewal?: Renewal,
  ): Promise<Session> {
    const { node, role } = this.#deps.self;
    const at = new URL(url);
    at.search = new URLSearchParams({ node, role }).toString();
    return await this.#known(at, start, renewal, address);
  }

  /** The control session of a root. */
  async root(url: string, start: SessionStart, renewal: Renewal): Promise<Session> {
    const at = new URL(url);
    at.pathname = `${at.pathname.replace(/\/+$/, "")}/${CONTROL_PATH}`;
    // So that a root refuses a token of another relay at once, and says so.
    at.search = new URLSearchParams({ node: this.#deps.self.node }).toString();
    return await this.#known(at, start, renewal);
  }

  /** A relay outside the mesh; its token, if it takes one, is in the URL. */
  async stranger(url: string, protocols: readonly string[], start: SessionStart): Promise<Session> {
    return await this.#dial(new URL(url), new Map(), protocols, start);
  }

  async #known(at: URL, start: SessionStart, renewal?: Renewal, address?: string): Promise<Session> {
    const token = await this.#deps.credentials.token();
    const headers = new Map<string, string>();
    // Raw QUIC has no header fields: its token travels with the path, in SETUP.
    if (token !== undefined && at.protocol === "moql:") at.searchParams.set("jwt", token);
    else if (token !== undefined) headers.set("authorization", `Bearer ${token}`);
    const session = await this.#dial(at, headers, MESH_PROTOCOLS, start, address);
    renewal?.begin(token);
    return session;
  }

  async #dial(
    url: URL,
    headers: ReadonlyMap<string, string>,
    protocols: readonly string[],
    start: SessionStart,
    address?: string,
  ): Promise<Session> {
    const { quic, websocket, credentials, peerTimeoutMs, heartbeatMs, queueMark } = this.#deps;
    const engine = url.protocol === "ws:" || url.protocol === "wss:" ? websocket : quic;
    const limits: LinkLimits = {
      uniStreams: MESH_UNI_STREAMS,
      bidiStreams: MESH_BIDI_STREAMS,
      idleTimeoutMs: peerTimeoutMs,
      keepAliveMs: heartbeatMs,
      queueMark,
    };
    let session: Session | undefined;
    const attach: Attach = (link): LinkHandler =>
      start((started) => {
        session = started;
      })(link);
    const { trust } = credentials;
    const options = { url, ...(address !== undefined && { address }), protocols, headers, trust, limits };
    await engine.dial({ ...options, timeoutMs: DIAL_TIMEOUT_MS }, attach);
    if (session === undefined) throw new TransportError("dial_failed", `no session at ${url.origin}`);
    return session;
  }
}
