import type { Engine, KeyPairPem, Trust } from "../../moq/link.ts";
import { protocols } from "../../moq/session/index.ts";
import { connectBy, DIAL_LIMITS } from "../client/index.ts";
import type { Check, Damping, Finding } from "./contract.ts";
import type { OwnSessions } from "./own-sessions.ts";

/** Milliseconds after which a result that differs from the state of the check is confirmed. */
const AGAIN_MS = 1_000;

/** Part of the time limit of a run that its dial may take; the rest is for the session and for what runs meanwhile. */
const DIAL_SHARE = 0.8;

/** One of the relay's own ports. */
export interface Plane {
  readonly code: "quic_unreachable" | "websocket_unreachable";
  /** Its name in messages, such as `UDP port 4443`. */
  readonly name: string;
  /** Without a query. */
  readonly url: URL;
  readonly engine: Engine;
  /** Trust in the certificates that the relay serves now. */
  readonly trust: () => Trust;
  /** Shown where every session needs a certificate. */
  readonly certificate?: KeyPairPem;
  /** Connections that the relay has ignored or cut so far because too many came at once. */
  readonly shed: () => number;
}

export interface SelfProbeDeps {
  readonly own: OwnSessions;
  readonly warn: (message: string, error?: unknown) => void;
  /** Milliseconds between two probes. */
  readonly everyMs: number;
  /** Milliseconds for one, and its damping: read for each probe. */
  readonly settings: () => Damping & { readonly probeTimeoutMs: number };
}

/**
 * Opens a session with the relay itself, through the system's network as a client does: handshake, certificate, set-up, and the relay's answer
 * to a request for announcements. A failure does not count while the relay cuts connections because of their rate: then a client fails as
 * well, which is no reason to send all clients away.
 */
export function selfProbe(plane: Plane, { own, warn, everyMs, settings }: SelfProbeDeps): Check {
  const { code, name, engine } = plane;
  const probe = async (): Promise<void> => {
    const dialMs = settings().probeTimeoutMs * DIAL_SHARE;
    const ticket = own.issue();
    const url = new URL(plane.url);
    url.search = ticket.query;
    try {
      const { certificate } = plane;
      const options = {
        url,
        protocols: protocols([]),
        trust: plane.trust(),
        ...(certificate && { certificate }),
        limits: DIAL_LIMITS,
        timeoutMs: dialMs,
      };
      const client = await connectBy((attach) => engine.dial(options, attach), { timeoutMs: dialMs, warn });
      try {
        await client.announced("", () => {}).ready;
      } finally {
        await client.close();
      }
    } finally {
      ticket.void();
    }
  };
  const run = async (): Promise<Finding> => {
    const before = plane.shed();
    try {
      await probe();
      return undefined;
    } catch (error) {
      if (plane.shed() !== before) return undefined;
      return `a session with this relay's own ${name} fails: ${error instanceof Error ? error.message : String(error)}`;
    }
  };
  return {
    code,
    severity: "not_ready",
    damping: {
      get failures() {
        return settings().failures;
      },
      get successes() {
        return settings().successes;
      },
    },
    everyMs,
    againMs: Math.min(AGAIN_MS, everyMs),
    get timeoutMs() {
      return settings().probeTimeoutMs;
    },
    run,
  };
}
