/** The admin listener that a command asks, and the credential that it shows there. */
import type { KeyPairPem, Trust } from "../../moq/link.ts";
import { type Config, ConfigError, isLoopbackHost, loadConfig } from "../../relay/config/index.ts";
import { type Invocation, type OptionSpec, UsageError } from "../command.ts";
import type { Io } from "../io.ts";
import { ownAdminTrust, ownAdminUrl, ownSecret } from "../own-admin.ts";
import { CERTIFICATE_OPTIONS, readDuration, readFile, readTokenFile, readTrust, timeoutOption } from "../target.ts";

/** Default of `--timeout`: longer than a heap snapshot of a large relay takes. */
const TIMEOUT_DEFAULT = "30s";

const URL_VARIABLE = "MOQMESH_ADMIN_URL";
const TOKEN_VARIABLE = "MOQMESH_ADMIN_TOKEN";

/** The options that say which relay is asked, and as who. */
export const TARGET_OPTIONS: readonly OptionSpec[] = [
  {
    name: "url",
    value: "URL",
    description: `The admin listener, such as https://relay.example:4444/; or the variable ${URL_VARIABLE}. Without both it is the relay of this machine.`,
  },
  {
    name: "config",
    value: "FILE",
    description: "Configuration file of the relay of this machine: its address, and the file of its secret.",
  },
  {
    name: "token-file",
    value: "FILE",
    description: `Read the secret or token of the admin API from FILE; - for standard input. The variable ${TOKEN_VARIABLE} may contain the token itself. Without both the secret of the relay of this machine is used, if it can be read.`,
  },
  { name: "cert", value: "FILE", description: "Show this client certificate (PEM); it needs --key." },
  { name: "key", value: "FILE", description: "Private key of --cert (PEM)." },
  ...CERTIFICATE_OPTIONS,
  timeoutOption(TIMEOUT_DEFAULT),
];

/** A credential, and where it comes from. */
export interface Credential {
  readonly token?: string;
  readonly certificate?: KeyPairPem;
  /** It was found and not named: it may be that of another relay of this machine. */
  readonly found?: true;
  /** For error messages, such as `the token of --token-file ops.token`. */
  readonly from: string;
}

export interface AdminTarget {
  readonly base: URL;
  readonly trust: Trust;
  readonly timeoutMs: number;
  readonly credential: Credential | undefined;
  /** Why there is no credential, where one was looked for. */
  readonly missing?: string;
}

/** Reads the options, the variables and the configuration. Throws {@link UsageError} or `ConfigError`. */
export async function adminTarget(
  invocation: Invocation,
  { env }: Pick<Io, "env">,
  url?: string,
): Promise<AdminTarget> {
  const { values } = invocation;
  const typed = url ?? values.get("url");
  const file = values.get("config");
  if (typed !== undefined && file !== undefined) throw new UsageError("use either a URL or --config");
  const named = typed ?? (file === undefined ? nonEmpty(env[URL_VARIABLE]) : undefined);
  const base = named === undefined ? undefined : readUrl(named, typed === undefined ? URL_VARIABLE : undefined);
  // The secret of this machine's relay is not for other machines.
  const own =
    base === undefined || isLoopbackHost(base.hostname) ? ownConfig(file, env, base !== undefined) : undefined;
  const explicitTrust = ["ca", "fingerprint"].some((name) => values.has(name));
  const trust = explicitTrust || own === undefined ? readTrust(invocation) : await ownAdminTrust(own);
  const timeoutMs = readDuration(invocation, "timeout", TIMEOUT_DEFAULT);
  return { base: base ?? ownUrl(own), trust, timeoutMs, ...credentialOf(values, env, own) };
}

function readUrl(text: string, variable: string | undefined): URL {
  const url = URL.parse(text);
  const where = variable === undefined ? "" : `${variable}: `;
  if (url === null || !["http:", "https:"].includes(url.protocol)) {
    throw new UsageError(`${where}"${text}" is not the URL of an admin listener, such as http://127.0.0.1:4444/`);
  }
  if (url.username !== "" || url.password !== "" || url.search !== "") {
    throw new UsageError(`${where}the URL has a credential or a query: pass the token with --token-file FILE`);
  }
  return url;
}

/** The configuration of this machine's relay; undefined when it is only for the secret and has errors. */
function ownConfig(file: string | undefined, env: Io["env"], optional: boolean): Config | undefined {
  try {
    return loadConfig({ env, ...(file !== undefined && { file }) }).config;
  } catch (error) {
    if (optional && error instanceof ConfigError) return undefined;
    throw error;
  }
}

function ownUrl(own: Config | undefined): URL {
  const url = own && ownAdminUrl(own.http);
  if (url === undefined) {
    throw new UsageError("the configuration has no admin listener with a fixed port: name one with --url URL");
  }
  return url;
}

function credentialOf(
  values: Invocation["values"],
  env: Io["env"],
  own: Config | undefined,
): Pick<AdminTarget, "credential" | "missing"> {
  const [cert, key, file] = ["cert", "key", "token-file"].map((name) => values.get(name));
  if ((cert === undefined) !== (key === undefined)) throw new UsageError("--cert and --key belong together");
  const certificate =
    cert === undefined || key === undefined
      ? {}
      : { certificate: { cert: readFile(cert, "--cert"), key: readFile(key, "--key") } };
  if (file !== undefined) {
    const token = readTokenFile(file, "token-file");
    return { credential: { token, ...certificate, from: `the token of --token-file ${file}` } };
  }
  const token = nonEmpty(env[TOKEN_VARIABLE]?.trim());
  if (token !== undefined) return { credential: { token, ...certificate, from: `the token of ${TOKEN_VARIABLE}` } };
  if (cert !== undefined) return { credential: { ...certificate, from: `the certificate of --cert ${cert}` } };
  if (own === undefined) return { credential: undefined };
  const { file: place, secret, failed } = ownSecret(own);
  if (secret !== undefined) return { credential: { token: secret, found: true, from: `the secret in ${place}` } };
  return { credential: undefined, missing: `the relay's secret in ${place} cannot be read (${failed})` };
}

function nonEmpty(text: string | undefined): string | undefined {
  return text === "" ? undefined : text;
}
