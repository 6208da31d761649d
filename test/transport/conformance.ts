/**
 * The conformance suite of the transport contract. Every engine runs it: the simulated network with a clock turned by
 * hand, the others over real sockets in real time.
 */
import { after, before, describe } from "node:test";
import { backpressure } from "./conformance/backpressure.ts";
import { connections } from "./conformance/connections.ts";
import { endings } from "./conformance/endings.ts";
import { fanOut } from "./conformance/fan-out.ts";
import { Bench, type Harness } from "./conformance/harness.ts";
import { manyStreams } from "./conformance/many-streams.ts";
import { passing } from "./conformance/passing.ts";
import { streams } from "./conformance/streams.ts";

export type { Harness, Supports } from "./conformance/harness.ts";

/** Registers the suite for the engine called `name`. */
export function conformance(name: string, harness: Harness): void {
  describe(`the transport contract on ${name}`, () => {
    const bench = new Bench(harness);
    before(() => bench.start());
    after(() => harness.stop?.());
    for (const part of [connections, streams, backpressure, fanOut, passing, endings, manyStreams]) part(bench);
  });
}
