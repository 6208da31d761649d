/** Files that configurations of these tests name, made once in one folder. */
import { createPrivateKey } from "node:crypto";
import { chmodSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { generateKey, publicJwk, signToken } from "../../auth/index.ts";
import { loadConfig } from "../../relay/config/config.ts";
import { type InspectionOptions, inspect } from "../../relay/preflight/index.ts";
import { Authority } from "../support/authority.ts";
import { testCertificate } from "../support/certificate.ts";

/** Bytes that the process may use, for every machine alike. */
const MEMORY = 8 * 2 ** 30;

/** Seconds since 1970. */
const NOW = Math.floor(Date.now() / 1_000);
const DAY = 86_400;

export class Fixtures {
  readonly folder = mkdtempSync(join(tmpdir(), "moqmesh-preflight-"));

  at(name: string): string {
    return join(this.folder, name);
  }

  write(name: string, text: string, mode = 0o600): void {
    writeFileSync(this.at(name), text);
    chmodSync(this.at(name), mode);
  }

  pair(name: string, { cert, key }: { cert: string; key: string }): void {
    this.write(`${name}.pem`, cert);
    this.write(`${name}.key`, key);
  }

  async make(): Promise<void> {
    for (const name of ["folder", "keys", "junk-keys", "no-keys", "state"]) mkdirSync(this.at(name));
    this.write("text", "neither a certificate nor a key\n");
    this.write("short", "too short\n");
    this.write("empty", "\n");
    this.write("secret", `${"s".repeat(40)}\n`);
    this.write("open-secret", `${"s".repeat(40)}\n`, 0o644);
    await Promise.all([this.#certificates(), this.#keys()]);
  }

  remove(): void {
    rmSync(this.folder, { recursive: true });
  }

  async #certificates(): Promise<void> {
    const root = await Authority.make("Root");
    const other = await Authority.make("Other root");
    const middle = await root.intermediate("Middle");
    const ended = await root.intermediate("Ended", -1);
    const names = ["relay.example"];
    const good = await root.issue({ names, days: 90 });
    this.pair("good", good);
    this.write("open.key", good.key, 0o644);
    this.pair("old", await root.issue({ names, days: -1 }));
    this.pair("early", await root.issue({ names, days: 90, before: -5 }));
    this.pair("soon", await root.issue({ names, days: 5 }));
    this.pair("client", await root.issue({ names, days: 90, use: "client" }));
    this.pair("nameless", await root.issue({ names: [], days: 90 }));
    this.pair("edge-1", await root.issue({ names: ["edge-1"], days: 90, use: "client" }));
    this.pair("edge-2", await other.issue({ names: ["edge-1"], days: 90, use: "client" }));
    this.pair("self", await testCertificate());
    const leaf = await middle.issue({ names, days: 90 });
    this.pair("leaf", leaf);
    this.write("turned.pem", `${middle.root}\n${leaf.cert}`);
    this.write("mixed.pem", `${leaf.cert}${other.root}\n${middle.root}\n`);
    this.write("full.pem", `${leaf.cert}${middle.root}\n`);
    const late = await ended.issue({ names, days: 90 });
    this.pair("late", { cert: `${late.cert}${ended.root}\n`, key: late.key });
    this.write("private.pem", `${good.cert}${root.root}\n`);
    this.write("root.pem", `${root.root}\n`);
    this.write("other.pem", `${other.root}\n`);
    this.write("ended.pem", `${ended.root}\n`);
    this.write("broken.pem", "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n");
    const secret = { type: "pkcs8", format: "pem", cipher: "aes-256-cbc", passphrase: "secret" } as const;
    this.write("locked.key", createPrivateKey(good.key).export(secret).toString());
  }

  async #keys(): Promise<void> {
    const key = await generateKey({ kid: "mesh", alg: "ES256" });
    const other = await generateKey({ kid: "other", alg: "ES256" });
    const open = JSON.stringify(publicJwk(key));
    this.write("mesh.jwk", JSON.stringify(key.jwk));
    this.write("public.jwk", open);
    this.write("loose.jwk", open, 0o666);
    this.write("other.jwk", JSON.stringify(publicJwk(other)));
    this.write("signs.jwk", JSON.stringify({ ...key.jwk, key_ops: ["sign"] }));
    this.write("set.jwk", JSON.stringify({ keys: [publicJwk(key), { kty: "oct", k: "AA" }] }));
    this.write("none.jwk", "{}");
    writeFileSync(join(this.at("keys"), "mesh.jwk"), open);
    writeFileSync(join(this.at("junk-keys"), "a.jwk"), "junk");
    const token = async (name: string, claims: object) => this.write(name, await signToken(key, claims));
    await token("token", { cluster: true, exp: NOW + 90 * DAY });
    await token("no-cluster", { get: [""], exp: NOW + 90 * DAY });
    this.write("open-token", await signToken(key, { cluster: true, exp: NOW + 90 * DAY }), 0o644);
    await token("past", { cluster: true, exp: NOW - DAY });
    await token("short-life", { cluster: true, exp: NOW + 3_600 });
    await token("foreign", { cluster: true, sub: "edge-9", exp: NOW + 90 * DAY });
  }
}

/** A problem or a warning: its code, its line (0: not in the file), its key, its sentence with FOLDER for the folder. */
export interface Seen {
  readonly code: string;
  readonly line: number;
  readonly key: string;
  readonly text: string;
}

/** What is wrong with a configuration whose text has `DIR` for the folder. Listeners that it does not name have free ports. */
export async function findingsOf(
  fixtures: Fixtures,
  toml: string,
  options: InspectionOptions = {},
): Promise<{ problems: Seen[]; warnings: Seen[] }> {
  const free = [
    ["server.port", "0", /^port = /m],
    ["http.admin_port", "0", /^admin_port = /m],
    ["tls.state_dir", fixtures.at("state"), /^state_dir = /m],
  ] as const;
  const flags = free.filter(([, , given]) => !given.test(toml)).map(([key, value]) => ({ key, value, name: key }));
  const text = toml.replaceAll("DIR", fixtures.folder);
  const loaded = loadConfig({ file: "relay.toml", text, flags, memory: () => MEMORY });
  const found = await inspect(loaded, { running: true, memory: () => MEMORY, ...options });
  const seen = (list: typeof found.problems): Seen[] =>
    list.map(({ code, key, message, hint = "", origin }) => ({
      code,
      key,
      line: origin.kind === "file" ? (origin.line ?? 0) : 0,
      text: `${message}; ${hint}`.replaceAll(fixtures.folder, "FOLDER"),
    }));
  return { problems: seen(found.problems), warnings: seen(found.warnings) };
}
