import type { Clock } from "../../moq/clock.ts";
import { NODE_NAME } from "../contract.ts";
import { decodeReport, encodeReport, type TenantBoard, type TenantReport } from "../tenants/index.ts";

/** Reports in one message, of about 200 bytes each. */
const BATCH = 500;
/** Longest message that is read, in UTF-16 units. */
const MAX_MESSAGE = 1024 * 1024;
/** Milliseconds in which reports are gathered into one message. */
const GATHER_MS = 20;
/** Milliseconds between two messages of all reports, for roots that have just started and for messages that got lost. */
const REPEAT_MS = 3_000;
/** What was not repeated so often has ended. */
const REPEATS = 4;

export interface SharedTenantsDeps {
  readonly board: TenantBoard;
  readonly clock: Clock;
  /** Sends a text to the other roots; it may get lost. Rejects when the backend cannot be reached. */
  readonly send: (text: string) => Promise<void>;
}

/** A report of one relay, or the end of one. */
type News = readonly [node: string, report: object | string];

/** Tells other roots what the relays with a session at this root report of their tenants, and takes over what those roots tell. */
export class SharedTenants {
  readonly #deps: SharedTenantsDeps;
  readonly #pending = new Map<string, News>();
  readonly #stop: () => void;
  #cancelGather: (() => void) | undefined;
  #cancelRepeat = () => {};
  /** When the backend became reachable; undefined while it is not. */
  #upAt: number | undefined;

  constructor(deps: SharedTenantsDeps) {
    this.#deps = deps;
    this.#stop = deps.board.observe({
      reported: (node, report) => this.#gather(node, report.tenant, encodeReport(report)),
      ended: (node, tenant) => this.#gather(node, tenant, tenant),
    });
  }

  up(): void {
    this.#upAt = this.#deps.clock.now();
    this.#cancelRepeat();
    this.#repeat();
  }

  down(): void {
    this.#upAt = undefined;
    this.#cancelRepeat();
    this.#cancelGather?.();
    this.#cancelGather = undefined;
    this.#pending.clear();
  }

  close(): void {
    this.down();
    this.#stop();
  }

  /** Another root sent this. False when it is no such message. */
  received(text: string): boolean {
    const news = text.length > MAX_MESSAGE ? undefined : decode(text);
    if (news === undefined) return false;
    const { board, clock } = this.#deps;
    for (const { node, report, ended } of news) {
      if (report !== undefined) board.adopt(node, report, clock.now());
      else if (ended !== undefined) board.abandon(node, ended);
    }
    return true;
  }

  #repeat(): void {
    const { board, clock } = this.#deps;
    for (const { node, report } of board.own()) this.#gather(node, report.tenant, encodeReport(report));
    const since = clock.now() - REPEATS * REPEAT_MS;
    // While the backend cannot be reached, the last reports of the other roots count.
    if (this.#upAt !== undefined && this.#upAt <= since) board.abandonBefore(since);
    this.#cancelRepeat = clock.timer(REPEAT_MS, () => this.#repeat());
  }

  #gather(node: string, tenant: string, what: object | string): void {
    if (this.#upAt === undefined) return;
    this.#pending.set(`${node}/${tenant}`, [node, what]);
    this.#cancelGather ??= this.#deps.clock.timer(GATHER_MS, () => {
      this.#cancelGather = undefined;
      const all = [...this.#pending.values()];
      this.#pending.clear();
      for (let at = 0; at < all.length; at += BATCH) {
        // The next repetition makes good a message that is lost.
        this.#deps.send(JSON.stringify(all.slice(at, at + BATCH))).catch(() => {});
      }
    });
  }
}

interface SentReport {
  readonly node: string;
  readonly report?: TenantReport | undefined;
  readonly ended?: string;
}

function decode(text: string): SentReport[] | undefined {
  let parsed: unknown;
  try {
    parsed = JSON.parse(text);
  } catch {
    return undefined;
  }
  if (!Array.isArray(parsed)) return undefined;
  return (parsed as unknown[]).flatMap((one): SentReport[] => {
    if (!Array.isArray(one)) return [];
    const [node, what] = one as unknown[];
    if (typeof node !== "string" || !NODE_NAME.test(node)) return [];
    if (typeof what === "string") return [{ node, ended: what }];
    const fields = typeof what === "object" && what !== null ? { ...what } : {};
    return [{ node, report: decodeReport(fields) }];
  });
}
