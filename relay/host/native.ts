import { type Engine, TransportError } from "../../moq/link.ts";
import type { NativeSettings } from "../../transport/native/index.ts";
import { readRegularFile } from "../../transport/tls/index.ts";
import { type Config, RESET_KEY_TEXT, serverIdBytes } from "../config/index.ts";
import { keptResetKey, MIN_RESET_KEY } from "./reset-key.ts";

/** The native engine's settings. Rejects with {@link TransportError} that names a file that cannot be used. */
export async function nativeSettings(
  { server, quic, tls, loadBalancer }: Config,
  warn: (message: string) => void,
): Promise<NativeSettings> {
  const { resetKey: keyText, resetKeyFile: keyFile, qlogDir, ackDelayMs: ackDelay, ...figures } = quic;
  // A free port differs after a restart, so no peer sends to the old one.
  const kept = async () =>
    server.port === 0
      ? undefined
      : await keptResetKey(tls.stateDir, `${server.host} ${server.port}`).catch((error: unknown) => {
          const why = error instanceof Error ? error.message : String(error);
          warn(
            `the stateless reset key cannot be stored (${why}); after a restart, peers notice only by their time-out`,
          );
          return undefined;
        });
  const given = keyFile === undefined ? resetKeyOf(keyText ?? "") : await readResetKey(keyFile);
  const resetKey = given ?? (await kept());
  const routing = routingOf(loadBalancer);
  return {
    ...figures,
    ackDelay,
    ...(server.threads > 0 && { threads: server.threads }),
    ...(resetKey !== undefined && { resetKey }),
    ...(routing !== undefined && { routing }),
    ...(qlogDir !== undefined && { qlog: qlogDir }),
  };
}

/** What connection ids tell a load balancer. */
function routingOf({ serverId, nonceLength, rotation, key }: Config["loadBalancer"]) {
  const id = serverId === undefined ? undefined : serverIdBytes(serverId);
  if (id === undefined) return undefined;
  return { serverId: id, nonceLength, rotation, ...(key !== undefined && { key: Buffer.from(key, "hex") }) };
}

/** A key in hexadecimal; undefined for any other text. */
function resetKeyOf(text: string): Buffer | undefined {
  return RESET_KEY_TEXT.test(text) ? Buffer.from(text, "hex") : undefined;
}

/** The key in the file of `[quic] reset_key_file`. Rejects with {@link TransportError} that names the file. */
async function readResetKey(file: string): Promise<Buffer> {
  const bytes = await read(file);
  const key = resetKeyOf(bytes.toString("latin1").trimEnd()) ?? bytes;
  if (key.length >= MIN_RESET_KEY) return key;
  throw new TransportError("engine_unavailable", `the reset key in ${file} has fewer than ${MIN_RESET_KEY} bytes`);
}

/** The file of `[quic] reset_key_file`, whose content may be replaced while the relay runs. */
export class ResetKeyFile {
  readonly #file: string;
  #key: Buffer;

  /** Rejects with {@link TransportError} that names the file. */
  static async open(file: string): Promise<ResetKeyFile> {
    return new ResetKeyFile(file, await readResetKey(file));
  }

  private constructor(file: string, key: Buffer) {
    this.#file = file;
    this.#key = key;
  }

  /** Gives a new key to the engine. False when the key is the same, or the engine has none. Rejects as {@link open}. */
  async reload(engine: Engine): Promise<boolean> {
    const key = await readResetKey(this.#file);
    if (key.equals(this.#key) || engine.setResetKey?.(key) !== true) return false;
    this.#key = key;
    return true;
  }
}

async function read(path: string): Promise<Buffer> {
  try {
    return await readRegularFile(path);
  } catch (cause) {
    const why = cause instanceof Error ? cause.message : String(cause);
    throw new TransportError("engine_unavailable", `the file ${path} cannot be read: ${why}`, { cause });
  }
}
