import assert from "node:assert/strict";
import { describe, it, type TestContext } from "node:test";
import type { TestPublisher, TestViewer } from "../../lab/sim/client.ts";
import { write } from "../../lab/sim/client.ts";
import { patient } from "../../scripts/suite/patience.ts";
import { dialling, openClient } from "../support/client.ts";
import { missingEngine } from "../support/engines.ts";
import { TestRelay } from "../support/relay.ts";
import { until } from "../support/until.ts";

const FRAMES = 40;
const GROUPS = 2;

/** Frames that fit into a packet, that do not, and empty ones. */
const SIZES = [1_200, 17, 0, 40_000, 300];

/** What each viewer gets of a publisher in `publishedIn`; the engine passes on to those of `passed`. */
const CASES = [
  { publishedIn: "moq-lite-05", passed: ["moq-lite-05", "moq-lite-06", "moq-lite-07-wip"], others: ["moq-lite-04"] },
  { publishedIn: "moq-lite-07-wip", passed: ["moq-lite-05", "moq-lite-07-wip"], others: ["moqt-18", "moq-lite-03"] },
  { publishedIn: "moq-lite-04", passed: ["moq-lite-03", "moq-lite-04"], others: ["moq-lite-05"] },
  { publishedIn: "moqt-18", passed: [], others: ["moqt-18", "moq-lite-05"] },
] as const;

/** Over real QUIC: in a simulation the network's own engine passes streams on. */
describe("a relay whose engine passes streams on", { skip: missingEngine() }, () => {
  for (const { publishedIn, passed, others } of CASES) {
    const title = passed.length === 0 ? "nothing" : passed.join(", ");
    it(`gives all viewers every frame of ${publishedIn}, and passes on to ${title}`, async (t) => {
      const { publisher, watch, relay } = await scene(t, publishedIn);
      const early = [...(await watch(passed)), ...(await watch(others))];
      const late: TestViewer[] = [];
      const join = async () => void late.push(...(await watch([...passed, ...others])));
      for (let group = 0; group < GROUPS; group++) await send(publisher, group, early, join);
      const all = [...early, ...late];
      for (const viewer of all) await until(() => isWhole(viewer), "the last group");
      for (const one of all.flatMap(({ groups }) => groups)) assert.deepEqual(one.frames, expected(one.sequence));
      for (const { groups } of early) assert.equal(groups.length, GROUPS);
      const { bytesPassed, bytesOut } = relay.counters;
      t.diagnostic(`${bytesPassed} of ${bytesOut} bytes were passed on`);
      // Of what the viewers of `passed` got, all but the first frames of a stream, and what those that joined later got at once.
      const most = (bytesOut * passed.length) / (passed.length + others.length);
      assert.ok(bytesPassed >= 0.6 * most && bytesPassed <= 0.9 * most, `${bytesPassed} of ${most}`);
    });
  }
});

/** Sends a group frame by frame, each once `viewers` have the one before. Viewers join in its middle. */
async function send(
  publisher: TestPublisher,
  group: number,
  viewers: readonly TestViewer[],
  join: () => Promise<void>,
): Promise<void> {
  const writers = publisher.open(group);
  for (const [frame, text] of expected(group).entries()) {
    for (const writer of writers) write(writer, Buffer.from(text), frame * 33);
    const has = ({ groups }: TestViewer) => (groups[group]?.frames.length ?? 0) > frame;
    await until(() => viewers.every(has), `frame ${frame} of group ${group}`);
    if (frame === FRAMES / 2) await join();
  }
  for (const writer of writers) writer.finish();
}

/** It has all of the last group, and of those before nothing is missing. */
function isWhole({ groups }: TestViewer): boolean {
  return groups.at(-1)?.sequence === GROUPS - 1 && groups.every(({ state }) => state === "finished");
}

function expected(group: number): string[] {
  return Array.from({ length: FRAMES }, (_, frame) => {
    const size = SIZES[frame % 5] ?? 0;
    return `${group}.${frame};`.padEnd(size, "x");
  });
}

async function scene(t: TestContext, publishedIn: string) {
  const relay = await TestRelay.start({ "server.engine": "native", "server.experimental": "moq-lite-07-wip" });
  t.after(() => relay.stop());
  const connect = async (protocol: string) => {
    const { client } = await openClient(
      dialling(relay.at("moql"), { trust: { kind: "insecure" }, protocol, timeoutMs: patient(5_000) }),
    );
    t.after(() => client.session.close(0, ""));
    return client;
  };
  const publisher = (await connect(publishedIn)).publish("live/a");
  const watch = async (protocols: readonly string[]) => {
    const viewers: TestViewer[] = [];
    for (const protocol of protocols) {
      const known = relay.counters.subscriptionsActive;
      viewers.push((await connect(protocol)).watch("live/a"));
      await until(() => relay.counters.subscriptionsActive > known, "the relay accepts the subscription");
    }
    return viewers;
  };
  return { relay, publisher, watch };
}
