/**
 * The engine `fails-components`: the npm package `@fails-components/webtransport`, for platforms and versions of Node
 * that the other engines do not support. It uses HTTP/3 and needs the package's addon for that. The HTTP/2 server is
 * for tests of the adapter only: in a relay, HTTP and WebSocket have the TCP port already.
 *
 * The package offers W3C streams, which cost a promise per chunk. What it cannot do:
 *
 * - Stream codes are 0 to 255; larger ones are cut to 255.
 * - The package does not report the peer's stream limit. Streams beyond it wait. While 64 streams of a kind wait,
 *   `openUni` and `openBidi` return nothing; `capacity` follows when half of them are open.
 * - Over HTTP/3 the package reads the certificate once: `setCertificate` returns false.
 * - A dial trusts the system's roots or hashes, and over HTTP/2 sends no headers of its own.
 * - The package or TCP notices a silent peer; `LinkLimits.idleTimeoutMs` and `keepAliveMs` have no effect.
 */
import type { Engine, EngineDeps } from "../../moq/link.ts";
import { JsFanOut } from "../shared/index.ts";
import { dial } from "./dial.ts";
import { type EngineParts, listen } from "./listener.ts";
import { type Importer, loadPackage } from "./package.ts";

export interface FailsComponentsOptions {
  /** HTTP/2, for tests where the HTTP/3 addon is missing. */
  readonly http2?: boolean;
  /** Loads the package; for tests. */
  readonly load?: Importer;
}

/** Rejects with {@link TransportError} `engine_unavailable` and the command that solves it. */
export async function createFailsComponents(
  deps: EngineDeps,
  { http2 = false, load }: FailsComponentsOptions = {},
): Promise<Engine> {
  const lib = await loadPackage(!http2, load);
  const engine: Engine = {
    name: "fails-components",
    dialsAddresses: false,
    trustsRoots: false,
    clientCertificates: false,
    fanOut: () => new JsFanOut(),
    listen: (options, onRequest) => listen(parts, options, onRequest),
    dial: (options, attach) => dial(parts, options, attach),
  };
  const parts: EngineParts = { lib, http3: !http2, engine, deps };
  return engine;
}
