import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { PROGRAM, Program } from "../bench/relays/program.ts";
import { BenchError } from "../bench/system/error.ts";
import { Admin } from "./admin.ts";
import { configurationOf, type NodeSettings, urlOf } from "./configuration.ts";
import type { Keeper } from "./keeper.ts";
import type { Place } from "./topology.ts";

/** Milliseconds for a draining relay to end by itself; after that it is killed. */
const DRAIN_MS = 30_000;

/** The state of a relay process. `frozen`: stopped by SIGSTOP, so silent but not ended. */
export type NodeState = "starting" | "up" | "draining" | "frozen" | "down";

export interface NodeDeps {
  readonly keeper: Pick<Keeper, "started" | "ended">;
  /** Called with the output of the relay. */
  readonly output: (name: string, text: string) => void;
  /** Called when the relay ended by itself. */
  readonly lost: (node: Node, how: string) => void;
}

/** A relay of the mesh: a process that can be ended in several ways and restarted, always at the same address. */
export class Node {
  readonly place: Place;
  readonly url: string;
  readonly #settings: NodeSettings;
  readonly #deps: NodeDeps;
  #program: Program | undefined;
  #admin: Admin | undefined;
  #state: NodeState = "down";
  #engine = "";
  #ending = false;
  #starts = 0;
  /** Path of the `bin/moqmesh.js` that the next start runs. */
  release = PROGRAM;

  constructor(settings: NodeSettings, deps: NodeDeps) {
    this.place = settings.place;
    this.url = urlOf(settings.port);
    this.#settings = settings;
    this.#deps = deps;
  }

  get name(): string {
    return this.place.name;
  }

  get state(): NodeState {
    return this.#state;
  }

  get pid(): number | undefined {
    return this.#state === "down" ? undefined : this.#program?.child.pid;
  }

  get adminPort(): number {
    return this.#settings.adminPort;
  }

  get engine(): string {
    return this.#engine;
  }

  /** How often it was started. */
  get starts(): number {
    return this.#starts;
  }

  /** Its admin listener; undefined while it cannot answer. */
  get admin(): Admin | undefined {
    return this.#state === "up" || this.#state === "draining" ? this.#admin : undefined;
  }

  /** Rejects with a {@link BenchError} when it is not ready in time. */
  async start(): Promise<void> {
    if (this.#state !== "down") return;
    this.#state = "starting";
    this.#starts++;
    const { name } = this;
    const file = join(this.#settings.workspace.folder, `${name}.toml`);
    await writeFile(file, configurationOf(this.#settings));
    const program = new Program({
      name,
      file,
      cores: undefined,
      program: this.release,
      output: (text) => this.#deps.output(name, text),
    });
    const { child } = program;
    const { pid } = child;
    this.#program = program;
    this.#ending = false;
    this.#deps.keeper.started(pid);
    void child.gone.then((how) => {
      this.#deps.keeper.ended(pid);
      if (this.#program !== program) return;
      this.#state = "down";
      this.#admin = undefined;
      if (!this.#ending) this.#deps.lost(this, `${how}: ${child.output}`);
    });
    const { admin, engine } = await program.ready();
    if (admin === undefined) throw new BenchError(`${name} has no admin listener`);
    this.#engine = engine;
    this.#admin = new Admin(admin);
    this.#state = "up";
  }

  /** Kills it (SIGKILL). */
  async kill(): Promise<void> {
    await this.#end("SIGKILL");
  }

  /** Ends it as an operator does: SIGTERM, then time to drain. */
  async drain(): Promise<void> {
    if (this.#state === "frozen") this.thaw();
    if (this.#state !== "up") return;
    this.#state = "draining";
    const late = setTimeout(() => this.#program?.child.signal("SIGKILL"), DRAIN_MS);
    await this.#end("SIGTERM");
    clearTimeout(late);
  }

  /** Stops it (SIGSTOP): it answers nothing and loses no state. */
  freeze(): void {
    if (this.#state !== "up") return;
    this.#program?.child.signal("SIGSTOP");
    this.#state = "frozen";
  }

  thaw(): void {
    if (this.#state !== "frozen") return;
    this.#program?.child.signal("SIGCONT");
    this.#state = "up";
  }

  async #end(signal: NodeJS.Signals): Promise<void> {
    if (this.#state === "down" || this.#program === undefined) return;
    this.#ending = true;
    const { child } = this.#program;
    child.signal(signal);
    await child.gone;
  }
}
