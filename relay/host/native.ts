import { TransportError } from "../../moq/link.ts";
import type { NativeSettings } from "../../transport/native/index.ts";
import { readRegular } from "../../transport/tls/index.ts";
import type { Config } from "../config/index.ts";
import { keptResetKey, MIN_RESET_KEY } from "./reset-key.ts";

/** The native engine's settings. Rejects with {@link TransportError} that names a file that cannot be used. */
export async function nativeSettings(
  { server, quic, tls }: Config,
  warn: (message: string) => void,
): Promise<NativeSettings> {
  const { resetKey: keyFile, clientCa, qlogDir, ackDelayMs: ackDelay, ...figures } = quic;
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
  const resetKey = keyFile === undefined ? await kept() : await read(keyFile);
  if (resetKey !== undefined && resetKey.length < MIN_RESET_KEY) {
    throw new TransportError("engine_unavailable", `the reset key in ${keyFile} has fewer than ${MIN_RESET_KEY} bytes`);
  }
  return {
    ...figures,
    ackDelay,
    ...(server.threads > 0 && { threads: server.threads }),
    ...(resetKey !== undefined && { resetKey }),
    ...(clientCa !== undefined && { clientRoots: (await read(clientCa)).toString("utf8") }),
    ...(qlogDir !== undefined && { qlog: qlogDir }),
  };
}

async function read(path: string): Promise<Buffer> {
  try {
    return await readRegular(path);
  } catch (cause) {
    const why = cause instanceof Error ? cause.message : String(cause);
    throw new TransportError("engine_unavailable", `the file ${path} cannot be read: ${why}`, { cause });
  }
}
