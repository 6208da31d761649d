/**
 * The engine `fails-components`: the npm package `@fails-components/webtransport`, for platforms and versions of Node that the
 * other engines do not run on. Over HTTP/3 where its addon is installed; its HTTP/2 server is for tests of the adapter,
 * because a relay's TCP port is taken by HTTP and WebSocket already.
 *
 * The package offers W3C streams, which cost a promise per chunk. What it cannot do:
 *
 * - Stream codes are 0 to 255; larger ones are cut to 255.
 * - The peer's stream limit is not told. Streams beyond it wait; `openUni` and `openBidi` return nothing while 64 of the kind
 *   wait, and `capacity` follows when half of them were opened.
 * - Over HTTP/3 the certificate is read once: `setCertificate` returns false there.
 * - A dial trusts the system's roots or hashes, and over HTTP/2 sends no headers of its own.
 * - A silent peer is noticed by the package or by TCP; `LinkLimits.idleTimeoutMs` and `keepAliveMs` are not applied.
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

/** Rejects with {@link TransportError} `engine_unavailable` and the command that helps. */
export async function createFailsComponents(
  deps: EngineDeps,
  { http2 = false, load }: FailsComponentsOptions = {},
): Promise<Engine> {
  const lib = await loadPackage(!http2, load);
  const engine: Engine = {
    name: "fails-components",
    dialsAddresses: false,
    trustsRoots: false,
    fanOut: () => new JsFanOut(),
    listen: (options, onRequest) => listen(parts, options, onRequest),
    dial: (options, attach) => dial(parts, options, attach),
  };
  const parts: EngineParts = { lib, http3: !http2, engine, deps };
  return engine;
}
