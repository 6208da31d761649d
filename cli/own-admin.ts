/** The admin listener of the relay that runs on this machine, by its configuration. */
import { readFileSync } from "node:fs";
import type { Trust } from "../moq/link.ts";
import { type Config, onThisMachine, ownSecretFile } from "../relay/config/index.ts";

/** Where this machine reaches its admin listener; undefined when there is none, or its port is chosen at each start. */
export function ownAdminUrl({ admin, adminHost, adminPort, adminTls }: Config["http"]): URL | undefined {
  if (!admin || adminPort === 0) return undefined;
  return new URL(`${adminTls ? "https" : "http"}://${onThisMachine(adminHost)}:${adminPort}/`);
}

/** Trust in the certificate that the listener shows; by the system when its file cannot be read. */
export async function ownAdminTrust({ tls }: Config): Promise<Trust> {
  const { ownTrust } = await import("../relay/client/index.ts");
  return (await ownTrust(tls.cert, tls.stateDir)) ?? { kind: "system" };
}

/** The secret of the admin API, if this user may read it, and its file. */
export interface OwnSecret {
  readonly file: string;
  readonly secret?: string;
  /** The code of the system's error. */
  readonly failed?: string;
}

export function ownSecret({ http, tls }: Config): OwnSecret {
  if (http.adminToken !== undefined) return { file: "[http] admin_token", secret: http.adminToken };
  const file = http.adminTokenFile ?? ownSecretFile(tls.stateDir);
  try {
    return { file, secret: readFileSync(file, "utf8").trim() };
  } catch (error) {
    return { file, failed: error instanceof Error && "code" in error ? String(error.code) : String(error) };
  }
}
