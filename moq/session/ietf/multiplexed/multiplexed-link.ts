import type {
  BidiHandler,
  BidiStream,
  FanOutFactory,
  Link,
  LinkInfo,
  LinkStats,
  SendHandler,
  SendStream,
} from "../../../link.ts";

export interface Requests {
  /** A request of this end; nothing where the peer allows none now. */
  open(handler: BidiHandler): BidiStream | undefined;
  /** The peer may have so many requests open. */
  allow(requests: number): void;
}

/** A link whose bidirectional streams are requests on one control stream. Everything else is the link below. */
export class MultiplexedLink implements Link {
  readonly #link: Link;
  readonly #requests: Requests;

  constructor(link: Link, requests: Requests) {
    this.#link = link;
    this.#requests = requests;
  }

  get info(): LinkInfo {
    return this.#link.info;
  }

  get engine(): FanOutFactory {
    return this.#link.engine;
  }

  get queued(): number {
    return this.#link.queued;
  }

  get ended(): boolean {
    return this.#link.ended;
  }

  get maxDatagramSize(): number {
    return this.#link.maxDatagramSize;
  }

  openUni(priority: number, handler: SendHandler): SendStream | undefined {
    return this.#link.openUni(priority, handler);
  }

  openBidi(_priority: number, handler: BidiHandler): BidiStream | undefined {
    return this.#requests.open(handler);
  }

  allowBidi(streams: number): void {
    this.#requests.allow(streams);
  }

  pauseReading(paused: boolean): void {
    this.#link.pauseReading(paused);
  }

  sendDatagram(bytes: Uint8Array): boolean {
    return this.#link.sendDatagram(bytes);
  }

  close(code: number, reason: string): void {
    this.#link.close(code, reason);
  }

  stats(): LinkStats {
    return this.#link.stats();
  }
}
