import assert from "node:assert/strict";
import { test } from "node:test";
import { setTimeout } from "node:timers/promises";
import { systemClock } from "../../relay/transport/clock.ts";
import type { Engine, PeerAddress, Trust } from "../../relay/transport/contract.ts";
import { createNative } from "../../relay/transport/native/index.ts";
import { missingEngine } from "../engine/support/available.ts";
import { type TestCertificate, testCertificate } from "../support/certificate.ts";
import { conformance, type Harness } from "./conformance.ts";

/** Milliseconds that a case waits for one thing, and between two looks. */
const PATIENCE_MS = 20_000;
const LOOK_MS = 2;

const late = (what: string): Error => new Error(`${what}: not within ${PATIENCE_MS} ms`);

/** Real sockets in real time; both ends are one engine. */
class RealHarness implements Harness {
  readonly supports = {
    datagrams: true,
    priority: true,
    streamLimits: true,
    promptStop: true,
    reject: true,
    stopAccepting: true,
    headers: true,
    certificateSwap: true,
    vanish: "shown in engine tests, through a network that goes dark",
  } as const;
  readonly maxCode = 2 ** 32 - 1;
  readonly host = "127.0.0.1";
  readonly warnings: string[] = [];
  readonly scheme: string;
  #certificate: TestCertificate | undefined;
  #other: TestCertificate | undefined;

  constructor(scheme: string) {
    this.scheme = scheme;
  }

  async start(): Promise<{ client: Engine; server: Engine }> {
    this.#certificate = await testCertificate();
    this.#other = await testCertificate();
    const engine = await createNative(
      { clock: systemClock, warn: (message) => this.warnings.push(message) },
      { threads: 2, socketBuffer: 64 * 1024 },
    );
    return { client: engine, server: engine };
  }

  /** One case has a handler that throws, and that is said. */
  async stop(): Promise<void> {
    assert.deepEqual(this.warnings, ["native: a handler failed, its link is closed"]);
  }

  certificate(): TestCertificate {
    assert.ok(this.#certificate);
    return this.#certificate;
  }

  trust(): Trust {
    return { kind: "hashes", sha256: [this.certificate().sha256] };
  }

  otherCertificate(): { certificate: TestCertificate; trust: Trust } {
    assert.ok(this.#other);
    return { certificate: this.#other, trust: { kind: "hashes", sha256: [this.#other.sha256] } };
  }

  url(address: PeerAddress, target: string): URL {
    return new URL(`${this.scheme}://${address.address}:${address.port}${target}`);
  }

  async until<T extends object | true>(what: string, look: () => T | false | undefined): Promise<T> {
    const end = performance.now() + PATIENCE_MS;
    for (;;) {
      const seen = look();
      if (seen !== undefined && seen !== false) return seen;
      if (performance.now() > end) throw late(what);
      await setTimeout(LOOK_MS);
    }
  }

  async settled<T>(promise: Promise<T>): Promise<T> {
    const stop = new AbortController();
    const timeout = setTimeout(PATIENCE_MS, undefined, { signal: stop.signal }).then(() => {
      throw late("a promise");
    });
    // Aborted when the promise wins.
    timeout.catch(() => {});
    try {
      return await Promise.race([promise, timeout]);
    } finally {
      stop.abort();
    }
  }

  async pass(ms: number): Promise<void> {
    await setTimeout(ms);
  }
}

const missing = missingEngine();
if (missing === undefined) conformance("native", new RealHarness("https"));
else test("the transport contract on native", { skip: missing }, () => {});
