import { existsSync } from "node:fs";
import { setTimeout as sleep } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { buildPage } from "../../scripts/build-web.ts";
import { addressesOf } from "../addresses.ts";
import type { Broadcasting, BroadcastingOptions } from "../broadcasting.ts";
import type { Pulse } from "../load/messages.ts";
import { Mesh, type MeshOptions } from "../mesh.ts";
import { type Monitoring, monitor, notificationText } from "../monitoring/index.ts";
import { survey } from "../survey.ts";
import { keyAction, keysOf } from "./keys.ts";
import { Operator } from "./operator.ts";
import { render } from "./render.ts";
import { type Row, Rows } from "./view.ts";

/** Milliseconds between two surveys of the relays. */
const STEP_MS = 500;

/** Milliseconds between two status lines without a terminal. */
const LINE_MS = 5_000;

/** Most event lines that are kept. */
const EVENTS_KEPT = 100;

/** Size of a terminal of unknown size. */
const USUAL_SIZE = { columns: 80, rows: 24 };

/** The built demo page, with which a person watches the mesh. */
const PAGE = fileURLToPath(new URL("../../web/dist/demo/", import.meta.url));

const ENTER = "\u001b[?1049h\u001b[?25l";
const LEAVE = "\u001b[?25h\u001b[?1049l";
const HOME = "\u001b[H";
const CLEAR_LINE = "\u001b[K";
const CLEAR_BELOW = "\u001b[J";

/** Runs a mesh and shows it until a person or a signal ends it. `alerts`: by how much times of alerts are divided, if Prometheus watches. */
export async function show(
  options: Omit<MeshOptions, "say">,
  load: Omit<BroadcastingOptions, "publishing" | "pulse">,
  alerts?: number,
): Promise<void> {
  const screen = new Screen(process.stdout, process.stdin);
  const say = (what: string) => screen.say(what);
  let pulse: Pulse | undefined;
  if (!existsSync(PAGE)) await buildPage(PAGE);
  const mesh = await Mesh.make({ ...options, page: true, say });
  const broadcasting = mesh.broadcast({
    ...load,
    publishing: "one",
    pulse: (latest) => {
      pulse = latest;
    },
  });
  let monitoring: Monitoring | undefined;
  const addresses = () => {
    screen.page([...addressesOf(mesh.nodes, broadcasting.path, mesh.workspace), ...pagesOf(monitoring)]);
  };
  const operator = new Operator(mesh, broadcasting, say, addresses);
  try {
    screen.open((typed) => {
      const action = keyAction(typed);
      return action !== undefined && operator.act(action);
    });
    const { failed } = bringUp(mesh, broadcasting, say, async () => {
      // Not before the relays run: each would be reported as down.
      if (alerts !== undefined) {
        say("starting Prometheus and Alertmanager");
        monitoring = await monitor(mesh, alerts, (notification) => say(notificationText(notification)));
      }
      // On a terminal they are shown on request, because they are longer than its lines.
      if (screen.live) say("press u for the addresses for watching and publishing, with tokens");
      else addresses();
    });
    const rows = new Rows();
    while (!screen.over) {
      const seen = rows.of(await survey(mesh.nodes), pulse, performance.now());
      screen.draw(titleOf(broadcasting.path, load, pulse), seen, operator.selected);
      await Promise.race([sleep(STEP_MS), failed]);
    }
  } finally {
    screen.close();
    await monitoring?.stop();
    await mesh.stop();
  }
}

/** Starts everything while the screen already shows it. */
function bringUp(
  mesh: Mesh,
  broadcasting: Broadcasting,
  say: (what: string) => void,
  up: () => Promise<void>,
): { failed: Promise<never> } {
  const failed = Promise.withResolvers<never>();
  failed.promise.catch(() => {});
  const work = async () => {
    say(`starting ${mesh.nodes.length} relays`);
    await mesh.start();
    say("starting publisher and viewers");
    const { engine, protocol } = await broadcasting.start();
    broadcasting.measure();
    say(`everything is up; relays over ${mesh.nodes[0]?.engine}, clients over ${engine} in ${protocol}`);
    await up();
  };
  work().catch(failed.reject);
  return { failed: failed.promise };
}

