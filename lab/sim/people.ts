import { type TestClient, TestPublisher, type TestViewer } from "./client.ts";
import { LIVE } from "./settings.ts";
import type { World } from "./world.ts";

let incarnations = 0;

/** One publisher of a path, at a relay. Its frames carry its name, so that content of an earlier publisher is recognised. */
export class SimPublisher {
  readonly path: string;
  readonly node: string;
  readonly client: TestClient;
  readonly name = `publisher-${++incarnations}`;
  readonly #source = new TestPublisher();
  readonly #end: () => void;
  sent = 0;

  /** `epoch`: 0 where the publisher numbers no epoch. */
  constructor(path: string, node: string, client: TestClient, epoch: bigint) {
    this.path = path;
    this.node = node;
    this.client = client;
    const publication = client.broadcasts.publish(path, { epoch, hops: [], cost: 0, ended: false }, this.#source);
    if (typeof publication === "string") throw new Error(publication);
    this.#end = () => publication.end(false);
  }

  send(): void {
    this.#source.send(this.sent, `${this.name} ${this.sent}`);
    this.sent++;
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
      return state === "finished" && name === publisher.name && Number(sent) >= from;
    });
  }

  get log(): string {
    const { log, groupLines } = this.#viewer;
    return [...log, ...groupLines.slice(-3)].join(", ");
  }

  /** Subscribes again if the subscription has ended. */
  insist(): void {
    if (this.#viewer.log.some((line) => line.startsWith("closed"))) this.#viewer = this.client.watch(this.path, LIVE);
    else this.#viewer.groups.splice(0);
  }

  leave(): void {
    this.client.session.close(0, "");
  }
}
