/** A relay that asks for tokens, over a simulated network; wall and monotonic time are one and turned by hand. */
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type ClaimsInput, generateKey, type Key, type Revocation, signToken } from "../../auth/index.ts";
import { ManualClock } from "../../lab/network/manual-clock.ts";
import { MemoryNetwork } from "../../lab/network/memory-network.ts";
import { Counters } from "../../moq/counters.ts";
import type { Link, LinkRequest } from "../../moq/link.ts";
import { Broadcasts } from "../../moq/model/broadcasts.ts";
import { ChannelRegistry, liteSession, openAccess, type Session, type SessionReport } from "../../moq/session/index.ts";
import { loadConfig } from "../../relay/config/config.ts";
import { Defects } from "../../relay/host/defects.ts";
import { AuthGate } from "../../relay/host/gate.ts";
import { SessionHost } from "../../relay/host/sessions.ts";
import { createLogger } from "../../relay/log/logger.ts";
import { SESSION_LIMITS, TestClient, VERSIONS } from "../session/support.ts";
import { NOW } from "./support.ts";

const LINK_LIMITS = {
  uniStreams: 100,
  bidiStreams: 100,
  idleTimeoutMs: 10_000,
  keepAliveMs: 2_000,
  queueMark: 262_144,
};

export interface GuardedOptions {
  /** Settings of `[auth]`, by the names that the environment has for them. */
  readonly auth?: Readonly<Record<string, string>>;
  /** Without it nothing can verify tokens. */
  readonly withKey?: boolean;
}

/** Listens at `relay:4443`; knows one key. */
export class GuardedRelay {
  readonly clock = new ManualClock();
  readonly counters = new Counters();
  readonly lines: Record<string, unknown>[] = [];
  readonly network: MemoryNetwork;
  readonly broadcasts: Broadcasts;
  readonly host: SessionHost;
  readonly gate: AuthGate;
  readonly key: Key;
  readonly folder: string;
  readonly #deciding = new Set<Promise<unknown>>();

  private constructor(folder: string, key: Key, settings: Readonly<Record<string, string>>) {
    this.folder = folder;
    this.key = key;
    const { clock, counters } = this;
    const { config } = loadConfig({ env: settings });
    const log = createLogger({
      level: "info",
      format: "json",
      stream: { write: (line) => void this.lines.push(JSON.parse(line)) },
    });
    this.network = new MemoryNetwork({ clock, overwrite: true, settings: { latencyMs: 5 } });
    const limits = { ...config.limits, subscribeWaitMs: 0 };
    this.broadcasts = new Broadcasts({ clock, counters, limits, cache: config.cache });
    const wallNow = () => NOW + clock.now();
    this.gate = new AuthGate({
      config: config.auth,
      clock,
      wallNow,
      warn: () => {},
      changed: () => this.host.recheck(),
    });
    this.host = new SessionHost({
      broadcasts: this.broadcasts,
      clock,
      log,
      defects: new Defects({ log, clock, counters: this.broadcasts.counters }),
      limits: config.limits,
      gate: {
        admit: (info, root) => {
          const decision = this.gate.admit(info, root);
          this.#deciding.add(decision);
          const over = () => void this.#deciding.delete(decision);
          decision.then(over, over);
          return decision;
        },
      },
      channels: new ChannelRegistry(),
      hop: 1_000n,
      wallNow,
      expiryNoticeMs: config.auth.expiryNoticeMs,
      maxSessions: 1_000,
      handshakeTimeoutMs: 10_000,
    });
  }

  static async start({ auth = {}, withKey = true }: GuardedOptions = {}): Promise<GuardedRelay> {
    const folder = await mkdtemp(join(tmpdir(), "moqmesh-guarded-"));
    const key = await generateKey({ alg: "HS256", kid: "k1" });
    await writeFile(join(folder, "k1.jwk"), JSON.stringify(key.jwk));
    const relay = new GuardedRelay(folder, key, { ...(withKey && { MOQMESH_AUTH_KEY_DIR: folder }), ...auth });
    await relay.gate.open();
    const accept = (request: LinkRequest) => relay.host.accept(request);
    const listen = { host: "relay", port: 4443, protocols: VERSIONS, certificate: { cert: "", key: "" } };
    await relay.network.engine().listen({ ...listen, limits: LINK_LIMITS }, accept);
    return relay;
  }

  async stop(): Promise<void> {
    this.gate.close();
    this.host.closeAll(0, "the test is over");
    this.host.close();
    await rm(this.folder, { recursive: true, force: true });
  }

  /** A token of the relay's key, valid for an hour unless `claims` say otherwise. */
  async token(claims: ClaimsInput): Promise<string> {
    return await signToken(this.key, { exp: this.seconds(3_600), ...claims });
  }

  /** `seconds` from now, in seconds since 1970. */
  seconds(seconds: number): number {
    return (NOW + this.clock.now()) / 1000 + seconds;
  }

  async revoke(entry: Revocation): Promise<void> {
    await this.gate.revoke(entry);
  }

  /** Rejects with the relay's refusal. Every client that comes has an address of its own. */
  async connect(version: string, token?: string, path = "/", engine = this.network.engine()): Promise<TestClient> {
    const broadcasts = new Broadcasts({
      clock: this.clock,
      limits: { ...loadConfig({}).config.limits, subscribeWaitMs: 0 },
      cache: { bytes: 1e6, policy: "oldest", maxAgeMs: 60_000 },
    });
    const reports: SessionReport[] = [];
    let session: Session | undefined;
    const defects: unknown[] = [];
    const attach = liteSession(
      {
        broadcasts,
        clock: this.clock,
        limits: SESSION_LIMITS,
        channels: new ChannelRegistry(),
        hop: nextHop++,
        access: openAccess(""),
        announcePrefix: "",
        defect: (error) => defects.push(error),
        closed: (report) => reports.push(report),
      },
      (started) => {
        session = started;
      },
    );
    const url = new URL(`https://relay:4443${path}`);
    if (token !== undefined) url.searchParams.set("jwt", token);
    const options = {
      url,
      protocols: [version],
      trust: { kind: "insecure" as const },
      limits: LINK_LIMITS,
      timeoutMs: 5_000,
    };
    const link = await this.#settled(engine.dial(options, attach));
    if (session === undefined) throw new Error("no session");
    return new TestClient(broadcasts, session, link, reports);
  }

  /** Time passes only while no token is being verified, which is other threads' work. */
  async #settled(dialled: Promise<Link>): Promise<Link> {
    const state = { over: false };
    const settled = dialled.finally(() => {
      state.over = true;
    });
    settled.catch(() => {});
    while (!state.over) {
      await Promise.allSettled(this.#deciding);
      await new Promise((resolve) => setImmediate(resolve));
      this.clock.advance(1);
    }
    return await settled;
  }

  async pass(ms: number): Promise<void> {
    this.clock.advance(ms);
    await new Promise((resolve) => setImmediate(resolve));
  }
}

let nextHop = 1_000_000n;
