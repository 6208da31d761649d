import type { PassOn, RecvHandler, RecvStream } from "../../moq/link.ts";
import { handedOver, Passer } from "./passing.ts";
import type { SendHalf } from "./send-half.ts";

/** The link of a receive half. */
export interface RecvOwner {
  readonly ended: boolean;
  /** Data is overwritten after its event, to detect handlers that keep it. */
  readonly overwrite: boolean;
  /** The program has stopped the half. */
  stopping(half: RecvHalf, code: number): void;
  /** FIN or a reset was read. */
  received(half: RecvHalf): void;
  /** Runs `act` in a later turn of the engine, unless the link has ended. */
  later(act: () => void): void;
  /** Gives an event to the half's handler, at once or, with `late`, some milliseconds later. */
  give(event: () => void, late?: boolean): void;
}

/** The receive half of a stream. */
export class RecvHalf implements RecvStream {
  readonly id: number;
  /** The other half of a bidirectional stream. */
  readonly sender: SendHalf | undefined;
  /** Gets the events. Undefined when the program has stopped the half, or has not given a handler yet. */
  handler: RecvHandler | undefined;
  /** FIN or a reset was read. */
  done = false;
  readonly #owner: RecvOwner;
  #stopped = false;
  #mark: "none" | "asked" | "given" = "none";
  /** What arrives waits here from a mark until the engine reads on. */
  #waiting: (() => void)[] | undefined;
  /** `pass` was called with streams, and `unpassed` has not followed. */
  #passes = false;
  #passer: Passer | undefined;
  #late = false;

  constructor(id: number, sender: SendHalf | undefined, owner: RecvOwner) {
    this.id = id;
    this.sender = sender;
    this.#owner = owner;
  }

  get stopped(): boolean {
    return this.#stopped;
  }

  stop(code: number): void {
    this.handler = undefined;
    if (this.#isOver) return;
    this.#stopped = true;
    this.#owner.stopping(this, code);
    this.#readOn();
  }

  mark(): void {
    if (this.#isOver || this.#mark !== "none") return;
    this.#mark = "asked";
    this.#owner.later(() => {
      if (this.#isOver) return;
      this.#mark = "given";
      this.#waiting = [];
      this.#owner.give(() => this.handler?.marked?.());
    });
  }

  pass(how: PassOn): boolean {
    if (this.#isOver || this.#mark !== "given") return false;
    this.#mark = "none";
    const recipients = handedOver(how.to);
    if (recipients.length > 0) this.#passes = true;
    this.#owner.later(() => {
      // `unpass` may have come before.
      if (this.#waiting === undefined) return;
      this.#late = how.late;
      if (recipients.length > 0) {
        this.#passer ??= new Passer(how);
        this.#passer.recipients = recipients;
      }
      this.#readOn();
    });
    return true;
  }

  unpass(): boolean {
    if (this.#isOver || !this.#passes) return false;
    this.#owner.later(() => {
      if (this.#passes) this.#unpass();
    });
    return true;
  }

  // For the link.

  data(bytes: Uint8Array): void {
    this.#arrived(() => this.#read(bytes));
  }

  fin(): void {
    this.#arrived(() => this.#end((handler) => handler.fin()));
  }

  reset(code: number): void {
    this.#arrived(() => this.#end((handler) => handler.reset(code)));
  }

  /** The link is over: gives all that has arrived. A mark is not answered any more. */
  readAll(): void {
    if (this.#passes || this.#waiting !== undefined) this.#unpass();
  }

  get #isOver(): boolean {
    return this.#stopped || this.done || this.#owner.ended;
  }

  #arrived(read: () => void): void {
    if (this.#waiting === undefined) read();
    else this.#waiting.push(read);
  }

  #readOn(): void {
    const waiting = this.#waiting ?? [];
    this.#waiting = undefined;
    for (const read of waiting) read();
  }

  #read(bytes: Uint8Array): void {
    if (this.handler === undefined || this.#owner.ended) return;
    const taken = this.#passer?.write(bytes) ?? 0;
    if (taken > 0) this.#give(bytes.subarray(0, taken), this.#late);
    if (taken === bytes.length) return;
    if (this.#passer !== undefined) this.#unpass();
    this.#give(bytes.subarray(taken), false);
  }

  #give(bytes: Uint8Array, late: boolean): void {
    const { overwrite } = this.#owner;
    const given = overwrite ? new Uint8Array(bytes) : bytes;
    this.#owner.give(() => {
      this.handler?.data(given);
      if (overwrite) given.fill(OVERWRITTEN);
    }, late);
  }

  /** What comes from here on is not passed on. */
  #unpass(): void {
    this.#passer = undefined;
    this.#passes = false;
    if (this.#mark === "given") this.#mark = "none";
    this.#owner.give(() => this.handler?.unpassed?.());
    this.#readOn();
  }

  #end(event: (handler: RecvHandler) => void): void {
    if (this.done) return;
    this.done = true;
    if (this.handler !== undefined) {
      this.#owner.give(() => {
        if (this.handler !== undefined) event(this.handler);
      });
    }
    this.#owner.received(this);
  }
}

/** The value of each overwritten byte. */
const OVERWRITTEN = 0xdd;
