/** Whole relays of a mesh in one process: real sessions over a simulated network, with a clock turned by hand. */

import type { NodeInfo, Role } from "../../cluster/index.ts";
import { Broadcasts } from "../../moq/model/index.ts";
import {
  ChannelRegistry,
  openAccess,
  type Session,
  type SessionReport,
  startSession,
} from "../../moq/session/index.ts";
import { ManualClock, MemoryNetwork } from "../network/index.ts";
import { TestClient } from "./client.ts";
import { SimRelay } from "./relay.ts";
import { CACHE, CLIENT_LINK, LIMITS, SESSION_LIMITS } from "./settings.ts";
import type { Surroundings, WorldOptions } from "./surroundings.ts";

/** When the worlds begin; late enough for clocks that are behind. */
const EPOCH_MS = 1_000_000_000;

export class World implements Surroundings {
  readonly clock = new ManualClock();
  readonly network: MemoryNetwork;
  readonly defects: unknown[] = [];
  readonly relays = new Map<string, SimRelay>();
  readonly roots: readonly string[];
  readonly random: () => number;
  regions: readonly string[] = [];
  readonly options: WorldOptions;
  messages = 0;
  hops = 1n;

  constructor(roots: readonly string[], random: () => number, options: WorldOptions = {}) {
    this.roots = roots;
    this.options = options;
    this.random = random;
    this.network = new MemoryNetwork({ clock: this.clock, settings: { latencyMs: 5 } });
  }

  async start(node: string, role: Role, region = "eu"): Promise<SimRelay> {
    const startedAt = this.wallNow(node);
    const url = `https://${node}:1`;
    const parent = this.options.parents?.[region] || undefined;
    const place = { node, hop: this.hops++, role, region, ...(parent !== undefined && { parent }) };
    const info: NodeInfo = { ...place, url, publicUrl: url, draining: false, startedAt };
    const relay = new SimRelay(this, info);
    await relay.listen();
    this.relays.set(node, relay);
    return relay;
  }

  wallNow(node: string): number {
    return EPOCH_MS + this.clock.now() + (this.options.skewMs?.(node) ?? 0);
  }

  killed(node: string): void {
    this.relays.delete(node);
  }

  relay(node: string): SimRelay {
    const relay = this.relays.get(node);
    if (relay === undefined) throw new Error(`no relay ${node}`);
    return relay;
  }

  async pass(ms: number): Promise<void> {
    for (let left = ms; left > 0; left -= 25) {
      this.clock.advance(Math.min(25, left));
      await new Promise((resolve) => setImmediate(resolve));
    }
  }

  /** A publisher or viewer at a relay. */
  async client(node: string, protocol = "moq-lite-05"): Promise<TestClient> {
    const broadcasts = new Broadcasts({ clock: this.clock, limits: LIMITS, cache: CACHE });
    let session: Session | undefined;
    let client: TestClient | undefined;
    let sentTo: string | undefined;
    const reports: SessionReport[] = [];
    const attach = startSession(
      {
        broadcasts,
        clock: this.clock,
        limits: SESSION_LIMITS,
        channels: new ChannelRegistry(),
        hop: this.hops++,
        access: openAccess(""),
        defect: (error) => void this.defects.push(error),
        leaving: (uri) => {
          sentTo = uri;
          if (client !== undefined) client.sentTo = uri;
        },
        closed: (report) => void reports.push(report),
      },
      (started) => {
        session = started;
      },
    );
    const url = new URL(`https://${node}:1/`);
    const trust = { kind: "insecure" } as const;
    const options = { url, protocols: [protocol], trust, limits: CLIENT_LINK, timeoutMs: 2_000 };
    const dialled = this.network.engine().dial(options, attach);
    const state = { over: false };
    const settled = dialled.finally(() => {
      state.over = true;
    });
    settled.catch(() => {});
    while (!state.over) await this.pass(25);
    const link = await settled;
    if (session === undefined) throw new Error("no session");
    client = new TestClient(broadcasts, session, link, reports);
    client.sentTo = sentTo;
    return client;
  }
}
