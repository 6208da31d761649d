import { test } from "node:test";
import { createNative } from "../../transport/native/index.ts";
import { missingEngine } from "../support/engines.ts";
import { conformance } from "./conformance.ts";
import { overTls } from "./real-harness.ts";

const harness = overTls({
  supports: {
    datagrams: true,
    priority: true,
    streamLimits: true,
    passes: true,
    pauses: true,
    reject: true,
    stopAccepting: true,
    headers: true,
    certificateSwap: true,
    vanish: "shown in engine tests, through a network that goes dark",
  },
  make: (deps) => createNative(deps, { threads: 2, socketBuffer: 64 * 1024 }),
  // One case has a handler that throws.
  warnings: ["native: a handler failed; its link is closed"],
});

const missing = missingEngine();
if (missing === false) conformance("native", harness);
else test("the transport contract on native", { skip: missing }, () => {});
