import { existsSync } from "node:fs";
import { stat } from "node:fs/promises";
import { resolve } from "node:path";
import { SECRET_READABLE } from "../../auth/index.ts";
import { systemClock } from "../../transport/shared/index.ts";
import { loadCertificate, readAuthorities, readPem, selfSignedFile } from "../../transport/tls/index.ts";
import { readSecret } from "../admin/index.ts";
import { type Config, formatOrigin, idleRole, type LoadedConfig, type Problem } from "../config/index.ts";
import { AuthGate, ClusterPlane, engineFault, nativeSettings, pemPairs } from "../host/index.ts";
import { meshCredentials } from "../mesh/index.ts";
import { readableSecrets } from "../secret-files.ts";

/** Problems, which keep a relay from starting, and warnings, which do not. */
export interface Findings {
  readonly problems: readonly Problem[];
  readonly warnings: readonly Problem[];
}

/**
 * Loads every file that a relay loads at its start, as the relay does, and finds every problem that would keep it from starting. `running`:
 * for a relay that runs and has its engine already.
 */
export async function preflight(loaded: LoadedConfig, { running = false } = {}): Promise<Findings> {
  const files = new Preflight(loaded);
  await Promise.all([
    files.certificates(),
    files.authorities(),
    files.auth(),
    files.cluster(),
    files.engine(running),
    files.secrets(),
    files.state(),
  ]);
  files.roles();
  files.ports();
  return { problems: inOrder(files.problems), warnings: inOrder(files.warnings) };
}

/** Sorts by place in the configuration, because files are read in parallel. */
function inOrder(found: readonly Problem[]): Problem[] {
  const place = ({ origin, key }: Problem) =>
    `${origin.kind === "file" ? String(origin.line ?? 0).padStart(9, "0") : formatOrigin(origin)} ${key}`;
  return [...found].sort((a, b) => place(a).localeCompare(place(b)));
}

class Preflight {
  readonly problems: Problem[] = [];
  readonly warnings: Problem[] = [];
  readonly #loaded: LoadedConfig;
  readonly #config: Config;

  constructor(loaded: LoadedConfig) {
    this.#loaded = loaded;
    this.#config = loaded.config;
  }

  async certificates(): Promise<void> {
    const { cert, stateDir, hosts } = this.#config.tls;
    const pairs = pemPairs(this.#config);
    await Promise.all(
      pairs.map(async (files, index) => {
        const main = cert !== undefined && index === 0;
        const certKey = [main ? "tls.cert" : "tls.certificates", files.cert] as const;
        const keyKey = [main ? "tls.key" : "tls.certificates", files.key] as const;
        const readable = await Promise.all([
          this.#load(() => readPem(files.cert, "certificate"), [certKey]),
          this.#load(() => readPem(files.key, "key"), [keyKey]),
        ]);
        if (readable.includes(false)) return;
        const options = { files, further: main ? [] : [files], stateDir, hosts, wallNow: Date.now };
        await this.#load(() => loadCertificate(options), [keyKey, certKey]);
      }),
    );
  }

  /** The authorities of client certificates, each file separately. */
  async authorities(): Promise<void> {
    const { tls, cluster, http } = this.#config;
    const files = [
      ["tls.client_ca", tls.clientCa],
      ["cluster.client_ca", cluster.clientCa],
      ["http.admin_client_ca", http.adminClientCa],
    ] as const;
    await Promise.all(
      files.map(async ([key, file]) => {
        if (file !== undefined) await this.#load(() => readAuthorities(file), [[key, file]]);
      }),
    );
  }

  /** Checks each file separately, so that one problem hides no other. Sources on the network are not checked. */
  async auth(): Promise<void> {
    const { key, keyFile, keyDir, revocations } = this.#config.auth;
    const none = {
      key: undefined,
      keyFile: undefined,
      keyDir: undefined,
      keyUrl: undefined,
      api: undefined,
      revocations: undefined,
    };
    await this.#gate("auth.key", { ...none, key }, key);
    await this.#gate("auth.key_file", { ...none, keyFile }, keyFile);
    await this.#gate("auth.revocations", { ...none, revocations }, revocations);
    await this.#gate("auth.key_dir", { ...none, keyDir }, keyDir);
  }

  async cluster(): Promise<void> {
    const { cluster } = this.#config;
    const { node, key, keyFile, tokenFile } = cluster;
    if (node === undefined) return;
    const ca = this.#makesItself(cluster.ca) ? undefined : cluster.ca;
    await this.#load(
      () => meshCredentials({ ...cluster, ca }, Date.now),
      [
        ["cluster.ca", ca],
        ["cluster.key_file", keyFile],
        ["cluster.token_file", tokenFile],
        ["cluster.client_key", cluster.clientKey],
        ["cluster.client_cert", cluster.clientCert],
        [key === undefined ? "cluster.token" : "cluster.key", undefined],
      ],
    );
  }

