import type { Addon, ClientHandle, ServerHandle } from "./addon.ts";

/** The addon's commands for one session, the same at both ends. No command blocks or fails for an ended session. */
export interface Port {
  open(bidi: boolean, request: number): void;
  write(stream: number, bytes: Uint8Array, request: number): void;
  fin(stream: number): void;
  reset(stream: number, code: number): void;
  stopSending(stream: number, code: number): void;
  setPaused(stream: number, paused: boolean): void;
  sendDatagram(bytes: Uint8Array): void;
  maxDatagramSize(): number;
  stats(): void;
  close(code: number, reason: Uint8Array): void;
  /** Releases the addon's resources of an ended session. */
  release(): void;
}

/** Request id of commands whose answer needs no id. */
const ANY_REQUEST = 0;

/** A session that a listener accepted. */
export class ServerPort implements Port {
  readonly #addon: Addon;
  readonly #handle: ServerHandle;
  readonly #session: number;

  constructor(addon: Addon, handle: ServerHandle, session: number) {
    this.#addon = addon;
    this.#handle = handle;
    this.#session = session;
  }

  open(bidi: boolean, request: number): void {
    this.#addon.serverOpenStream(this.#handle, this.#session, bidi, request);
  }

  write(stream: number, bytes: Uint8Array, request: number): void {
    this.#addon.serverWrite(this.#handle, this.#session, stream, bytes, request);
  }

  fin(stream: number): void {
    this.#addon.serverFin(this.#handle, this.#session, stream);
  }

  reset(stream: number, code: number): void {
    this.#addon.serverReset(this.#handle, this.#session, stream, code);
  }

  stopSending(stream: number, code: number): void {
    this.#addon.serverStopSending(this.#handle, this.#session, stream, code);
  }

  setPaused(stream: number, paused: boolean): void {
    this.#addon.serverSetPaused(this.#handle, this.#session, stream, paused);
  }

  sendDatagram(bytes: Uint8Array): void {
    this.#addon.serverSendDatagram(this.#handle, this.#session, bytes, ANY_REQUEST);
  }

  maxDatagramSize(): number {
    return this.#addon.serverMaxDatagramSize(this.#handle);
  }

  stats(): void {
    this.#addon.serverGetStats(this.#handle, this.#session, ANY_REQUEST);
  }

  close(code: number, reason: Uint8Array): void {
    this.#addon.serverCloseSession(this.#handle, this.#session, code, reason);
  }

  /** Nothing to do: the listener's thread releases an ended session itself. */
  release(): void {}
}

/** A session that was dialled; it has a thread and a socket of its own. */
export class ClientPort implements Port {
  readonly #addon: Addon;
  readonly #handle: ClientHandle;

  constructor(addon: Addon, handle: ClientHandle) {
    this.#addon = addon;
    this.#handle = handle;
  }

  open(bidi: boolean, request: number): void {
    this.#addon.openStream(this.#handle, bidi, request);
  }

  write(stream: number, bytes: Uint8Array, request: number): void {
    this.#addon.writeStream(this.#handle, stream, bytes, request);
  }

  fin(stream: number): void {
    this.#addon.finStream(this.#handle, stream);
  }

  reset(stream: number, code: number): void {
    this.#addon.resetStream(this.#handle, stream, code);
  }

  stopSending(stream: number, code: number): void {
    this.#addon.stopSending(this.#handle, stream, code);
  }

  setPaused(stream: number, paused: boolean): void {
    this.#addon.setPaused(this.#handle, stream, paused);
  }

  sendDatagram(bytes: Uint8Array): void {
    this.#addon.sendDatagram(this.#handle, bytes, ANY_REQUEST);
  }

  maxDatagramSize(): number {
    return this.#addon.maxDatagramSize(this.#handle);
  }

  stats(): void {
    this.#addon.getStats(this.#handle, ANY_REQUEST);
  }

  close(code: number, reason: Uint8Array): void {
    this.#addon.closeSession(this.#handle, code, reason);
  }

  /** Ends the thread and closes the socket, and the connection with it if it is still open. */
  release(): void {
    this.#addon.shutdown(this.#handle);
  }
}
