/** Whole relays of a mesh in this process over real QUIC, with clients that are told what to send. */

import type { Role } from "../../../cluster/contract.ts";
import { freePorts } from "../../../lab/ports.ts";
import { type MeshWorkspace, makeMeshWorkspace } from "../../../lab/workspace.ts";
import { TransportError, type Trust } from "../../../moq/link.ts";
import { Broadcasts } from "../../../moq/model/broadcasts.ts";
import { ChannelRegistry, liteSession, openAccess, type Session } from "../../../moq/session/index.ts";
import { dialRelay } from "../../../relay/client/dial.ts";
import { loadConfig } from "../../../relay/config/config.ts";
import { type Relay, type StartOptions, start } from "../../../relay/main.ts";
import { systemClock } from "../../../transport/shared/system-clock.ts";
import { captureLog, until } from "../../main/support.ts";
import { CACHE, LIMITS } from "../../model/support.ts";
import { LIVE, SESSION_LIMITS, TestClient, type TestPublisher, type TestViewer, TRACK } from "../../session/support.ts";
import { revocable } from "../../support/revoke.ts";

/** Milliseconds for a client's handshake. */
const DIAL_MS = 10_000;

/** Longest delay of a Node timer. */
const LONGEST_TIMER_MS = 2 ** 31 - 1;

/** Settings of a relay by section and key, such as `cluster.linger`; lists are separated by commas. */
export type Settings = Readonly<Record<string, string>>;

/** A relay that a test started. */
export interface Staged {
  readonly node: string;
  readonly port: number;
  /** `https://127.0.0.1:PORT`. */
  readonly url: string;
  readonly relay: Relay;
  /** What it logged, as objects. */
  readonly entries: readonly Record<string, unknown>[];
}

export interface ClientOptions {
  readonly token?: string;
  readonly protocol?: string;
  /** Of the announcements that it asks for; none unless told. */
  readonly follows?: string;
  /** That of the stage's certificate unless told. */
  readonly trust?: Trust;
}

export class Stage {
  readonly workspace: MeshWorkspace;
  readonly trust: Trust;
  readonly #relays = new Set<Relay>();
  readonly #clients = new Set<Session>();
  readonly #hold = setInterval(() => {}, LONGEST_TIMER_MS);

  private constructor(workspace: MeshWorkspace) {
    this.workspace = workspace;
    this.trust = { kind: "hashes", sha256: [Buffer.from(workspace.fingerprint, "hex")] };
  }

  static async open(): Promise<Stage> {
    return new Stage(await makeMeshWorkspace());
  }

  /** Starts a relay of the mesh that `settings` names the roots of. */
  async relay(
    node: string,
    role: Role,
    settings: Settings = {},
    options: Pick<StartOptions, "wallNow"> = {},
  ): Promise<Staged> {
    const [port = 0] = settings["server.port"] === undefined ? await freePorts(1) : [Number(settings["server.port"])];
    const url = `https://127.0.0.1:${port}`;
    const { workspace } = this;
    const all = {
      "server.host": "127.0.0.1",
      "server.port": String(port),
      "http.admin_port": "0",
      "http.page": "false",
      "tls.cert": workspace.cert,
      "tls.key": workspace.key,
      "auth.key_dir": workspace.keys,
      ...(await revocable(workspace.folder)),
      "drain.grace": "5s",
      "drain.spread": "0s",
      "cluster.node": node,
      "cluster.role": role,
      "cluster.region": "eu",
      "cluster.url": url,
      "cluster.key_file": workspace.clusterKey,
      "cluster.fingerprints": workspace.fingerprint,
      ...settings,
    };
    const env = Object.fromEntries(
      Object.entries(all).map(([key, value]) => [`MOQMESH_${key.replace(".", "_").toUpperCase()}`, value]),
    );
    const { log, entries } = captureLog();
    const relay = await start(loadConfig({ env }).config, { ...options, log });
    this.#relays.add(relay);
    return { node, port, url, relay, entries };
  }

