import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { LeasedAnswer } from "../../cluster/leased-answer.ts";
import { ManualClock } from "../../lab/network/manual-clock.ts";
import type { Publication } from "../../moq/model/index.ts";
import type { AnnounceTable, Following } from "../../moq/session/index.ts";
import { FakeRelay } from "./support.ts";

const LEASE_MS = 1_000;

/** A session whose peer announces what the test says. */
class Peer {
  readonly #complete = Promise.withResolvers<boolean>();
  #table: AnnounceTable | undefined;
  asked = 0;
  stopped = 0;

  follow(_prefix: string, table: AnnounceTable): Following {
    this.#table = table;
    this.asked++;
    return { stop: () => void this.stopped++, complete: this.#complete.promise };
  }

  announce(path: string): Publication {
    const publication = this.#table?.publish(path, { epoch: 1n, hops: [], cost: 0, ended: false }, new FakeRelay());
    assert.ok(publication !== undefined && typeof publication !== "string");
    return publication;
  }

  async complete(): Promise<void> {
    this.#complete.resolve(true);
    await this.#complete.promise;
  }

  cut(): void {
    this.#table?.cut?.("limit");
  }
}

function setUp() {
  const clock = new ManualClock();
  const notes: string[] = [];
  const answer = new LeasedAnswer({
    clock,
    leaseMs: LEASE_MS,
    prefix: "",
    read: (path) => ({ path }),
    events: {
      announced: (path) => void notes.push(`announced ${path}`),
      withdrawn: (path) => void notes.push(`withdrawn ${path}`),
      expired: (path) => void notes.push(`expired ${path}`),
      complete: () => void notes.push("complete"),
      cut: () => void notes.push("cut"),
    },
  });
  return { clock, answer, take: () => notes.splice(0) };
}

describe("the answer of a peer", () => {
  it("expires a lease after the next session has completed it without announcing it again", async () => {
    const { clock, answer, take } = setUp();
    const [first, second] = [new Peer(), new Peer()];
    answer.follow(first);
    first.announce("a");
    first.announce("b");
    answer.detach();
    await clock.run(10 * LEASE_MS);
    answer.follow(second);
    second.announce("a");
    await second.complete();
    assert.deepEqual(take(), ["announced a", "announced b", "announced a", "complete"]);
    await clock.run(LEASE_MS - 1);
    assert.deepEqual(take(), []);
    await clock.run(1);
    assert.deepEqual(take(), ["expired b"]);
  });

  it("is withdrawn by an end of its session alone, and not by the loss of the session", () => {
    const { answer, take } = setUp();
    const peer = new Peer();
    answer.follow(peer);
    peer.announce("a").end(false);
    peer.announce("b").end(true);
    const left = peer.announce("c");
    answer.detach();
    left.end(false);
    assert.deepEqual(take(), ["announced a", "withdrawn a", "announced b", "announced c"]);
    assert.deepEqual([...answer.values()], [{ path: "b" }, { path: "c" }]);
  });

  it("stays stale when only a replaced session announces it again", async () => {
    const { clock, answer, take } = setUp();
    const [first, second] = [new Peer(), new Peer()];
    answer.follow(first);
    const early = first.announce("a");
    answer.detach();
    answer.follow(second);
    early.update({ epoch: 2n, hops: [], cost: 0, ended: false });
    await second.complete();
    await clock.run(LEASE_MS);
    assert.deepEqual(take(), ["announced a", "announced a", "complete", "expired a"]);
  });

  it("stays fresh when a replaced session announces late what the present one has announced", async () => {
    const { clock, answer, take } = setUp();
    const [first, second] = [new Peer(), new Peer()];
    answer.follow(first);
    answer.detach();
    answer.follow(second);
    second.announce("a");
    const late = first.announce("a");
    late.update({ epoch: 2n, hops: [], cost: 0, ended: false });
    await second.complete();
    await clock.run(10 * LEASE_MS);
    assert.deepEqual(take(), ["announced a", "complete"]);
  });

  it("stays known when the peer cuts it, and is asked for again after a lease", async () => {
    const { clock, answer, take } = setUp();
    const peer = new Peer();
    answer.follow(peer);
    const left = peer.announce("a");
    peer.cut();
    left.end(false);
    await clock.run(LEASE_MS);
    assert.deepEqual([take(), peer.asked, peer.stopped], [["announced a", "cut"], 2, 1]);
    answer.stop();
    assert.deepEqual([take(), [...answer.values()], clock.pending], [[], [], 0]);
  });
});
