/** What an operator and their programs do to a relay while clients come and go. */
import * as z from "zod";
import type { Chance } from "../random.ts";
import type { SoakRelay } from "./relay.ts";
import type { SoakWorkspace } from "./workspace.ts";

const document = z.object({
  paths: z.record(
    z.string(),
    z.record(z.string(), z.object({ parameters: z.array(z.object({ required: z.boolean().optional() })) })),
  ),
});

const listed = z.object({ items: z.array(z.object({ id: z.string() })) });

/** Seconds for which a token is revoked. */
const REVOKED_S = 10;

/** Milliseconds between the start of a drain and its end: less than the time that sessions have to leave. */
const DRAINED_MS = 2_000;

const API = "/api/v1";

interface Disturbance {
  readonly name: string;
  /** Mean time between two, in milliseconds. */
  readonly everyMs: number;
  run(relay: SoakRelay): Promise<unknown>;
}

/** Runs every disturbance at random times, one at a time. */
export class Disturbances {
  readonly #relays: readonly SoakRelay[];
  readonly #chance: Chance;
  readonly #all: readonly Disturbance[];
  readonly #due: number[];
  readonly #count = new Map<string, number>();
  #failures: string[] = [];

  constructor(relays: readonly SoakRelay[], workspace: SoakWorkspace, chance: Chance) {
    this.#relays = relays;
    this.#chance = chance;
    this.#all = disturbances(workspace, chance);
    this.#due = this.#all.map(({ everyMs }) => this.#wait(everyMs));
  }

  /** How often each was done. */
  get summary(): string {
    return [...this.#count].map(([name, count]) => `${count} ${name}`).join(", ");
  }

  /** What failed since the last call. */
  failures(): string[] {
    const all = this.#failures;
    this.#failures = [];
    return all;
  }

  /** Does what is due, `nowMs` after the start. */
  async run(nowMs: number): Promise<void> {
    for (const [index, one] of this.#all.entries()) {
      const { name, everyMs } = one;
      if ((this.#due[index] ?? 0) > nowMs) continue;
      this.#due[index] = nowMs + this.#wait(everyMs);
      const relay = this.#chance.pick(this.#relays);
      try {
        await one.run(relay);
        this.#count.set(name, (this.#count.get(name) ?? 0) + 1);
      } catch (error) {
        this.#failures.push(`${name} at ${relay.name}: ${error instanceof Error ? error.message : String(error)}`);
      }
    }
  }

  #wait(everyMs: number): number {
    return everyMs * (0.5 + this.#chance.next());
  }
}

function disturbances(workspace: SoakWorkspace, chance: Chance): Disturbance[] {
  return [
    { name: "reads of the whole API", everyMs: 10_000, run: readAll },
    {
      name: "tokens revoked",
      everyMs: 20_000,
      run: (relay) => {
        const until = Math.floor(Date.now() / 1_000) + REVOKED_S;
        return act(relay, "POST", "/revocations", { jti: chance.pick(workspace.guests), until });
      },
    },
    { name: "sessions closed", everyMs: 20_000, run: (relay) => closeOne(relay, chance) },
    {
      name: "broadcasts kicked",
      everyMs: 60_000,
      run: (relay) => relay.api("POST", "/broadcasts/kick", { path: "live/lasting-1" }),
    },
    { name: "purges", everyMs: 60_000, run: (relay) => relay.api("POST", "/cache/purge", { prefix: "live" }) },
    {
      name: "limits set",
      everyMs: 60_000,
      run: (relay) => act(relay, "PATCH", "/config", { "limits.subscribe_wait": `${chance.whole(1, 10)}s` }),
    },
    { name: "reloads", everyMs: 60_000, run: async (relay) => relay.reload() },
    { name: "certificates replaced", everyMs: 120_000, run: () => workspace.swapCertificate() },
    { name: "drains taken back", everyMs: 600_000, run: drainAndBack },
  ];
}

/** Throws unless the API accepts the request. */
async function act(relay: SoakRelay, method: string, path: string, body?: object): Promise<void> {
  const { status, body: answer } = await relay.api(method, path, body);
  if (status !== 200) throw new Error(`${method} ${path} answered ${status}: ${JSON.stringify(answer)}`);
}

/** Asks for everything that needs no parameter. */
async function readAll(relay: SoakRelay): Promise<void> {
  const { paths } = document.parse((await relay.api("GET", "/openapi.json")).body);
  for (const [path, methods] of Object.entries(paths)) {
    const { get } = methods;
    if (get === undefined || get.parameters.some(({ required }) => required === true)) continue;
    const { status } = await relay.api("GET", path.slice(API.length));
    // 404: a relay in no mesh has no cluster.
    if (status !== 200 && status !== 404) throw new Error(`GET ${path} answered ${status}`);
  }
}

async function closeOne(relay: SoakRelay, chance: Chance): Promise<void> {
  const { items } = listed.parse((await relay.api("GET", "/sessions?role=viewer")).body);
  if (items.length > 0) await relay.api("DELETE", `/sessions/${chance.pick(items).id}`);
}

async function drainAndBack(relay: SoakRelay): Promise<void> {
  await act(relay, "POST", "/drain", {});
  await new Promise((resolve) => setTimeout(resolve, DRAINED_MS));
  await act(relay, "POST", "/undrain");
}
