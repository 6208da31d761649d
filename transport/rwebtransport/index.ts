/**
 * The engine `rwebtransport`: quiche behind the npm package of that name, for Linux x64 and arm64 without building.
 *
 * The adapter drives the package's native addon directly: its events and commands are what the contract asks for,
 * and W3C streams on top of them cost a promise per chunk and tell nothing of what is queued. What the addon cannot do:
 *
 * - It answers 200 before the program sees the request: `reject` closes the session with the status as code, and
 *   so a rejected dial resolves and its link ends with that code.
 * - Stream limits are 256 of each kind, and `LinkLimits.uniStreams` and `bidiStreams` are not applied.
 * - The peer's stream limit is not told. Streams beyond it are held; `openUni` and `openBidi` return nothing while 64 of
 *   the kind are held, and `capacity` follows when half of them have passed.
 * - STOP_SENDING is noticed with the next write; idle streams are asked for it after a second or two, then less often.
 *   Its code is lost where it comes together with the end of the peer's half.
 * - A link sends STOP_SENDING for at most 128 of the peer's streams of each kind; afterwards `RecvStream.stop` only
 *   discards. On bidirectional streams it goes out 200 ms late.
 * - The FIN of a stream to which nothing was written in the same turn goes out after two round trips.
 * - The certificate is read once: `setCertificate` returns false.
 * - `stopAccepting` lets later handshakes through and closes their sessions with code 503.
 * - A dial cannot be given roots to trust, and `hashes` takes ECDSA P-256 certificates of at most 14 days only.
 * - Priorities order what waits here; up to a window of 16 KiB to 1 MiB a link that the addon holds is unordered.
 */
import type { Engine, EngineDeps } from "../../moq/link.ts";
import { JsFanOut, Turn } from "../shared/index.ts";
import { type Addon, type AddonHost, loadAddon, thisHost } from "./addon.ts";
import { dial } from "./dial.ts";
import { listen } from "./listener.ts";

export type { AddonHost } from "./addon.ts";

/**
 * Loads the addon and makes the engine. Rejects with {@link TransportError} `engine_unavailable` and the command that
 * helps. `host` is for tests.
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
    fanOut: () => new JsFanOut(),
    listen: (options, onRequest) => listen({ addon, engine, turn, deps }, options, onRequest),
    dial: (options, attach) => dial({ addon, engine, turn, deps }, options, attach),
  };
  return engine;
}
