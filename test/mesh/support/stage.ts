/** Whole relays of a mesh in this process over real QUIC, with clients whose groups the test sends. */

import type { Role } from "../../../cluster/contract.ts";
import { freePorts } from "../../../lab/ports.ts";
import { type MeshWorkspace, makeMeshWorkspace } from "../../../lab/workspace.ts";
import { TransportError, type Trust } from "../../../moq/link.ts";
import type { Relay } from "../../../relay/main.ts";
import { patient } from "../../../scripts/suite/patience.ts";
import { LIVE, type TestClient, type TestPublisher, type TestViewer, TRACK } from "../../session/support.ts";
import { dialling, openClient, type SessionEnd } from "../../support/client.ts";
import { type Settings, TestRelay, type TestRelayOptions } from "../../support/relay.ts";
import { until } from "../../support/until.ts";

/** Milliseconds for a client's handshake. */
const DIAL_MS = patient(10_000);

/** Longest delay of a Node timer. */
const LONGEST_TIMER_MS = 2 ** 31 - 1;

/** A relay of the mesh that a test started. */
export interface Staged {
  readonly node: string;
  readonly port: number;
  /** `https://127.0.0.1:PORT`. */
  readonly url: string;
  readonly relay: Relay;
  /** Lines of its log, as objects. */
  readonly entries: readonly Record<string, unknown>[];
  messages(): string[];
  /** Reloads with `settings` over those of its start. */
  reload(settings: Settings): Promise<unknown>;
}

export interface ClientOptions {
  readonly token?: string;
  readonly protocol?: string;
  /** Prefix of the announcements that it asks for; none by default. */
  readonly follows?: string;
  /** The stage's certificate by default. */
  readonly trust?: Trust;
}

export class Stage {
  readonly workspace: MeshWorkspace;
  readonly trust: Trust;
  readonly #relays = new Set<TestRelay>();
  readonly #clients = new Set<TestClient>();
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
    options: Pick<TestRelayOptions, "clock" | "wallNow" | "resolver" | "dashboardFolder"> = {},
  ): Promise<Staged> {
    const host = settings["server.host"] ?? "127.0.0.1";
    const [port = 0] = settings["server.port"] === undefined ? await freePorts(1) : [Number(settings["server.port"])];
    const url = `https://${host}:${port}`;
    const { workspace } = this;
    const all = {
      "server.port": String(port),
      "tls.cert": workspace.cert,
      "tls.key": workspace.key,
      "auth.key_dir": workspace.keys,
      "drain.grace": "5s",
      "cluster.node": node,
      "cluster.role": role,
      "cluster.region": "eu",
      "cluster.url": url,
      "cluster.key_file": workspace.clusterKey,
      "cluster.fingerprints": workspace.fingerprint,
      ...settings,
    };
    const staged = await TestRelay.start(all, options);
    this.#relays.add(staged);
    const { relay, entries, captured } = staged;
    const reload = (more: Settings) => staged.reload(more);
    return { node, port, url, relay, entries, messages: captured.messages, reload };
  }

  /** A publisher or viewer with a session of its own at any relay. Rejects with the refusal. */
  async client(url: string, options: ClientOptions = {}): Promise<StageClient> {
    const { token, protocol = "moq-lite-05", follows, trust = this.trust } = options;
    const at = new URL(url);
    if (token !== undefined) at.searchParams.set("jwt", token);
    const dial = dialling(at, { trust, protocol, timeoutMs: DIAL_MS });
    const { client, ended } = await openClient(dial, follows === undefined ? {} : { announcePrefix: follows });
    this.#clients.add(client);
    return new StageClient(client, ended);
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
    for (const { session } of this.#clients) session.close(0, "");
    await Promise.all([...this.#relays].map((relay) => relay.stop()));
    await this.workspace.remove();
    clearInterval(this.#hold);
  }
}

/** Relays in the registry of a root. */
export function nodesAt({ relay }: Pick<Staged, "relay">) {
  return [...(relay.cluster()?.registry?.nodes() ?? [])];
}

/** Broadcasts under `prefix` in the registry of a root. */
export function broadcastsAt({ relay }: Pick<Staged, "relay">, prefix: string) {
  return [...(relay.cluster()?.registry?.broadcasts(prefix) ?? [])];
}

/** A client, and how its session ended. */
export class StageClient {
  readonly inner: TestClient;
  readonly ended: Promise<SessionEnd>;

  constructor(inner: TestClient, ended: Promise<SessionEnd>) {
    this.inner = inner;
    this.ended = ended;
  }

  get protocol(): string {
    return this.inner.session.info.protocol;
  }

  /** Paths announced to it by now, without its own broadcasts. */
  get announced(): string[] {
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

/** Sends groups, each with its own content, from `first` on until `done`: a subscription begins with the groups that follow it. */
export async function sendUntil(
  publisher: TestPublisher,
  first: number,
  done: (next: number) => boolean,
): Promise<number> {
  let group = first;
  let last = 0;
  await until(() => {
    const now = performance.now();
    if (publisher.sinks.size > 0 && now - last > SEND_EVERY_MS) {
      last = now;
      publisher.send(group, ...contentOf(group));
      group++;
    }
    return done(group);
  });
  return group;
}

/** Milliseconds between two groups. */
const SEND_EVERY_MS = 50;

/** The frames of a group that a test sends. */
export function contentOf(group: number): string[] {
  return [`group ${group}`, `${"x".repeat(group % 7)} of ${group}`];
}

/**
 * Groups that arrived whole and as they were sent, each as often as it came, in the order of their numbers: each has a stream of its own, and
 * streams may overtake one another.
 */
export function wholeGroups({ groupLines }: TestViewer): number[] {
  const whole = groupLines.flatMap((line) => {
    const sequence = Number.parseInt(line, 10);
    return line === `${sequence} finished ${contentOf(sequence).join("|")}` ? [sequence] : [];
  });
  return whole.sort((a, b) => a - b);
}

/**
 * The last of a viewer's groups when it has all from its first one on, each once and whole; undefined before. Each group has a stream
 * of its own, and streams may overtake each other.
 */
export function lastWithoutGap(viewer: TestViewer): number | undefined {
  const groups = wholeGroups(viewer);
  const [first = 0, last = -1] = [groups[0], groups.at(-1)];
  const distinct = new Set(groups).size;
  const whole = distinct === last - first + 1 && distinct === groups.length && distinct === viewer.groups.length;
  return whole && distinct > 0 ? last : undefined;
}
