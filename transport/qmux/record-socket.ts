import type { OutgoingRecord } from "./record.ts";

/** The WebSocket of a link, as the link uses it. No method calls back into the link before it returns. */
export interface RecordSocket {
  /** Sends the records; the link's `written` follows for each. */
  send(records: readonly OutgoingRecord[]): void;
  /** Sends a Ping frame; the link's `answered` follows. */
  ping(): void;
  /** Sends a Close frame with this status after everything sent before, then ends the transport. */
  close(status: number): void;
  /** Ends the transport at once. */
  terminate(): void;
  /** True: reads nothing until a call with false. Messages that were read before may still arrive. */
  pause(paused: boolean): void;
}
