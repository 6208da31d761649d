import { execFile } from "node:child_process";
import { createSocket } from "node:dgram";
import { once } from "node:events";
import { promisify } from "node:util";
import { Child, type ChildOptions } from "../system/child.ts";
import { BenchError } from "../system/error.ts";
import { findProgram } from "../system/find.ts";
import { makeWorkspace } from "./certificate.ts";
import type { RunningRelay, Subject } from "./contract.ts";

/** A build of moq-relay, as `--against` names it. */
export type MoqRelayBuild = keyof typeof BUILDS;

interface Build {
  /** The variable that names its program where PATH does not have it under the name of the build. */
  readonly variable: string;
  /** How to install it. */
  readonly install: string;
  /** Flags beside the usual ones. The first is one that other builds do not have. */
  readonly flags: readonly string[];
}

const BUILDS = {
  "moq-relay": { variable: "MOQ_RELAY", install: "cargo install moq-relay", flags: [] },
  // It drives sockets by io_uring on as many threads as it has workers; one, because a relay under measurement has one core.
  "moq-relay-uring": {
    variable: "MOQ_RELAY_URING",
    install: "cargo install moq-relay --features io-uring --root FOLDER",
    flags: ["--runtime-io-uring", "--runtime-workers", "1"],
  },
} as const satisfies Record<string, Build>;

/** The names of the builds. */
export const MOQ_RELAY_BUILDS: readonly MoqRelayBuild[] = ["moq-relay", "moq-relay-uring"];

/** Most streams of a peer: near our own default, because memory grows with the limit (moq-relay's default is 10,000). */
const MAX_STREAMS = "128";

const run = promisify(execFile);

/** An installed moq-relay. */
export interface MoqRelayProgram {
  /** Its name and version, such as `moq-relay 0.17.10`. */
  readonly name: string;
  /** Starts a process of it. */
  run(options: MoqRelayOptions): Child;
}

export interface MoqRelayOptions extends Pick<ChildOptions, "cores" | "output"> {
  /** Address and port of loopback. */
  readonly listen: string;
  /** Paths of PEM files. */
  readonly cert: string;
  readonly key: string;
  /** Further flags. */
  readonly more?: readonly string[];
}

/** Undefined when it is not installed. Rejects with a {@link BenchError} when it does not run, or is another build. */
export async function findMoqRelay(build: MoqRelayBuild = "moq-relay"): Promise<MoqRelayProgram | undefined> {
  const { variable, install, flags: own }: Build = BUILDS[build];
  const binary = await findProgram(build, variable);
  if (binary === undefined) return undefined;
  const [version, help] = await Promise.all([outputOf(binary, "--version"), outputOf(binary, "--help")]);
  const [feature] = own;
  if (feature !== undefined && !help.includes(feature))
    throw new BenchError(`${binary} has no ${feature}: it is another build; "${install}" makes the right one`);
  const flags = flagsFor(help);
  const run = ({ listen, cert, key, more = [], ...options }: MoqRelayOptions) =>
    new Child({
      name: build,
      command: [binary, ...flags(listen, cert, key), ...own, ...more],
      channel: false,
      ...options,
    });
  return { name: [version.trim(), ...(own.length > 0 ? ["io_uring"] : [])].join(" "), run };
}

/** The relay of moq-dev/moq; `cacheBytes` of 0: its own bound. Rejects with a {@link BenchError} when this build is not installed. */
export async function moqRelay(build: MoqRelayBuild, cacheBytes = 0): Promise<Subject> {
  const program = await findMoqRelay(build);
  if (program === undefined) {
    const { variable, install } = BUILDS[build];
    throw new BenchError(`${build} was not found: neither ${variable} nor PATH has it; "${install}" installs it`);
  }
  const more = cacheBytes === 0 ? [] : ["--cache-capacity", `${cacheBytes}B`];
  return { name: program.name, start: (cores) => start(program, cores, more) };
}

type Flags = (listen: string, cert: string, key: string) => string[];

/** The names of its flags, which changed between 0.14 and 0.17. */
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

async function start(
  program: MoqRelayProgram,
  cores: readonly number[] | undefined,
  more: readonly string[],
): Promise<RunningRelay> {
  const workspace = await makeWorkspace();
  const port = await freeUdpPort();
  const { cert, key, trust } = workspace;
  const child = program.run({ listen: `127.0.0.1:${port}`, cert, key, cores, more });
  return {
    url: new URL(`https://127.0.0.1:${port}/`),
    trust,
    pid: child.pid,
    engine: "its own",
    ended: child.ended,
    stop: async () => {
      await child.stop();
      await workspace.remove();
    },
  };
}

async function outputOf(binary: string, flag: string): Promise<string> {
  try {
    return (await run(binary, [flag])).stdout;
  } catch (cause) {
    throw new BenchError(`${binary} ${flag} fails`, { cause });
  }
}

/** A port that was free a moment ago. If another process takes it, the relay reports that. */
async function freeUdpPort(): Promise<number> {
  const socket = createSocket("udp4").bind(0, "127.0.0.1");
  await once(socket, "listening");
  const { port } = socket.address();
  socket.close();
  return port;
}
