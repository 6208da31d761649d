import type { SessionEvent } from "./addon.ts";
import type { Port } from "./port.ts";

/** Bytes of a session that is not accepted yet, after which its streams are paused. */
const PAUSE_AT = 256 * 1024;

/**
 * Events and bytes of such a session at which it is given up. What was under way when its streams were paused still
 * comes: at most the addon's connection window of 10 MiB.
 */
const MAX_EVENTS = 4096;
const MAX_BYTES = 12 * 1024 * 1024;

/** Keeps the events of a session that nobody handles yet: the addon has answered the client before it was accepted. */
export class PreAcceptBuffer {
  readonly #port: Port;
  #events: SessionEvent[] = [];
  #bytes = 0;
  readonly #paused = new Set<number>();

  constructor(port: Port) {
    this.#port = port;
  }

  /** False when that was too much. */
  add(event: SessionEvent): boolean {
    this.#events.push(event);
    if (event.type === "streamData" || event.type === "datagram") this.#bytes += event.data.length;
    if (event.type === "streamData" && this.#bytes > PAUSE_AT && !this.#paused.has(event.streamId)) {
      this.#paused.add(event.streamId);
      this.#port.setPaused(event.streamId, true);
    }
    return this.#events.length <= MAX_EVENTS && this.#bytes <= MAX_BYTES;
  }

  /** All events in order; lets paused streams go on. */
  release(): readonly SessionEvent[] {
    for (const stream of this.#paused) this.#port.setPaused(stream, false);
    const events = this.#events;
    this.#events = [];
    return events;
  }
}
