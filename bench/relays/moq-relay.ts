import { execFile } from "node:child_process";
import { createSocket } from "node:dgram";
import { once } from "node:events";
import { promisify } from "node:util";
import { Child } from "../system/child.ts";
import { BenchError } from "../system/error.ts";
import { makeWorkspace } from "./certificate.ts";
import type { RunningRelay, Subject } from "./contract.ts";

const BINARY = "moq-relay";

/** Streams that a peer may have open: near our own default, for memory follows the limit (moq-relay's is 10,000). */
const MAX_STREAMS = "128";

const run = promisify(execFile);

/** The relay of moq-dev/moq, from PATH. Rejects with a {@link BenchError} when it is not there. */
export async function moqRelay(): Promise<Subject> {
  const [version, help] = await Promise.all([outputOf("--version"), outputOf("--help")]);
  return { name: version.trim(), start: (cores) => start(flagsFor(help), cores) };
}

type Flags = (listen: string, cert: string, key: string) => string[];

/** Its flags were renamed between 0.14 and 0.17. */
export function flagsFor(help: string): Flags {
  if (help.includes("--listen-tls-cert")) {
    return (listen, cert, key) => [
      ...["--listen", listen, "--listen-tls-cert", cert, "--listen-tls-key", key],
      ...["--auth-public", "**", "--quic-max-streams", MAX_STREAMS],
    ];
  }
  return (listen, cert, key) => [
    ...["--server-bind", listen, "--tls-cert", cert, "--tls-key", key],
    ...["--auth-public", "", "--server-quic-max-streams", MAX_STREAMS],
  ];
}

async function start(flags: Flags, cores: readonly number[] | undefined): Promise<RunningRelay> {
  const workspace = await makeWorkspace();
  const port = await freeUdpPort();
  const command = [BINARY, ...flags(`127.0.0.1:${port}`, workspace.cert, workspace.key)];
  const child = new Child({ name: BINARY, command, cores, channel: false });
  return {
    url: new URL(`https://127.0.0.1:${port}/`),
    trust: workspace.trust,
    pid: child.pid,
    engine: "its own",
    ended: child.ended,
    stop: async () => {
      await child.stop();
      await workspace.remove();
    },
  };
}

async function outputOf(flag: string): Promise<string> {
  try {
    return (await run(BINARY, [flag])).stdout;
  } catch (cause) {
    const missing = cause instanceof Error && "code" in cause && cause.code === "ENOENT";
    throw new BenchError(
      missing ? `${BINARY} is not on PATH; "cargo install ${BINARY}" installs it` : `${BINARY} ${flag} fails`,
      { cause },
    );
  }
}

/** Free a moment ago: another process may take it, and the relay then says so. */
async function freeUdpPort(): Promise<number> {
  const socket = createSocket("udp4").bind(0, "127.0.0.1");
  await once(socket, "listening");
  const { port } = socket.address();
  socket.close();
  return port;
}
