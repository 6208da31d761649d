import type { MeshDial } from "../../cluster/index.ts";
import type { Clock } from "../../moq/clock.ts";
import { type Engine, type LinkLimits, TransportError } from "../../moq/link.ts";
import { IN_BAND } from "../../moq/session/index.ts";
import { isRawQuic } from "../../transport/shared/index.ts";
import { isPlainElsewhere } from "../config/index.ts";
import type { MeshCredentials } from "./credentials.ts";

/** Milliseconds until a dial has failed: three round trips around the world, and a slow start. */
const DIAL_TIMEOUT_MS = 3_000;

/** Streams that a relay may have open towards this one: a group each of many tracks. */
const MESH_UNI_STREAMS = 4_096;
const MESH_BIDI_STREAMS = 256;

export interface MeshDialDeps {
  readonly clock: Clock;
  readonly credentials: MeshCredentials;
  /** For `https:`, `moqt:` and `moql:`. */
  readonly quic: Engine;
  /** For `wss:` and `ws:`. */
  readonly websocket: Engine;
  readonly peerTimeoutMs: number;
  readonly heartbeatMs: number;
  readonly queueMark: number;
}

/** Dials roots, relays of the mesh, and relays outside the mesh, over the engine that the URL asks for. */
export function meshDial(deps: MeshDialDeps): MeshDial {
  const { credentials, quic, websocket } = deps;
  const limits: LinkLimits = {
    uniStreams: MESH_UNI_STREAMS,
    bidiStreams: MESH_BIDI_STREAMS,
    idleTimeoutMs: deps.peerTimeoutMs,
    keepAliveMs: deps.heartbeatMs,
    queueMark: deps.queueMark,
  };
  return async ({ url: asked, address, protocols, member }, attach) => {
    const url = new URL(asked);
    if (isPlainElsewhere(url.href, address)) {
      throw new TransportError(
        "unsupported_url",
        `${url.protocol} has no TLS, so it is for relays of this machine only`,
      );
    }
    const headers = new Map<string, string>();
    const token = member ? await credentials.token() : undefined;
    // Raw QUIC has no header fields: its token travels with the path, in SETUP.
    if (token !== undefined && isRawQuic(url)) url.searchParams.set("jwt", token);
    else if (token !== undefined) headers.set("authorization", `Bearer ${token}`);
    const engine = url.protocol === "ws:" || url.protocol === "wss:" ? websocket : quic;
    const { trust, certificate } = credentials;
    const options = {
      url,
      ...(address !== undefined && { address }),
      protocols,
      ...(protocols.includes(IN_BAND) && { unanswered: IN_BAND }),
      headers,
      trust,
      ...(member && certificate !== undefined && { certificate }),
      limits,
    };
    await engine.dial({ ...options, timeoutMs: DIAL_TIMEOUT_MS }, attach);
    return { expiresAt: member ? credentials.expiry(token) : undefined };
  };
}