  /** True for the self-signed certificate of this machine, which the first relay that starts makes for all. */
  #makesItself(file: string | undefined): boolean {
    const { cert, stateDir } = this.#config.tls;
    if (file === undefined || cert !== undefined) return false;
    return resolve(file) === resolve(selfSignedFile(stateDir)) && !existsSync(file);
  }

  async engine(running: boolean): Promise<void> {
    const { server, quic, tls } = this.#config;
    // With port 0, no stateless reset key is made.
    const config = { ...this.#config, server: { ...server, port: 0 }, tls, quic: { ...quic, qlogDir: undefined } };
    await this.#load(() => nativeSettings(config, () => {}), [["quic.reset_key_file", quic.resetKeyFile]]);
    if (running) return;
    await this.#load(async () => {
      const fault = await engineFault(this.#config);
      if (fault !== undefined) this.problems.push({ code: "bad_value", ...fault, origin: this.#origin(fault.key) });
    }, [["server.engine", undefined]]);
  }

  async secrets(): Promise<void> {
    const { adminTokenFile, adminReadTokenFile } = this.#config.http;
    const files = [
      ["admin_token_file", adminTokenFile],
      ["admin_read_token_file", adminReadTokenFile],
    ] as const;
    for (const [name, file] of files) {
      if (file === undefined) continue;
      const key = `http.${name}`;
      await this.#load(() => readSecret(file, name), [[key, file]]);
    }
    for (const warning of await readableSecrets(this.#loaded)) this.warnings.push(warning);
  }

  roles(): void {
    const idle = idleRole(this.#config);
    if (idle !== undefined) this.#warn("cluster.role", idle);
  }

  /** Two listeners on the same port. */
  ports(): void {
    const { server, http } = this.#config;
    const { adminHost: host, adminPort: port } = http;
    if (!http.admin || port === 0 || port !== server.port || !overlap(host, server.host)) return;
    const message = `the public port is also ${port}: choose another port for the admin listener`;
    this.#problem("http.admin_port", message);
  }

  async state(): Promise<void> {
    const { stateDir } = this.#config.tls;
    const found = await stat(stateDir).catch(() => undefined);
    if (found?.isDirectory() === false) this.#problem("tls.state_dir", `${stateDir} is not a folder`);
  }

  /** Opens the gate with these settings, if they name a file. */
  async #gate(key: string, settings: Partial<Config["auth"]>, file: string | undefined): Promise<void> {
    if (file === undefined) return;
    const gate = new AuthGate({
      config: { ...this.#config.auth, ...settings },
      cluster: new ClusterPlane(this.#config.cluster),
      clock: systemClock,
      wallNow: Date.now,
      warn: (message) => this.#warn(key, message),
      changed: () => {},
    });
    await this.#load(() => gate.open(), [[key, file]]);
    gate.close();
  }

  /** Loads a file. An error becomes a problem of the first key whose file it names, else of the last key; the result is false then. */
  async #load(load: () => Promise<unknown>, keys: readonly (readonly [key: string, file: string | undefined])[]) {
    try {
      await load();
      return true;
    } catch (error) {
      const message = error instanceof Error ? error.message : String(error);
      const named = keys.find(([, file]) => file !== undefined && message.includes(file));
      const key = named?.[0] ?? keys.at(-1)?.[0] ?? "";
      this.#problem(key, message);
      return false;
    }
  }

  #problem(key: string, message: string): void {
    this.problems.push({ code: "bad_value", key, message, origin: this.#origin(key) });
  }

  #warn(key: string, message: string): void {
    const code = message.startsWith(`${SECRET_READABLE}:`) ? SECRET_READABLE : "bad_value";
    this.warnings.push({ code, key, message, origin: this.#origin(key) });
  }

  #origin(key: string) {
    return this.#loaded.origins.get(key) ?? ({ kind: "default" } as const);
  }
}

/** True when listeners on these two hosts cannot have the same port. */
function overlap(one: string, other: string): boolean {
  return (
    one === other ||
    [one, other].some((host) => host === "::" || (host === "0.0.0.0" && !`${one}${other}`.includes(":")))
  );
}
