import type { Clock } from "../../moq/clock.ts";
import { type TestClient, type TestGroup, TestPublisher, type TestViewer, write } from "./client.ts";
import { LIVE } from "./settings.ts";
import type { World } from "./world.ts";

/** Frames of a group, and milliseconds between two of them: so relays fail inside of groups, and pass streams on. */
const FRAMES = 5;
const FRAME_MS = 200;

let incarnations = 0;

/** One publisher of a path, at a relay. Its frames carry its name, so that content of an earlier publisher is recognised. */
export class SimPublisher {
  readonly path: string;
  readonly node: string;
  readonly client: TestClient;
  readonly name = `publisher-${++incarnations}`;
  readonly #clock: Clock;
  readonly #source = new TestPublisher();
  readonly #end: () => void;
  sent = 0;

  /** `epoch`: 0 where the publisher numbers no epoch. */
  constructor(path: string, node: string, client: TestClient, epoch: bigint, clock: Clock) {
    this.path = path;
    this.node = node;
    this.client = client;
    this.#clock = clock;
    const publication = client.broadcasts.publish(path, { epoch, hops: [], cost: 0, ended: false }, this.#source);
    if (typeof publication === "string") throw new Error(publication);
    this.#end = () => publication.end(false);
  }

  /** Sends the first frame of a group now, and the others in the time after that. */
  send(): void {
    const sequence = this.sent++;
    const writers = this.#source.open(sequence);
    const step = (index: number) => {
      for (const writer of writers) {
        write(writer, Buffer.from(frameOf(this.name, sequence, index)));
        if (index === FRAMES - 1) writer.finish();
      }
      if (index < FRAMES - 1) this.#clock.timer(FRAME_MS, () => step(index + 1));
    };
    step(0);
  }

  /** Ends its broadcast and its session. */
  leave(): void {
    this.#end();
    this.client.session.close(0, "");
  }

  /** Its machine dies. The relay notices by the silence. */
  vanish(world: World): void {
    world.network.vanish(this.client.link);
    this.#end();
  }
}

/** A viewer at a relay, which subscribes again when its subscription has ended. */
export class SimViewer {
  readonly path: string;
  readonly node: string;
  readonly client: TestClient;
  #viewer: TestViewer;

  constructor(path: string, node: string, client: TestClient, follows: boolean) {
    this.path = path;
    this.node = node;
    this.client = client;
    this.#viewer = client.watch(path, LIVE);
    if (!follows) return;
    const prefix = path.slice(0, path.lastIndexOf("/"));
    client.session.follow(prefix, { list: () => [], watch: () => () => {}, publish: () => "limit" });
  }

  /** Whether the viewer received a group of the publisher with the number `from` or higher. */
  got(publisher: SimPublisher, from: number): boolean {
    return this.#viewer.groups.some(({ state, frames }) => {
      const [name, sent] = (frames[0] ?? "").split(" ");
      const isWhole = state === "finished" && frames.length === FRAMES;
      return isWhole && name === publisher.name && Number(sent) >= from;
    });
  }

  /** Groups that have other frames than those that their publisher sent in them, or in another order. Their last ones may be missing. */
  get wrong(): string[] {
    return this.#viewer.groups.filter(isWrong).map(({ sequence, frames }) => `${sequence} ${frames.join("|")}`);
  }

  get log(): string {
    const { log, groupLines } = this.#viewer;
    return [...log, ...groupLines.slice(-3)].join(", ");
  }

  /** Subscribes again if the subscription has ended. */
  insist(): void {
    if (this.#viewer.log.some((line) => line.startsWith("closed"))) this.#viewer = this.client.watch(this.path, LIVE);
    else this.#viewer.groups.splice(0, this.#viewer.groups.length, ...this.#viewer.groups.filter(isOpen));
  }

  leave(): void {
    this.client.session.close(0, "");
  }
}

function frameOf(publisher: string, sequence: number | string | undefined, index: number): string {
  return `${publisher} ${sequence} ${index}`;
}

function isWrong({ frames }: TestGroup): boolean {
  const [name = "", sequence] = (frames[0] ?? "").split(" ");
  return frames.some((frame, index) => frame !== frameOf(name, sequence, index));
}

function isOpen({ state }: TestGroup): boolean {
  return state === "open";
}
