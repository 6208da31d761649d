/** What relays outside the mesh announce to several relays of it. */
import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { ExternalAnnouncements } from "../../cluster/routes/external-announcement.ts";
import type { Holders } from "../../cluster/routes/table.ts";
import type { Publication } from "../../moq/model/broadcasts.ts";
import type { Advertisement } from "../../moq/model/routes.ts";
import type { Reason } from "../../moq/reason.ts";
import { holdingOf } from "./support.ts";

const PUBLISHER = 7n;
const OUTSIDE = 50n;
const OURS = 99n;

const by = (...hops: bigint[]): Advertisement => ({ epoch: 0n, hops, cost: 1, ended: false });

/** Publications, with one line for each call. */
function scene(answer?: Reason) {
  const lines: string[] = [];
  const state: { holders: Holders | undefined } = { holders: undefined };
  const entrances = new ExternalAnnouncements();
  const told = ({ hops, epoch }: Advertisement) => `${hops.join("-")} epoch ${epoch}`;
  const publish = (advertisement: Advertisement): Publication | Reason => {
    if (answer !== undefined) return answer;
    lines.push(`start ${told(advertisement)}`);
    return {
      update: (next) => lines.push(`update ${told(next)}`),
      end: (lost) => void lines.push(lost ? "lost" : "end"),
    };
  };
  const enter = (advertisement: Advertisement): Publication => {
    const entered = entrances.publish("live/a", advertisement, { publish, holders: () => state.holders });
    if (typeof entered === "string") throw new Error(entered);
    return entered;
  };
  return { lines, state, entrances, enter };
}

const held = (epoch: bigint, ...hops: bigint[]): Holders => ({
  epoch,
  holdings: [holdingOf("live/a", "o2", { epoch, hops })],
});

describe("a broadcast from outside the mesh", () => {
  it("is refused while it came from the mesh itself, and published once it did not", () => {
    const { lines, entrances, enter } = scene();
    entrances.learn(OURS);
    const entered = enter(by(PUBLISHER, OURS, OUTSIDE));
    assert.deepEqual(lines, []);
    entered.update(by(8n, OUTSIDE));
    entered.update(by(PUBLISHER, OURS, OUTSIDE));
    entered.end(false);
    assert.deepEqual(lines, ["start 8-50 epoch 0", "end"]);
  });

  it("is withdrawn when a relay on its path turns out to be of the mesh", () => {
    const { lines, entrances, enter } = scene();
    const entered = enter(by(PUBLISHER, OURS, OUTSIDE));
    entrances.learn(0n);
    entrances.learn(OURS);
    entered.end(true);
    assert.deepEqual(lines, ["start 7-99-50 epoch 0", "end"]);
  });

  it("has the epoch that another relay gave to the same publisher, whichever relay heard it first", () => {
    const { lines, state, entrances, enter } = scene();
    state.holders = held(5n, PUBLISHER, OUTSIDE, OURS);
    enter(by(PUBLISHER, OUTSIDE));
    state.holders = held(6n, PUBLISHER, OUTSIDE, OURS);
    entrances.changed("live/a");
    entrances.changed("live/a");
    state.holders = held(7n, 8n, OUTSIDE, OURS);
    entrances.changed("live/a");
    assert.deepEqual(lines, ["start 7-50 epoch 5", "update 7-50 epoch 6"]);
  });

  it("does not keep the epoch of another publisher, or any epoch where the publisher assigns one", () => {
    const { lines, state, enter } = scene();
    state.holders = held(5n, PUBLISHER, OUTSIDE, OURS);
    const entered = enter(by(PUBLISHER, OUTSIDE));
    entered.update(by(8n, OUTSIDE));
    entered.end(false);
    enter({ ...by(PUBLISHER, OUTSIDE), epoch: 3n });
    assert.deepEqual(lines, ["start 7-50 epoch 5", "update 8-50 epoch 0", "end", "start 7-50 epoch 3"]);
  });

  it("of a publisher at this relay is published unchanged", () => {
    const { lines, state, enter } = scene();
    state.holders = held(5n, PUBLISHER, OURS);
    enter(by(PUBLISHER)).update(by(PUBLISHER));
    assert.deepEqual(lines, ["start 7 epoch 0", "update 7 epoch 0"]);
  });

  it("is refused with the reason of the refusal", () => {
    const { enter } = scene("limit");
    assert.throws(() => enter(by(PUBLISHER, OUTSIDE)), /limit/);
  });
});
