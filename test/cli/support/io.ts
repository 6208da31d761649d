import type { Io, Screen } from "../../../cli/io.ts";

/** Standard streams of a command, and what it wrote to them. */
export interface Recorded extends Io {
  stdout(): string;
  stderr(): string;
  stdoutBytes(): Buffer;
}

/** Standard output and error in memory; no terminal by default, and no person to `ask`. */
export function recordedIo(
  options: { env?: Io["env"]; terminal?: boolean; screen?: Screen; ask?: Io["ask"] } = {},
): Recorded {
  const written: { out: Buffer[]; err: Buffer[] } = { out: [], err: [] };
  const output = (chunks: Buffer[]) => ({
    write: (chunk: string | Uint8Array) => void chunks.push(Buffer.from(chunk)),
    isTTY: options.terminal ?? false,
    columns: 80,
    screen: options.screen,
  });
  return {
    out: output(written.out),
    err: output(written.err),
    env: options.env ?? {},
    ask: options.ask,
    stdout: () => Buffer.concat(written.out).toString(),
    stderr: () => Buffer.concat(written.err).toString(),
    stdoutBytes: () => Buffer.concat(written.out),
  };
}
