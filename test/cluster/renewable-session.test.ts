/** The session with one peer, and the second one that takes its place before it ends. */
import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { RenewableSession, type SessionEvents } from "../../cluster/renewable-session.ts";
import { ManualClock } from "../../lab/network/manual-clock.ts";
import { settle } from "./support.ts";

class FakeSession {
  readonly name: string;
  readonly closed: number[] = [];

  constructor(name: string) {
    this.name = name;
  }

  close(code: number): void {
    this.closed.push(code);
  }
}

interface Dial {
  readonly on: SessionEvents;
  readonly session: FakeSession;
  readonly up: () => Promise<void>;
  readonly fail: (error: Error) => Promise<void>;
}

class Scene {
  readonly clock = new ManualClock();
  readonly dials: Dial[] = [];
  readonly log: string[] = [];
  readonly link = new RenewableSession<FakeSession>({
    clock: this.clock,
    dial: (on) => {
      const { promise, resolve, reject } = Promise.withResolvers<FakeSession>();
      const session = new FakeSession(String(this.dials.length));
      const up = async () => {
        resolve(session);
        await settle();
      };
      const fail = async (error: Error) => {
        reject(error);
        await settle();
      };
      this.dials.push({ on, session, up, fail });
      return promise;
    },
    up: ({ name }) => this.log.push(`up ${name}`),
    failed: (error) => this.log.push(error instanceof Error ? `failed: ${error.message}` : "ended at once"),
    leaving: () => this.log.push("leaving"),
    lost: () => this.log.push(`lost, in use: ${this.link.current?.name ?? "none"}`),
    replaced: (former) => this.log.push(`${former.name} replaced by ${this.link.current?.name}`),
    formerGone: ({ name }) => this.log.push(`former ${name} gone`),
  });

  dial(index: number): Dial {
    const dial = this.dials[index];
    assert.ok(dial, `dial ${index}`);
    return dial;
  }

  /** The first session is in use; the log is empty. */
  static async up(): Promise<Scene> {
    const scene = new Scene();
    scene.link.open();
    await scene.dial(0).up();
    assert.deepEqual(scene.log, ["up 0"]);
    scene.log.length = 0;
    return scene;
  }
}

describe("a session with a peer", () => {
  it("is in use once it is open, and until it ends", async () => {
    const scene = await Scene.up();
    assert.equal(scene.link.current?.name, "0");
    scene.dial(0).on.gone();
    scene.dial(0).on.gone();
    assert.deepEqual(scene.log, ["lost, in use: none"]);
  });

  it("that cannot be opened is reported with the reason", async () => {
    const scene = new Scene();
    scene.link.open();
    await scene.dial(0).fail(new Error("refused"));
    assert.deepEqual([scene.log, scene.link.current], [["failed: refused"], undefined]);
  });

  it("that ends before it could be used is closed and counts as failed", async () => {
    const scene = new Scene();
    scene.link.open();
    scene.dial(0).on.gone();
    await scene.dial(0).up();
    assert.deepEqual([scene.log, scene.dial(0).session.closed], [["ended at once"], [0]]);
  });

  it("passes on that the peer asked us to leave, also when it asked while the session was opened", async () => {
    const scene = new Scene();
    scene.link.open();
    scene.dial(0).on.leaving();
    await scene.dial(0).up();
    assert.deepEqual(scene.log, ["up 0"]);
    scene.clock.advance(1);
    assert.deepEqual(scene.log, ["up 0", "leaving"]);
    scene.dial(0).on.leaving();
    assert.deepEqual(scene.log, ["up 0", "leaving", "leaving"]);
  });

  it("reports nothing after it was closed, and closes what is opened later", async () => {
    const scene = await Scene.up();
    scene.dial(0).on.renew();
    scene.link.close(7);
    const [{ on, session }, second] = [scene.dial(0), scene.dial(1)];
    assert.deepEqual(session.closed, [7]);
    on.leaving();
    on.gone();
    await second.up();
    assert.deepEqual([scene.log, second.session.closed], [[], [0]]);
  });

  it("that was released or replaced by another way is not the one in use any more", async () => {
    const scene = await Scene.up();
    const other = new FakeSession("other");
    assert.equal(scene.link.use(other)?.name, "0");
    scene.dial(0).on.renew();
    scene.dial(0).on.gone();
    assert.deepEqual([scene.log, scene.dials.length], [["former 0 gone"], 1]);
    assert.equal(scene.link.release(), other);
    assert.equal(scene.link.current, undefined);
  });

  it("that comes up beside one in use is closed", async () => {
    const scene = new Scene();
    scene.link.open();
    scene.link.use(new FakeSession("other"));
    await scene.dial(0).up();
    assert.deepEqual([scene.log, scene.link.current?.name, scene.dial(0).session.closed], [[], "other", [0]]);
  });
});

describe("a second session", () => {
  it("takes the place of the first, which stays open until its owner closes it", async () => {
    const scene = await Scene.up();
    const first = scene.dial(0);
    first.on.renew();
    assert.equal(scene.link.current?.name, "0", "in use until the second is open");
    await scene.dial(1).up();
    assert.deepEqual([scene.log, first.session.closed], [["0 replaced by 1"], []]);
    first.on.leaving();
    first.on.renew();
    first.on.gone();
    assert.deepEqual([scene.log, scene.dials.length], [["0 replaced by 1", "former 0 gone"], 2]);
    scene.dial(1).on.gone();
    assert.equal(scene.log.at(-1), "lost, in use: none");
  });

  it("is opened once at a time, and again when that failed", async () => {
    const scene = await Scene.up();
    const { on } = scene.dial(0);
    on.renew();
    on.renew();
    assert.equal(scene.dials.length, 2);
    await scene.dial(1).fail(new Error("refused"));
    assert.deepEqual([scene.log, scene.link.current?.name], [[], "0"], "the first stays in use");
    on.renew();
    await scene.dial(2).up();
    assert.deepEqual(scene.log, ["0 replaced by 2"]);
  });

  it("is renewed in its turn", async () => {
    const scene = await Scene.up();
    scene.dial(0).on.renew();
    await scene.dial(1).up();
    scene.dial(1).on.renew();
    await scene.dial(2).up();
    assert.deepEqual(scene.log, ["0 replaced by 1", "1 replaced by 2"]);
  });

  it("that ends at once leaves the first in use", async () => {
    const scene = await Scene.up();
    scene.dial(0).on.renew();
    scene.dial(1).on.gone();
    await scene.dial(1).up();
    assert.deepEqual([scene.log, scene.link.current?.name, scene.dial(1).session.closed], [[], "0", [0]]);
  });

  it("is closed when the first ended while it was opened", async () => {
    const scene = await Scene.up();
    scene.dial(0).on.renew();
    scene.dial(0).on.gone();
    await scene.dial(1).up();
    assert.deepEqual([scene.log, scene.dial(1).session.closed], [["lost, in use: none"], [0]]);
    scene.link.open();
    await scene.dial(2).up();
    assert.deepEqual([scene.log.at(-1), scene.link.current?.name], ["up 2", "2"]);
  });
});
