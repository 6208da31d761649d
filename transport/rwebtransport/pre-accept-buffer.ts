import type { SessionEvent } from "./addon.ts";
import type { Port } from "./port.ts";

/** Buffered bytes at which the session's streams are paused. */
const PAUSE_AT = 256 * 1024;

/**
 * Buffered events and bytes at which the session is closed. Bytes that were in flight when the streams were paused
 * still arrive: at most the addon's connection window of 10 MiB.
 */
const MAX_EVENTS = 4096;
const MAX_BYTES = 12 * 1024 * 1024;

/** Buffers the events of a session until the program accepts it: the addon has answered the client before. */
export class PreAcceptBuffer {
  readonly #port: Port;
  #events: SessionEvent[] = [];
  #bytes = 0;
  readonly #paused = new Set<number>();

  constructor(port: Port) {
    this.#port = port;
  }

  /** Adds an event; false when the buffer is full. */
  add(event: SessionEvent): boolean {
    this.#events.push(event);
    if (event.type === "streamData" || event.type === "datagram") this.#bytes += event.data.length;
    if (event.type === "streamData" && this.#bytes > PAUSE_AT && !this.#paused.has(event.streamId)) {
      this.#paused.add(event.streamId);
      this.#port.setPaused(event.streamId, true);
    }
    return this.#events.length <= MAX_EVENTS && this.#bytes <= MAX_BYTES;
  }

  /** Returns all events in order, and resumes paused streams. */
  release(): readonly SessionEvent[] {
    for (const stream of this.#paused) this.#port.setPaused(stream, false);
    const events = this.#events;
    this.#events = [];
    return events;
  }
}
