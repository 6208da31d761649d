/**
 * The engine `rwebtransport`: quiche behind the npm package of that name, prebuilt for Linux x64 and arm64.
 *
 * The adapter uses the package's native addon directly. Its events and commands fit the contract, while the W3C streams
 * on top of them cost a promise per chunk and do not report queued bytes. What the addon cannot do:
 *
 * - It answers 200 before the program gets the request. `reject` closes the session with the status as code, so a
 *   rejected dial resolves, and its link ends with that code.
 * - Stream limits are 256 of each kind; `LinkLimits.uniStreams` and `bidiStreams` have no effect.
 * - It does not report the peer's stream limit. Streams beyond it wait. While 64 streams of a kind wait, `openUni` and
 *   `openBidi` return nothing; `capacity` follows when half of them are open.
 * - It reports STOP_SENDING only with the next write. The adapter probes idle streams after a second or two, then less
 *   often. The code of a STOP_SENDING is lost if it arrives together with the end of the peer's half.
 * - A link sends STOP_SENDING for at most 128 of the peer's streams of each kind; afterwards `RecvStream.stop` only
 *   discards. On bidirectional streams it is sent 200 ms late.
 * - The FIN of a stream without a write in the same turn is sent after two round trips.
 * - It reads the certificate once: `setCertificate` returns false.
 * - `stopAccepting` lets later handshakes through and closes their sessions with code 503.
 * - A dial cannot trust given roots, and `hashes` accepts only ECDSA P-256 certificates of at most 14 days.
 * - Priorities order the bytes that wait in the adapter. The addon holds a window of 16 KiB to 1 MiB a link without an
 *   order.
 */
import type { Engine, EngineDeps } from "../../moq/link.ts";
import { JsFanOut, Turn } from "../shared/index.ts";
import { type Addon, type AddonHost, loadAddon, thisHost } from "./addon.ts";
import { dial } from "./dial.ts";
import { listen } from "./listener.ts";

export type { AddonHost } from "./addon.ts";

/**
 * Loads the addon and makes the engine. Rejects with {@link TransportError} `engine_unavailable` and the command that
 * solves it. `host` is for tests.
 */
export async function createRwebtransport(deps: EngineDeps, host: AddonHost = thisHost): Promise<Engine> {
  return engineOf(loadAddon(host), deps);
}

function engineOf(addon: Addon, deps: EngineDeps): Engine {
  const turn = new Turn(queueMicrotask);
  const engine: Engine = {
    name: "rwebtransport",
    dialsAddresses: false,
    trustsRoots: false,
    clientCertificates: false,
    fanOut: () => new JsFanOut(),
    listen: (options, onRequest) => listen({ addon, engine, turn, deps }, options, onRequest),
    dial: (options, attach) => dial({ addon, engine, turn, deps }, options, attach),
  };
  return engine;
}
