import { sharedMicros } from "../bench/load/micros.ts";
import type { Pulse, ViewerReport } from "./load/messages.ts";
import { PublisherProcess, ViewersProcess } from "./load.ts";
import type { Node } from "./node.ts";
import { LIVE, type MeshWorkspace, TWIN } from "./workspace.ts";

/** Microseconds for the last frames of a group to reach all viewers. */
const SETTLE_US = 1_500_000;

export const TRACK = "video";

export interface BroadcastingOptions {
  /** QUIC engine of the clients. */
  readonly engine: string;
  /** Last segment of its path. */
  readonly name: string;
  /** The publisher sends to one origin, to all of them, or to one after another as they leave. */
  readonly publishing: "one" | "all" | "moving";
  /** Viewers at each edge, in order; the last number applies to all further edges. */
  readonly viewers: readonly number[];
  readonly framesPerSecond: number;
  readonly frameBytes: number;
  readonly framesPerGroup: number;
  readonly pulse?: (pulse: Pulse) => void;
}

/** What a broadcasting needs of the mesh that it runs at. */
export interface BroadcastingMesh {
  readonly workspace: MeshWorkspace;
  /** The relays of a role, in their order. */
  role(role: string): readonly Node[];
  /** Logs output of the process with that name. */
  log(name: string, text: string): void;
}

/** What the viewers have received since the measurement began. */
export interface Seen {
  readonly viewers: readonly ViewerReport[];
  /** Groups that each viewer should have. */
  readonly groups: readonly number[];
  /** 99 % of the frames took at most so long from the publisher to their viewer. */
  readonly p99Us: number;
}

/** A publisher and its viewers, as two processes. */
export class Broadcasting {
  readonly path: string;
  readonly publisher: PublisherProcess;
  readonly viewers: ViewersProcess;
  #measuredFromUs = 0;
  /** Groups that were completed until then have been asked for by `next`. */
  #askedUntilUs = 0;

  constructor(mesh: BroadcastingMesh, options: BroadcastingOptions) {
    const { publishing, viewers, framesPerSecond, frameBytes, framesPerGroup, engine, pulse } = options;
    const { publisherToken, viewerToken, trust } = mesh.workspace;
    this.path = `${publishing === "one" ? LIVE : TWIN}/${options.name}`;
    const common = { kind: "start" as const, engine, trust, path: this.path, track: TRACK, framesPerGroup };
    const url = (token: string) => (node: Node) => `${node.url}/?jwt=${token}`;
    const origins = mesh.role("origin").map(url(publisherToken));
    const edges = mesh.role("edge").map(url(viewerToken));
    this.publisher = new PublisherProcess(
      {
        ...common,
        role: "publisher",
        origins: publishing === "one" ? origins.slice(0, 1) : origins,
        everywhere: publishing === "all",
        framesPerSecond,
        frameBytes,
      },
      (text) => mesh.log("publisher", text),
    );
    const at = (edge: number) => Array.from({ length: viewers[edge] ?? viewers.at(-1) ?? 0 }, () => edge);
    this.viewers = new ViewersProcess(
      { ...common, role: "viewers", edges, viewers: edges.flatMap((_, edge) => at(edge)) },
      { output: (text) => mesh.log("viewers", text), ...(pulse && { pulse }) },
    );
  }

  /** Starts the publisher, then the viewers; resolves when each viewer has received a frame. */
  async start(): Promise<{ engine: string; protocol: string }> {
    await this.publisher.start();
    return await this.viewers.start();
  }

  /** Starts the measurement of the viewers. */
  measure(): void {
    this.#measuredFromUs = sharedMicros();
    this.#askedUntilUs = this.#measuredFromUs - SETTLE_US;
    this.viewers.measure();
  }

  /** The result of the measurement. Only groups count that were published early enough to have arrived. */
  async seen(): Promise<Seen> {
    const groups = this.publisher.groups(this.#measuredFromUs, sharedMicros() - SETTLE_US);
    return { ...(await this.viewers.report(groups)), groups };
  }

  /**
   * As `seen`, and a new measurement begins at the same moment, so nothing is between two of them: each group belongs to the measurement that ends
   * first after the time for its last frames to arrive.
   */
  async next(): Promise<Seen> {
    const from = this.#askedUntilUs;
    this.#askedUntilUs = sharedMicros() - SETTLE_US;
    const groups = this.publisher.completed(from, this.#askedUntilUs);
    this.#measuredFromUs = sharedMicros();
    return { ...(await this.viewers.report(groups, true)), groups };
  }

  /** Viewers and publisher close their sessions and end. */
  async stop(): Promise<void> {
    await Promise.allSettled([this.viewers.stop(), this.publisher.stop()]);
  }
}
