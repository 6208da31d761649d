import { parsePath } from "../../lab/path/index.ts";
import type { Place } from "../../lab/topology.ts";
import { PathProcess, type PathReport } from "../path/path-process.ts";

/** The bad networks in front of origin and regional, for the relays that pull from them. */
export class LinkPaths {
  readonly #spec: string | undefined;
  /** By role. */
  readonly #paths = new Map<string, PathProcess>();

  constructor(spec: string | undefined) {
    this.#spec = spec;
  }

  get processes(): PathProcess[] {
    return [...this.#paths.values()];
  }

  /** Opens the path to a relay, and resolves with its port; with the relay's own where there is none. */
  async open({ name, role }: Place, port: number): Promise<number> {
    if (this.#spec === undefined || (role !== "origin" && role !== "regional")) return port;
    const url = new URL(`https://127.0.0.1:${port}/`);
    const path = await PathProcess.start(`the path to ${name}`, seeded(this.#spec, role), { url }, undefined);
    this.#paths.set(role, path);
    return Number(path.url.port);
  }

  /** An outage and changes of the rate are counted from `atUs`, microseconds of `sharedMicros`. */
  begin(atUs: number): void {
    for (const path of this.processes) path.begin(atUs);
  }

  /** What the path to a relay did with packets from it; undefined where there is none. */
  async packetsFrom(role: string): Promise<PathReport["down"] | undefined> {
    return (await this.#paths.get(role)?.report())?.down;
  }

  async stop(): Promise<void> {
    await Promise.allSettled(this.processes.map((path) => path.stop()));
  }
}

/** The description with a seed for this link: with one seed both links would lose the same packets. */
function seeded(spec: string, role: string): string {
  const { seed } = parsePath(spec);
  const others = spec.split(/\s+/).filter((word) => !word.startsWith("seed="));
  return [...others, `seed=${role === "origin" ? seed : seed + 1}`].join(" ");
}
