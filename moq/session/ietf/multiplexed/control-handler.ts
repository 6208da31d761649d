import { READ, UNBOUNDED } from "../../../wire/codec/index.ts";
import { type Message, MessageReader, type StreamContext } from "../../../wire/ietf/index.ts";
import type { TurnHandler } from "../../intake.ts";

/** Where the messages of the control stream go. */
export interface ControlSink {
  receive(message: Message): void;
  controlLost(): void;
  guard<T>(work: () => T): T | undefined;
}

/** The control stream that all requests share. */
export class ControlHandler implements TurnHandler {
  readonly #sink: ControlSink;
  readonly #reader: MessageReader;

  constructor(sink: ControlSink, fromPeer: StreamContext) {
    this.#sink = sink;
    this.#reader = MessageReader.control(fromPeer);
  }

  /** Each message costs its share of the turn where it is handled. */
  data(bytes: Uint8Array): Uint8Array {
    const read = () => this.#reader.push(bytes, (message) => this.#sink.receive(message), UNBOUNDED);
    return this.#sink.guard(read) ?? READ;
  }

  fin(): void {
    this.#sink.controlLost();
  }

  reset(): void {
    this.#sink.controlLost();
  }

  stop(): void {
    this.#sink.controlLost();
  }
}
