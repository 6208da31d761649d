import { ManualClock } from "../../lab/network/manual-clock.ts";
import type {
  Attach,
  BidiHandler,
  BidiStream,
  Link,
  LinkClosed,
  LinkHandler,
  LinkLimits,
  RecvHandler,
  RecvStream,
} from "../../moq/link.ts";
import { FORMS, type Form } from "../../transport/qmux/forms.ts";
import { QmuxLink } from "../../transport/qmux/link.ts";
import type { OutgoingRecord } from "../../transport/qmux/record.ts";
import type { RecordSocket } from "../../transport/qmux/record-socket.ts";
import { JsFanOut } from "../../transport/shared/fanout.ts";

export const LIMITS: LinkLimits = {
  uniStreams: 100,
  bidiStreams: 100,
  idleTimeoutMs: 30_000,
  keepAliveMs: 5_000,
  queueMark: 100_000,
};

/** A wire form by its name. */
export function form(name: string): Form {
  const found = FORMS.find((each) => each.name === name);
  if (found === undefined) throw new Error(`no form ${name}`);
  return found;
}

/** What a stream of the peer delivered. */
export class Received implements BidiHandler {
  readonly events: string[] = [];
  size = 0;
  readonly #chunks: Uint8Array[] = [];

  get bytes(): number[] {
    return [...Buffer.concat(this.#chunks)];
  }

  data(bytes: Uint8Array): void {
    this.size += bytes.length;
    this.#chunks.push(Uint8Array.from(bytes));
  }

  fin(): void {
    this.events.push("fin");
  }

  reset(code: number): void {
    this.events.push(`reset ${code}`);
  }

  stop(code: number): void {
    this.events.push(`stop ${code}`);
  }
}

/** A link's handler that notes everything. */
export class Watcher implements LinkHandler {
  link: Link | undefined;
  readonly unis: { stream: RecvStream; got: Received }[] = [];
  readonly bidis: { stream: BidiStream; got: Received }[] = [];
  readonly backlogs: number[] = [];
  readonly closings: LinkClosed[] = [];
  drains = 0;
  capacities = 0;
  /** To act from inside of an event. */
  onAttach: ((link: Link) => void) | undefined;
  onUni: ((stream: RecvStream) => RecvHandler | undefined) | undefined;

  readonly attach: Attach = (link) => {
    this.link = link;
    this.onAttach?.(link);
    return this;
  };

  uni(stream: RecvStream): RecvHandler {
    const got = new Received();
    this.unis.push({ stream, got });
    return this.onUni?.(stream) ?? got;
  }

  bidi(stream: BidiStream): BidiHandler {
    const got = new Received();
    this.bidis.push({ stream, got });
    return got;
  }

  datagram(): void {
    throw new Error("no datagrams here");
  }

  capacity(): void {
    this.capacities += 1;
  }

  backlog(queued: number): void {
    this.backlogs.push(queued);
  }

  drained(): void {
    this.drains += 1;
  }

  closed(why: LinkClosed): void {
    this.closings.push(why);
  }
}

/** A connection with a socket, a clock and a turn that the test works by hand. */
export class SimEnd implements RecordSocket {
  readonly clock: ManualClock;
  readonly watcher = new Watcher();
  readonly connection: QmuxLink;
  readonly warnings: string[] = [];
  /** Messages that were sent and not taken by the test yet. */
  messages: Uint8Array[] = [];
  /** Sizes of records that the kernel has not taken; it takes them at once unless {@link stuck}. */
  unwritten: number[] = [];
  stuck = false;
  pings = 0;
  status: number | undefined;
  terminated = false;
  paused = false;
  #tasks: (() => void)[] = [];

  constructor(options: { form?: Form; dialled?: boolean; limits?: Partial<LinkLimits>; clock?: ManualClock } = {}) {
    this.clock = options.clock ?? new ManualClock();
    this.connection = new QmuxLink({
      info: {
        engine: "qmux",
        binding: "websocket",
        protocol: "test",
        dialled: options.dialled ?? false,
        authority: "sim",
        path: "/",
        query: "",
        headers: new Map(),
        peer: { address: "", port: 0 },
      },
      form: options.form ?? form("qmux-02"),
      engine: { name: "qmux", fanOut: () => new JsFanOut() },
      limits: { ...LIMITS, ...options.limits },
      clock: this.clock,
      socket: this,
      defer: (task) => void this.#tasks.push(task),
      warn: (message) => void this.warnings.push(message),
      attach: this.watcher.attach,
    });
    this.connection.start();
  }

  send(records: readonly OutgoingRecord[]): void {
    for (const { parts, size } of records) {
      this.messages.push(Buffer.concat(parts));
      this.unwritten.push(size);
    }
  }

  ping(): void {
    this.pings += 1;
  }

  pause(paused: boolean): void {
    this.paused = paused;
  }

  close(status: number): void {
    this.status = status;
  }

  terminate(): void {
    this.terminated = true;
  }

  /** Runs the engine's turn, and lets the kernel take what was sent. */
  turn(): void {
    while (this.#tasks.length > 0 || (!this.stuck && this.unwritten.length > 0)) {
      const tasks = this.#tasks;
      this.#tasks = [];
      for (const task of tasks) task();
      if (this.stuck) continue;
      const sizes = this.unwritten;
      this.unwritten = [];
      for (const size of sizes) this.connection.written(size);
    }
  }

  /** All messages since the last call, after a turn. */
  take(): Uint8Array[] {
    this.turn();
    const messages = this.messages;
    this.messages = [];
    return messages;
  }

  receive(...messages: readonly Uint8Array[]): void {
    for (const message of messages) this.connection.receive(message);
    this.turn();
  }
}

/** Carries messages between two ends until both are quiet. */
export function settle(a: SimEnd, b: SimEnd): void {
  for (;;) {
    const toB = a.take();
    const toA = b.take();
    if (toB.length === 0 && toA.length === 0) return;
    b.receive(...toB);
    a.receive(...toA);
  }
}

/** Two ends that have exchanged their parameters. */
export function simPair(options: ConstructorParameters<typeof SimEnd>[0] = {}): { client: SimEnd; server: SimEnd } {
  const clock = new ManualClock();
  const client = new SimEnd({ ...options, clock, dialled: true });
  const server = new SimEnd({ ...options, clock });
  settle(client, server);
  return { client, server };
}

export function linkOf(end: SimEnd): Link {
  if (end.watcher.link === undefined) throw new Error("not open");
  return end.watcher.link;
}

export const silent = { stop: () => {} };