  /** A publisher or viewer with a session of its own at any relay. Rejects with the refusal. */
  async client(url: string, options: ClientOptions = {}): Promise<StageClient> {
    const { token, protocol = "moq-lite-05", follows, trust = this.trust } = options;
    const broadcasts = new Broadcasts({ clock: systemClock, limits: LIMITS, cache: CACHE });
    const at = new URL(url);
    if (token !== undefined) at.searchParams.set("jwt", token);
    const ended = Promise.withResolvers<{ code: number; message: string }>();
    const reports: TestClient["reports"] = [];
    let session: Session | undefined;
    const attach = liteSession(
      {
        broadcasts,
        clock: systemClock,
        limits: SESSION_LIMITS,
        channels: new ChannelRegistry(),
        hop: hops++,
        access: openAccess(""),
        ...(follows !== undefined && { announcePrefix: follows }),
        defect: (error) => ended.reject(error),
        closed: (report) => {
          reports.push(report);
          ended.resolve(report);
        },
      },
      (started) => {
        session = started;
      },
    );
    const deps = { clock: systemClock, warn: () => {} };
    const link = await dialRelay({ url: at, trust, protocols: [protocol], timeoutMs: DIAL_MS, deps, attach });
    if (session === undefined) throw new Error("no session");
    this.#clients.add(session);
    return new StageClient(new TestClient(broadcasts, session, link, reports), ended.promise);
  }

  /**
   * The HTTP status with which a relay refuses a client. An engine that has answered before the relay is asked (docs/engines.md)
   * closes the session with the status as its code.
   */
  async refusal(url: string, options: ClientOptions = {}): Promise<number> {
    let client: StageClient;
    try {
      client = await this.client(url, options);
    } catch (error) {
      if (error instanceof TransportError && error.status !== undefined) return error.status;
      throw error;
    }
    return (await client.ended).code;
  }

  async close(): Promise<void> {
    for (const session of this.#clients) session.close(0, "");
    await Promise.all([...this.#relays].map((relay) => relay.close("the test is over")));
    await this.workspace.remove();
    clearInterval(this.#hold);
  }
}

/** A client, and how its session ended. */
export class StageClient {
  readonly inner: TestClient;
  readonly ended: Promise<{ code: number; message: string }>;

  constructor(inner: TestClient, ended: Promise<{ code: number; message: string }>) {
    this.inner = inner;
    this.ended = ended;
  }

  get protocol(): string {
    return this.inner.session.info.protocol;
  }

  /** Announced to it by now, its own broadcasts left out. */
  get told(): string[] {
    return [...this.inner.broadcasts.list("")]
      .filter((broadcast) => broadcast.routes.some(({ source }) => source === this.inner.session.source))
      .map(({ path }) => path);
  }

  publish(path: string): TestPublisher {
    return this.inner.publish(path);
  }

  watch(path: string, track = TRACK): TestViewer {
    return this.inner.watch(path, LIVE, track);
  }

  close(): void {
    this.inner.session.close(0, "");
  }
}

/** Sends groups with contents of their own, from `first` on, until `done`: a subscription begins with what comes after it. */
export async function sendUntil(publisher: TestPublisher, first: number, done: () => boolean): Promise<number> {
  let group = first;
  let last = 0;
  await until(() => {
    const now = performance.now();
    if (publisher.sinks.size > 0 && now - last > SEND_EVERY_MS) {
      last = now;
      publisher.send(group, ...contentOf(group));
      group++;
    }
    return done();
  });
  return group;
}

/** Milliseconds between two groups. */
const SEND_EVERY_MS = 50;

/** The frames of a group that a test sends. */
export function contentOf(group: number): string[] {
  return [`group ${group}`, `${"x".repeat(group % 7)} of ${group}`];
}

/** Groups that came whole and as they were sent. */
export function whole({ told }: TestViewer): number[] {
  return told.flatMap((line) => {
    const sequence = Number.parseInt(line, 10);
    return line === `${sequence} finished ${contentOf(sequence).join("|")}` ? [sequence] : [];
  });
}

let hops = 9_000n;
