/** A hitless path in a mesh of whole relays, and a reload that names it while its track flows. */
import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { TRACK } from "../../lab/sim/settings.ts";
import { patient } from "../../scripts/suite/patience.ts";
import { until } from "../support/until.ts";
import { lastWithoutGap, nodesAt, Stage, type Staged, sendUntil } from "./support/stage.ts";

const OPEN = { "auth.public_subscribe": "/", "auth.public_publish": "/" };

interface Protection {
  readonly state: string;
  readonly message: string;
  readonly second?: string;
}

async function protectionAt({ relay }: Staged): Promise<Protection | undefined> {
  const target = `/api/v1/tracks/diagnostics?broadcast=live/room&track=${encodeURIComponent(TRACK)}`;
  const answer = await fetch(`http://127.0.0.1:${relay.adminAddress?.port}${target}`);
  return ((await answer.json()) as { hitless?: Protection }).hitless;
}

describe("a hitless path", { timeout: patient(60_000) }, () => {
  it("is taken from two regionals after a reload, and from one again after the next; viewers get every group", async () => {
    const stage = await Stage.open();
    const root = await stage.relay("root-1", "root");
    const mesh = { "cluster.root": root.url, ...OPEN };
    const origin = await stage.relay("origin-1", "origin", mesh);
    const regionals = [
      await stage.relay("regional-1", "regional", mesh),
      await stage.relay("regional-2", "regional", mesh),
    ];
    const edge = await stage.relay("edge-1", "edge", mesh);
    await until(() => nodesAt(root).length === 5);
    const publisher = (await stage.client(origin.url)).publish("live/room");
    const viewer = (await stage.client(edge.url)).watch("live/room");
    const serving = () => regionals.filter(({ relay }) => relay.counters.tracksActive > 0).length;
    let next = await sendUntil(publisher, 0, () => viewer.groups.length > 2);
    assert.equal(await protectionAt(edge), undefined);
    assert.equal(serving(), 1);

    await edge.reload({ "cluster.hitless": "live" });
    let found: Protection | undefined;
    let asking = false;
    next = await sendUntil(publisher, next, () => {
      if (!asking) {
        asking = true;
        void protectionAt(edge).then((one) => {
          found = one;
          asking = false;
        });
      }
      return found?.state === "protected";
    });
    assert.equal(serving(), 2);
    const [second] = regionals.filter(({ node }) => node === found?.second);
    assert.ok(second !== undefined, JSON.stringify(found));
    const metrics = await (await fetch(`http://127.0.0.1:${edge.relay.adminAddress?.port}/metrics`)).text();
    assert.match(metrics, /^moqmesh_mesh_hitless_tracks\{state="protected"\} 1$/m);

    await edge.reload({ "cluster.hitless": "" });
    next = await sendUntil(publisher, next, () => viewer.groups.length >= next);
    assert.equal(await protectionAt(edge), undefined);
    await until(() => lastWithoutGap(viewer) === next - 1, "every group, once and whole");
    await stage.close();
  });
});
