/** A relay that asks for tokens, over a simulated network; wall and monotonic time are one and turned by hand. */
import type { ClaimsInput } from "../../auth/index.ts";
import { ManualClock } from "../../lab/network/manual-clock.ts";
import { MemoryNetwork } from "../../lab/network/memory-network.ts";
import type { Engine, LinkRequest } from "../../moq/link.ts";
import type { ReloadReport } from "../../relay/reload/index.ts";
import { type ApiAnswer, ask } from "../admin/support.ts";
import { LINK_LIMITS, type TestClient, VERSIONS } from "../session/support.ts";
import { openClient } from "../support/client.ts";
import { TestKey } from "../support/keys.ts";
import { type Settings, TestRelay } from "../support/relay.ts";
import { NOW } from "./support.ts";

/** Milliseconds of the clock for each turn of the event loop while a test waits for other threads. */
const STEP_MS = 1;

export interface GuardedOptions {
  readonly settings?: Settings;
  /** Without a key the relay cannot verify tokens. */
  readonly withKey?: boolean;
  /** Bytes a second of each direction of each link; unlimited by default. */
  readonly bandwidth?: number;
}

/** Listens at `relay:4443`; knows one key. */
export class GuardedRelay {
  readonly clock: ManualClock;
  readonly network: MemoryNetwork;
  readonly key: TestKey;
  readonly #started: TestRelay;
  readonly #doorway: Doorway;

  private constructor(clock: ManualClock, network: MemoryNetwork, key: TestKey, started: TestRelay, doorway: Doorway) {
    this.clock = clock;
    this.network = network;
    this.key = key;
    this.#started = started;
    this.#doorway = doorway;
  }

  static async start({ settings = {}, withKey = true, bandwidth = 0 }: GuardedOptions = {}): Promise<GuardedRelay> {
    const clock = new ManualClock();
    const network = new MemoryNetwork({ clock, overwrite: true, settings: { latencyMs: 5, bandwidth } });
    const key = await TestKey.make("k1", { alg: "HS256" }, () => (NOW + clock.now()) / 1_000);
    const doorway = new Doorway(network.engine());
    const all = {
      "server.host": "relay",
      "server.port": "4443",
      "server.websocket": "false",
      "http.enabled": "false",
      "limits.subscribe_wait": "0s",
      ...(withKey && { "auth.key_dir": key.folder }),
      ...settings,
    };
    const started = await TestRelay.start(all, { clock, wallNow: () => NOW + clock.now(), engine: doorway.engine });
    return new GuardedRelay(clock, network, key, started, doorway);
  }

  get relay() {
    return this.#started.relay;
  }

  get counters() {
    return this.#started.counters;
  }

  get entries() {
    return this.#started.entries;
  }

  async stop(): Promise<void> {
    await this.#whileTimePasses(this.#started.stop());
    await this.key.remove();
  }

  /** A token of the relay's key, valid for an hour unless `claims` say otherwise. */
  async token(claims: ClaimsInput): Promise<string> {
    return await this.key.token(claims);
  }

  /** `seconds` from now, in seconds since 1970. */
  seconds(seconds: number): number {
    return (NOW + this.clock.now()) / 1000 + seconds;
  }

  /** Asks its admin API, with the right to act. */
  async ask(method: string, target: string, body?: object): Promise<ApiAnswer> {
    return await ask(this.#started, method, target, body);
  }

  /** Reloads with `settings` over those of its start. */
  async reload(settings: Settings): Promise<ReloadReport> {
    return await this.#started.reload(settings);
  }

  async revoke(entry: object): Promise<void> {
    const { status } = await this.#started.revoke(entry);
    if (status !== 200) throw new Error(`the revocation was answered with ${status}`);
  }

  /** Rejects with the relay's refusal. Every client has an address of its own. */
  async connect(version: string, token?: string, path = "/", engine = this.network.engine()): Promise<TestClient> {
    const url = new URL(`https://relay:4443${path}`);
    if (token !== undefined) url.searchParams.set("jwt", token);
    const options = {
      url,
      protocols: [version],
      trust: { kind: "insecure" as const },
      limits: LINK_LIMITS,
      timeoutMs: 5_000,
    };
    const opened = openClient((attach) => this.#whileTimePasses(engine.dial(options, attach)), {
      clock: this.clock,
      announcePrefix: "",
    });
    return (await opened).client;
  }

  /** Gives the relay a request of a client at any address. */
  offer(request: LinkRequest): void {
    this.#doorway.offer(request);
  }

  /** Moves the clock on while `promise` waits for timers, but not while the relay decides on a request: other threads verify tokens. */
  async #whileTimePasses<T>(promise: Promise<T>): Promise<T> {
    const state = { over: false };
    const settled = promise.finally(() => {
      state.over = true;
    });
    settled.catch(() => {});
    while (!state.over) {
      await this.#doorway.decided();
      this.clock.advance(STEP_MS);
    }
    return await settled;
  }

  async pass(ms: number): Promise<void> {
    this.clock.advance(ms);
    await new Promise((resolve) => setImmediate(resolve));
  }
}

/** Stands before an engine and notes which requests the relay has not answered. */
class Doorway {
  readonly engine: Engine;
  readonly #undecided = new Set<LinkRequest>();
  #onRequest: ((request: LinkRequest) => void) | undefined;

  constructor(engine: Engine) {
    this.engine = {
      name: engine.name,
      dialsAddresses: engine.dialsAddresses,
      trustsRoots: engine.trustsRoots,
      clientCertificates: engine.clientCertificates,
      fanOut: () => engine.fanOut(),
      dial: (options, attach) => engine.dial(options, attach),
      listen: (options, onRequest) => {
        this.#onRequest = onRequest;
        // The wire of the mesh as well: its sessions obey the same tokens.
        return engine.listen({ ...options, protocols: VERSIONS }, (request) => this.offer(request));
      },
    };
  }

  offer(request: LinkRequest): void {
    this.#undecided.add(request);
    const decided = () => void this.#undecided.delete(request);
    this.#onRequest?.({
      info: request.info,
      accept: (attach, gone) => {
        decided();
        request.accept(attach, gone);
      },
      reject: (status, text) => {
        decided();
        request.reject(status, text);
      },
    });
  }

  /** Resolves when the relay has decided on every request so far. */
  async decided(): Promise<void> {
    do await new Promise((resolve) => setImmediate(resolve));
    while (this.#undecided.size > 0);
  }
}
