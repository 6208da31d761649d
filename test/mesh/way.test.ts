/** The way of a track through a mesh, as each relay shows it. */
import assert from "node:assert/strict";
import { describe, it } from "node:test";
import type { Clock } from "../../moq/clock.ts";
import { patient } from "../../scripts/suite/patience.ts";
import { systemClock } from "../../transport/shared/index.ts";
import { until } from "../support/until.ts";
import { Stage, type Staged, sendUntil } from "./support/stage.ts";

const OPEN = { "auth.public_subscribe": "/", "auth.public_publish": "/" };

type Row = Readonly<Record<string, unknown>>;

async function read({ relay }: Staged, target: string): Promise<Row> {
  const answer = await fetch(`http://127.0.0.1:${relay.adminAddress?.port}/api/v1${target}`);
  return (await answer.json()) as Row;
}

/** Relays report to the root what they take media from; here every 200 ms and not every 5 s. */
const clock: Clock = {
  ...systemClock,
  timer: (ms, callback) => systemClock.timer(ms === 5_000 ? 200 : ms, callback),
};

describe("the way of a track", { timeout: patient(60_000) }, () => {
  it("has the relay that it is taken from now, the delay of that link, and its id in both logs", async () => {
    const stage = await Stage.open();
    const root = await stage.relay("root-1", "root");
    const mesh = { "cluster.root": root.url, ...OPEN };
    const origin = await stage.relay("origin-1", "origin", mesh);
    const regional = await stage.relay("regional-1", "regional", mesh, { clock });
    const edge = await stage.relay("edge-1", "edge", mesh);
    await until(() => [...(root.relay.cluster()?.registry?.nodes() ?? [])].length === 4);
    const publisher = (await stage.client(origin.url)).publish("live/room");
    const viewer = (await stage.client(edge.url)).watch("live/room", "video");
    await sendUntil(publisher, 0, () => viewer.groups.length > 0);
    const way = async (relay: Staged) =>
      (await read(relay, "/tracks/diagnostics?broadcast=live/room&track=video"))["upstream"] as Row[];
    const atEdge = await way(edge);
    assert.deepEqual(
      atEdge.map(({ node }) => node ?? "publisher").slice(-2),
      ["origin-1", "regional-1"],
      JSON.stringify(atEdge),
    );
    const last = atEdge.at(-1);
    assert.ok(Number(last?.["rtt_ms"]) > 0);
    assert.equal(last?.["delay_ms"], Number(last?.["rtt_ms"]) / 2);
    // The link before the last is one of other relays: the root knows its delay, once the regional has reported it.
    const before = async () => (await way(edge)).at(-2);
    await until(async () => (await before())?.["rtt_ms"] !== undefined);
    const { rtt_ms: rtt, delay_ms: delay } = (await before()) ?? {};
    assert.ok(Number(rtt) > 0);
    assert.equal(delay, Number(rtt) / 2);
    const links = (await read(regional, "/sessions?role=relay"))["items"] as Row[];
    assert.ok(
      links.some((one) => one["peer_session"] === last?.["session"]),
      JSON.stringify(links),
    );
    assert.equal((await way(regional)).at(-1)?.["node"], "origin-1");
    const first = (await way(origin)).at(-1);
    const publishers = (await read(origin, "/sessions?role=publisher"))["items"] as Row[];
    assert.equal(first?.["session"], publishers[0]?.["id"]);
    assert.ok(Number(first?.["delay_ms"]) > 0);
    await stage.close();
  });
});
