/** The relay under test: the whole program of `relay/main.ts`, in this process, on free ports of loopback. */
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Counters } from "../../moq/counters.ts";
import type { Trust } from "../../moq/link.ts";
import { type Config, type LoadedConfig, loadConfig, type RunTime } from "../../relay/config/config.ts";
import { type Relay, type StartOptions, start } from "../../relay/main.ts";
import type { ReloadReport } from "../../relay/reload/index.ts";
import { revokeAt, writeAdminSecret } from "./admin.ts";
import { type CapturedLog, captureLog } from "./log.ts";

/** Values of the configuration by section and key, such as `cluster.linger`. Lists are separated by commas; an empty value is the default. */
export type Settings = Readonly<Record<string, string>>;

export interface TestRelayOptions extends Omit<StartOptions, "log"> {
  /** Takes the relay's log, so that several relays share one; each has its own unless given. */
  readonly captured?: CapturedLog;
}

/** A relay that runs, and what tests ask of it. */
export class TestRelay {
  readonly relay: Relay;
  readonly captured: CapturedLog;
  /** Its own: its state, and the secret of its admin listener. */
  readonly folder: string;
  readonly #source: SettingsSource;

  private constructor(relay: Relay, captured: CapturedLog, folder: string, source: SettingsSource) {
    this.relay = relay;
    this.captured = captured;
    this.folder = folder;
    this.#source = source;
  }

  /** Starts a relay with `settings` over those of {@link testConfig}. Rejects with what made the start impossible. */
  static async start(settings: Settings = {}, options: TestRelayOptions = {}): Promise<TestRelay> {
    const { captured = captureLog(), ...more } = options;
    const { config, folder, all, remove } = await testConfig(settings);
    const source = new SettingsSource(all);
    try {
      return new TestRelay(await start(config, { source, ...more, log: captured.log }), captured, folder, source);
    } catch (error) {
      await remove();
      throw error;
    }
  }

  /** UDP and TCP. */
  get port(): number {
    return this.relay.address.port;
  }

  /** `http://127.0.0.1:PORT/`; the same port takes WebTransport and WebSocket. */
  get url(): URL {
    return this.at("http");
  }

  /** The public port, with a scheme, a path and a query. */
  at(scheme: string, target = "/"): URL {
    return new URL(target, `${scheme}://127.0.0.1:${this.port}/`);
  }

  /** An address of the admin listener. */
  admin(target: string): URL {
    return new URL(target, `http://127.0.0.1:${this.relay.adminAddress?.port}/`);
  }

  /** Asks the admin listener to revoke. */
  revoke(entry: object, secret?: string): Promise<Response> {
    return revokeAt(this.relay.adminAddress?.port, entry, secret);
  }

  /** Reloads with `settings` over those of its start; an empty value is the default. */
  async reload(settings: Settings = {}): Promise<ReloadReport> {
    this.#source.over = settings;
    return await this.relay.settings.reload();
  }

  get counters(): Counters {
    return this.relay.counters;
  }

  /** Lines of its log, as objects. */
  get entries(): readonly Record<string, unknown>[] {
    return this.captured.entries;
  }

  /** SHA-256 of its self-signed certificate. */
  get certificateHash(): Uint8Array<ArrayBuffer> {
    const { fingerprint } = this.relay;
    if (fingerprint === undefined) throw new Error("the relay has no self-signed certificate");
    return Uint8Array.from(Buffer.from(fingerprint, "hex"));
  }

  /** Trust in its self-signed certificate, and in no other. */
  get trust(): Trust {
    return { kind: "hashes", sha256: [this.certificateHash] };
  }

  /** Closes every session, frees the ports and removes the relay's files. */
  async stop(): Promise<void> {
    await this.relay.close("the test is over");
    await rm(this.folder, { recursive: true, force: true });
  }
}

/** Runs `work` with a relay, and stops the relay after. */
export async function withRelay(
  settings: Settings,
  work: (relay: TestRelay) => Promise<void>,
  options: TestRelayOptions = {},
): Promise<void> {
  const relay = await TestRelay.start(settings, options);
  try {
    await work(relay);
  } finally {
    await relay.stop();
  }
}

export interface TestConfig {
  readonly config: Config;
  /** The settings that make `config`. */
  readonly all: Settings;
  /** The relay's own: its state, and the secret of its admin listener. */
  readonly folder: string;
  remove(): Promise<void>;
}

/** The configuration of a relay that is alone on this machine: loopback, free ports, state in a folder of its own. */
export async function testConfig(settings: Settings = {}): Promise<TestConfig> {
  const folder = await mkdtemp(join(tmpdir(), "moqmesh-test-"));
  const remove = () => rm(folder, { recursive: true, force: true });
  const all = {
    "server.host": "127.0.0.1",
    "server.port": "0",
    "http.admin_port": "0",
    "http.admin_token_file": await writeAdminSecret(folder),
    "tls.state_dir": folder,
    "drain.spread": "0s",
    // Counts of sessions and connections are those of the test alone.
    "health.probe_interval": "0s",
    // Other programs may keep a busy machine from this one for a second.
    "health.event_loop": "9s",
    ...settings,
  };
  try {
    return { config: configOf(all), all, folder, remove };
  } catch (error) {
    await remove();
    throw error;
  }
}

/** The configuration with `settings` over the defaults. */
export function configOf(settings: Settings): Config {
  return loadedOf(settings).config;
}

function loadedOf(settings: Settings, set: Partial<RunTime> = {}): LoadedConfig {
  const given = Object.entries(settings).filter(([, value]) => value !== "");
  return loadConfig({ flags: given.map(([key, value]) => ({ key, value, name: key })), ...set });
}

/** Settings in place of files, so that a test changes what a reload finds. */
class SettingsSource {
  readonly #base: Settings;
  readonly loaded: LoadedConfig;
  /** Settings over those of the start. */
  over: Settings = {};

  constructor(base: Settings) {
    this.#base = base;
    this.loaded = loadedOf(base);
  }

  async load(set: RunTime): Promise<LoadedConfig> {
    return await Promise.resolve(loadedOf({ ...this.#base, ...this.over }, set));
  }
}
