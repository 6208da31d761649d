/** The N-API functions of the native engine, called in ways that its adapter never calls them. */
import assert from "node:assert/strict";
import { randomBytes } from "node:crypto";
import { describe, test } from "node:test";
import fc from "fast-check";
import type { Native } from "../../transport/native/addon.ts";
import { testCertificate } from "../support/certificate.ts";
import { missingEngine } from "../support/engines.ts";
import { until } from "../support/until.ts";
import { LIMITS } from "../transport/fixtures.ts";
import { bareEngine } from "./support/bare.ts";
import { dialTo, meeting, startEngine } from "./support/pair.ts";

const CALLS = [
  "poll",
  "flush",
  "openUni",
  "openBidi",
  "write",
  "writeMany",
  "finish",
  "finishMany",
  "reset",
  "resetMany",
  "stop",
  "setPriority",
  "sendDatagram",
  "maxDatagram",
  "stats",
  "listen",
  "dial",
  "setCertificates",
  "setResetKey",
  "stopAccepting",
  "closeListener",
  "accept",
  "reject",
  "closeLink",
] as const satisfies readonly (keyof Native)[];

/** Small numbers are more likely to be the id of something. */
const NUMBER = fc.oneof(
  fc.nat(4),
  fc.constantFrom(2 ** 20, 2 ** 20 + 1, 2 ** 32 - 1, 2 ** 31),
  fc.double(),
  fc.integer(),
);

const ARGUMENT = fc.oneof(
  { weight: 4, arbitrary: NUMBER },
  { weight: 2, arbitrary: fc.uint8Array({ maxLength: 2_000 }) },
  { weight: 2, arbitrary: fc.array(fc.nat(4), { maxLength: 20 }).map((ids) => Uint32Array.from(ids)) },
  { weight: 1, arbitrary: fc.constantFrom(undefined, null, "text", true, {}, [], new Float64Array(3), 7n, () => {}) },
  {
    weight: 1,
    arbitrary: fc.record({ host: fc.string(), port: NUMBER, url: fc.webUrl(), protocols: fc.array(fc.string()) }),
  },
);

async function listening() {
  const certificate = { name: "", ...(await testCertificate()) };
  const protocols = ["moq-lite-05"];
  return {
    certificate,
    settings: { host: "127.0.0.1", port: 0, protocols, certificates: [certificate], limits: LIMITS },
  };
}

describe("the engine's N-API functions", { skip: missingEngine() }, () => {
  test("survive any call with any arguments, and work afterwards", async (t) => {
    const native = bareEngine();
    t.after(() => native.stopEngine());
    const { settings } = await listening();
    const bound = native.listen(settings);
    const engine = await startEngine();
    const methods = new Map<string, unknown>(Object.entries(native));
    fc.assert(
      fc.property(fc.constantFrom(...CALLS), fc.array(ARGUMENT, { maxLength: 4 }), (name, args) => {
        const method = methods.get(name);
        assert.ok(typeof method === "function");
        // The listener that is used below stays.
        if ((name === "closeListener" || name === "stopAccepting" || name === "setCertificates") && args[0] === 1)
          return;
        try {
          Reflect.apply(method, native, args);
        } catch (error) {
          assert.ok(error instanceof Error, String(error));
          assert.doesNotMatch(error.message, /panic/);
        }
      }),
      { numRuns: 5_000 },
    );
    native.flush();
    const { link } = await dialTo(t, engine, bound & 0xffff);
    assert.equal(link.ended, false);
  });

  test("may be called after the engine's end", () => {
    const native = bareEngine();
    native.stopEngine();
    assert.equal(native.openUni(1, 1), 0);
    native.write(1, new Uint8Array(10));
    native.flush();
    native.stopEngine();
  });

  test("end the sessions of a killed relay's peers at once after a restart with the same key", async (t) => {
    const resetKey = randomBytes(32);
    const { certificate, settings } = await listening();
    const crashed = bareEngine({ resetKey });
    const port = crashed.listen(settings) & 0xffff;
    const engine = await startEngine();
    const { link, events } = await dialTo(t, engine, port, { limits: { idleTimeoutMs: 60_000, keepAliveMs: 100 } });
    crashed.stopEngine();
    assert.equal(link.ended, false);
    const restarted = await startEngine({ resetKey });
    await meeting(t, restarted, certificate, { port });
    const closing = await until(() => events.closing, "the end");
    assert.equal(closing.by, "error");
  });
});
