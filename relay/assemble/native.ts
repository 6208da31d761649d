import { readFile } from "node:fs/promises";
import type { Config } from "../config.ts";
import { TransportError } from "../transport/contract.ts";
import type { NativeSettings } from "../transport/native/index.ts";

/** Least length of the key of stateless resets in bytes. */
const MIN_RESET_KEY = 32;

/** The native engine's part of a configuration. Rejects with {@link TransportError} naming a file that cannot be used. */
export async function nativeSettings({ server, quic }: Config): Promise<NativeSettings> {
  const { resetKey: keyFile, clientCa, qlogDir, ...figures } = quic;
  const resetKey = keyFile === undefined ? undefined : await read(keyFile);
  if (resetKey !== undefined && resetKey.length < MIN_RESET_KEY) {
    throw new TransportError("engine_unavailable", `the reset key in ${keyFile} has less than ${MIN_RESET_KEY} bytes`);
  }
  return {
    ...figures,
    ...(server.threads > 0 && { threads: server.threads }),
    ...(resetKey !== undefined && { resetKey }),
    ...(clientCa !== undefined && { clientRoots: (await read(clientCa)).toString("utf8") }),
    ...(qlogDir !== undefined && { qlog: qlogDir }),
  };
}

async function read(path: string): Promise<Buffer> {
  try {
    return await readFile(path);
  } catch (cause) {
    throw new TransportError("engine_unavailable", `the file ${path} cannot be read`, { cause });
  }
}