/** Addresses of Prometheus and Alertmanager, as lines. */
function pagesOf(monitoring: Monitoring | undefined): string[] {
  if (monitoring === undefined) return [];
  return ["Alerts in Prometheus and in Alertmanager:", `${monitoring.prometheus}alerts`, monitoring.alertmanager];
}

type Flow = Pick<BroadcastingOptions, "framesPerSecond" | "frameBytes">;

function titleOf(path: string, { framesPerSecond, frameBytes }: Flow, pulse: Pulse | undefined): string {
  const viewers = pulse?.edges.reduce((sum, edge) => sum + edge.viewers, 0) ?? 0;
  const gap = Math.max(0, ...(pulse?.edges.map(({ gapUs }) => gapUs / 1_000) ?? []));
  const flow = `${path}, ${framesPerSecond} fps of ${frameBytes} B`;
  return `moqmesh  ${flow}  ${viewers} viewers, longest gap ${gap.toFixed(0)} ms`;
}

/** The screen: the latest picture on a terminal, lines elsewhere. */
class Screen {
  readonly #out: NodeJS.WriteStream;
  readonly #in: NodeJS.ReadStream;
  readonly #started = performance.now();
  readonly #events: string[] = [];
  /** True on a terminal. */
  readonly live: boolean;
  /** A text that is shown instead of the mesh until a key is pressed. */
  #paged: readonly string[] | undefined;
  #over = false;
  #lastLine = 0;

  constructor(out: NodeJS.WriteStream, input: NodeJS.ReadStream) {
    this.#out = out;
    this.#in = input;
    this.live = out.isTTY && input.isTTY;
  }

  get over(): boolean {
    return this.#over;
  }

  say(what: string): void {
    const seconds = Math.floor((performance.now() - this.#started) / 1_000);
    const line = `${Math.floor(seconds / 60)}:${String(seconds % 60).padStart(2, "0")}  ${what.replace(/\s+/g, " ")}`;
    if (!this.live) this.#out.write(`${line}\n`);
    this.#events.push(line);
    if (this.#events.length > EVENTS_KEPT) this.#events.shift();
  }

  /** `typed` returns true when the screen shall close. */
  open(typed: (key: string) => boolean): void {
    if (!this.live) return;
    this.#out.write(ENTER);
    this.#in.setRawMode(true).setEncoding("utf8").resume();
    this.#in.on("data", (keys) => {
      for (const key of keysOf(String(keys))) {
        const paged = this.#paged !== undefined;
        this.#paged = undefined;
        if (!paged || keyAction(key)?.kind === "quit") this.#over ||= typed(key);
      }
    });
  }

  /** Shows lines of any length uncut, so that they can be copied. */
  page(lines: readonly string[]): void {
    const text = ["", ...lines.map((line) => (/^(http|npx)/.test(line) ? `  ${line}` : line)), ""];
    if (!this.live) {
      this.#out.write(`${text.join("\n")}\n`);
      return;
    }
    this.#paged = lines;
    this.#out.write(`${HOME}${CLEAR_BELOW}${text.join("\r\n")}\r\nAny key returns.`);
  }

  draw(title: string, rows: readonly Row[], selected: number): void {
    if (!this.live) {
      this.#line(title, rows);
      return;
    }
    if (this.#paged !== undefined) return;
    const size = { columns: this.#out.columns ?? USUAL_SIZE.columns, rows: this.#out.rows ?? USUAL_SIZE.rows };
    const lines = render({ title, rows, selected, events: this.#events }, size, process.env["NO_COLOR"] === undefined);
    this.#out.write(`${HOME}${lines.map((line) => `${line}${CLEAR_LINE}`).join("\r\n")}${CLEAR_BELOW}`);
  }

  close(): void {
    this.#over = true;
    if (!this.live) return;
    this.#in.setRawMode(false).pause();
    this.#out.write(LEAVE);
  }

  #line(title: string, rows: readonly Row[]): void {
    const now = performance.now();
    if (now - this.#lastLine < LINE_MS) return;
    this.#lastLine = now;
    const parts = rows.map(({ name, state, from, bytesOut }) => {
      const source = from.length === 0 ? "" : ` from ${from.join(" ")}`;
      return state === "up" ? `${name}${source} ${(bytesOut / 1_000).toFixed(0)} kB/s` : `${name} ${state}`;
    });
    this.#out.write(`${title}\n      ${parts.join("; ")}\n`);
  }
}
