import { createWriteStream, mkdirSync, type WriteStream } from "node:fs";
import { copyFile, mkdir } from "node:fs/promises";
import { basename, join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import * as z from "zod";
import { urlOf } from "../configuration.ts";
import { Keeper } from "../keeper.ts";
import { freePorts } from "../ports.ts";
import { Chance } from "../random.ts";
import { placesOf } from "../topology.ts";
import { waitFor } from "../wait.ts";
import { Disturbances } from "./disturbances.ts";
import type { SoakCounts, SoakStart } from "./load/messages.ts";
import { NO_COUNTS, SoakLoad } from "./load.ts";
import type { ChurnOptions } from "./options.ts";
import { SoakRelay } from "./relay.ts";
import { faultsOf, loadLine, outcomeLines, relayLine } from "./report.ts";
import { leftovers, unseenTables } from "./tables.ts";
import { MemoryWatch } from "./watch.ts";
import { makeSoakWorkspace, type SoakWorkspace } from "./workspace.ts";

const MINUTE_MS = 60_000;

/** Milliseconds between two readings of a relay. */
const READ_MS = 2_000;

/** Mean life of the load process that is killed, in milliseconds. */
const KILL_MS = 240_000;

/** Sessions that the shortest run waits for, and for how long, in milliseconds: the machine may be busy. */
const FIRST_SESSIONS = 10;
const FIRST_MS = 60_000;

/** Milliseconds within which the tables must be empty: silent sessions end after 30 s, and the cache keeps groups for as long. */
const EMPTY_MS = 120_000;

/** Milliseconds for a relay to come to rest before the first client. */
const REST_MS = 15_000;

const snapshot = z.object({ file: z.string() });

/** Runs a soak. Gives what is wrong; an empty list when nothing is. */
export async function runChurn(options: ChurnOptions, print: (line: string) => void): Promise<string[]> {
  const workspace = await makeSoakWorkspace();
  const keeper = new Keeper(workspace.mesh.folder);
  const soak = new Soak(options, workspace, keeper, print);
  try {
    return await soak.run();
  } finally {
    await soak.stop();
    await keeper.stop();
    await workspace.mesh.remove();
  }
}

class Soak {
  readonly #options: ChurnOptions;
  readonly #workspace: SoakWorkspace;
  readonly #keeper: Keeper;
  readonly #print: (line: string) => void;
  readonly #chance: Chance;
  readonly #logs = new Map<string, WriteStream>();
  readonly #loads = new Map<string, SoakLoad>();
  #watches: MemoryWatch[] = [];
  #ended = NO_COUNTS;
  #generation = 0;
  #failure: Error | undefined;

  constructor(options: ChurnOptions, workspace: SoakWorkspace, keeper: Keeper, print: (line: string) => void) {
    this.#options = options;
    this.#workspace = workspace;
    this.#keeper = keeper;
    this.#print = print;
    this.#chance = new Chance(options.seed);
  }

  async run(): Promise<string[]> {
    const { minutes, warmupMinutes, mesh, rate, seed } = this.#options;
    const shape = mesh ? "a root, an origin and an edge" : "one relay";
    this.#print(
      `seed ${seed}: ${minutes} minutes with ${shape}, ${rate} clients a second, slopes after ${warmupMinutes} minutes`,
    );
    await this.#startRelays();
    await this.#rest();
    await this.#churn();
    this.#print("all clients leave");
    await Promise.all([...this.#loads.values()].map((load) => load.stop()));
    this.#loads.clear();
    const outcomes = await Promise.all(
      this.#watches.map(async (watch) => ({
        name: watch.relay.name,
        slopes: watch.slopes(),
        hours: watch.hours,
        leftovers: await this.#leftovers(watch),
      })),
    );
    await this.#snapshots("end");
    for (const outcome of outcomes) for (const line of outcomeLines(outcome)) this.#print(line);
    const { admitted } = this.#counts();
    const wrong = admitted > 0 ? [`${admitted} wrong tokens were accepted`] : [];
    const seen = new Set(this.#watches.flatMap((watch) => [...watch.seen]));
    // A short run may end before each table was seen.
    const missing = minutes < 1 ? [] : unseenTables(seen).map((table) => `no relay ever showed the metric ${table}`);
    return [...outcomes.flatMap(faultsOf), ...wrong, ...missing];
  }

  async stop(): Promise<void> {
    await Promise.allSettled([...this.#loads.values()].map((load) => load.kill()));
    await Promise.allSettled(this.#watches.map(({ relay }) => relay.stop()));
    for (const log of this.#logs.values()) log.end();
  }

  async #startRelays(): Promise<void> {
    const { mesh, engine, jit } = this.#options;
    const places = mesh ? placesOf({ origins: 1, regionals: 0, edges: 1 }) : [undefined];
    const ports = await freePorts(places.length);
    const roots = places.flatMap((place, index) => (place?.role === "root" ? [urlOf(ports[index] ?? 0)] : []));
    const relays = await Promise.all(
      places.map((place, index) => {
        const name = place?.name ?? "relay";
        const port = ports[index] ?? 0;
        const common = { name, port, roots, engine, jit, workspace: this.#workspace, output: this.#output(name) };
        return SoakRelay.start(place === undefined ? common : { ...common, place });
      }),
    );
    for (const relay of relays) {
      this.#keeper.started(relay.pid);
      this.#fatal(relay.ended);
    }
    this.#watches = relays.map((relay) => new MemoryWatch(relay));
  }

  /** Notes the tables of each relay before the first client, once they do not change any more. */
  async #rest(): Promise<void> {
    await waitFor(REST_MS, async () => {
      const ready = await Promise.all(this.#watches.map(({ relay }) => relay.admin.ready()));
      return ready.every(Boolean) ? true : undefined;
    });
    for (const watch of this.#watches) {
      await watch.read(-1);
      watch.baseline = watch.samples;
    }
  }

  async #churn(): Promise<void> {
    const { minutes, warmupMinutes } = this.#options;
    const disturbances = new Disturbances(
      this.#watches.map(({ relay }) => relay),
      this.#workspace,
      this.#chance,
    );
    this.#startLoad("a", true);
    this.#startLoad("b", false);
    await Promise.all([...this.#loads.values()].map((load) => load.ready));
    const begin = performance.now();
    let killAt = this.#killTime(0);
    let lineAt = MINUTE_MS;
    let warm = false;
    let busy = new Map<MemoryWatch, number>(this.#watches.map((watch) => [watch, watch.relay.cpuUs]));
    let busyAt = begin;
    const goesOn = (now: number) => now < minutes * MINUTE_MS || (now < FIRST_MS && this.#opened < FIRST_SESSIONS);
    for (let now = 0; goesOn(now); now = performance.now() - begin) {
      if (this.#failure !== undefined) throw this.#failure;
      await disturbances.run(now);
      if (now >= killAt) {
        await this.#killLoad("b");
        killAt = this.#killTime(now);
      }
      const sinceMs = now - warmupMinutes * MINUTE_MS;
      if (!warm && sinceMs >= 0) {
        warm = true;
        await this.#snapshots("warm");
      }
      await Promise.all(this.#watches.map((watch) => watch.read(sinceMs)));
      if (now >= lineAt) {
        lineAt += MINUTE_MS;
        this.#print(loadLine(now / MINUTE_MS, this.#counts()));
        const elapsedUs = (performance.now() - busyAt) * 1_000;
        for (const watch of this.#watches) {
          this.#print(relayLine(watch, (watch.relay.cpuUs - (busy.get(watch) ?? 0)) / elapsedUs));
        }
        busy = new Map(this.#watches.map((watch) => [watch, watch.relay.cpuUs]));
        busyAt = performance.now();
        for (const failure of disturbances.failures()) this.#print(`          ${failure}`);
      }
      await sleep(READ_MS);
    }
    // Once more with all clients, for a short run on a busy machine.
    const end = performance.now() - begin;
    await Promise.all(this.#watches.map((watch) => watch.read(end - warmupMinutes * MINUTE_MS)));
    this.#print(loadLine(end / MINUTE_MS, this.#counts()));
    this.#print(`operators: ${disturbances.summary}; load processes killed: ${this.#generation - 2}`);
  }

  async #leftovers(watch: MemoryWatch) {
    await waitFor(EMPTY_MS, async () => {
      await watch.read(-1);
      return leftovers(watch.baseline, watch.samples).length === 0 ? true : undefined;
    });
    return leftovers(watch.baseline, watch.samples);
  }

  async #snapshots(when: string): Promise<void> {
    const { snapshots } = this.#options;
    if (snapshots === undefined) return;
    await mkdir(snapshots, { recursive: true });
    for (const { relay } of this.#watches) {
      const { body } = await relay.api("POST", "/heap-snapshot", {});
      const { file } = snapshot.parse(body);
      await copyFile(file, join(snapshots, `${relay.name}-${when}-${basename(file)}`));
    }
  }

  #startLoad(name: string, lasting: boolean): void {
    const { rate, engine } = this.#options;
    const { fingerprints, tokens } = this.#workspace;
    const ports = (role: string) =>
      this.#watches.flatMap(({ relay }) => (relay.name === "relay" || relay.name.startsWith(role) ? [relay.port] : []));
    const start: SoakStart = {
      kind: "start",
      seed: this.#chance.whole(0, 2 ** 31 - 1),
      engine,
      certificates: [...fingerprints],
      origins: ports("origin"),
      edges: ports("edge"),
      tokens,
      rate: rate / 2,
      name: `${name}${this.#generation++}`,
      lasting,
    };
    const load = new SoakLoad(start, this.#output(`load-${name}`));
    this.#keeper.started(load.pid);
    this.#loads.set(name, load);
    // One that was killed has left the table.
    load.failed.catch((error: Error) => {
      if (this.#loads.get(name) === load) this.#failure ??= error;
    });
  }

  async #killLoad(name: string): Promise<void> {
    const load = this.#loads.get(name);
    if (load === undefined) return;
    this.#ended = sum([this.#ended, { ...load.counts, open: 0 }]);
    this.#loads.delete(name);
    await load.kill();
    this.#startLoad(name, false);
  }

  #killTime(now: number): number {
    return now + KILL_MS * (0.5 + this.#chance.next());
  }

  /** Sessions so far. */
  get #opened(): number {
    const { quic, websocket } = this.#counts();
    return quic + websocket;
  }

  #counts(): SoakCounts {
    return sum([this.#ended, ...[...this.#loads.values()].map(({ counts }) => counts)]);
  }

  #fatal(ended: Promise<never>): void {
    ended.catch((error: Error) => {
      this.#failure ??= error;
    });
  }

  #output(name: string): (text: string) => void {
    const { logs } = this.#options;
    if (logs === undefined) return () => {};
    return (text) => {
      let stream = this.#logs.get(name);
      if (stream === undefined) {
        mkdirSync(logs, { recursive: true });
        stream = createWriteStream(join(logs, `${name}.log`));
        this.#logs.set(name, stream);
      }
      stream.write(text);
    };
  }
}

function sum(all: readonly SoakCounts[]): SoakCounts {
  const total = (key: Exclude<keyof SoakCounts, "kind">) => all.reduce((added, counts) => added + counts[key], 0);
  return {
    kind: "counts",
    quic: total("quic"),
    websocket: total("websocket"),
    refused: total("refused"),
    admitted: total("admitted"),
    failed: total("failed"),
    frames: total("frames"),
    fetched: total("fetched"),
    open: total("open"),
  };
}
