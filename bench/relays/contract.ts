import type { TrustSpec } from "../load/messages.ts";

/** A running relay to measure. */
export interface RunningRelay {
  readonly url: URL;
  readonly trust: TrustSpec;
  /** Absent: CPU and memory cannot be measured. */
  readonly pid: number | undefined;
  /** Its QUIC engine, if known. */
  readonly engine: string;
  /** Rejects when the relay ends by itself. */
  readonly ended: Promise<never>;
  stop(): Promise<void>;
}

/** A kind of relay to measure. */
export interface Subject {
  /** Heading in the table. */
  readonly name: string;
  /** Starts a new relay, on `cores` if the bench starts it. Rejects with a {@link BenchError}. */
  start(cores: readonly number[] | undefined): Promise<RunningRelay>;
}
