import type { TrustSpec } from "../load/messages.ts";

/** A relay that runs and can be measured. */
export interface RunningRelay {
  readonly url: URL;
  readonly trust: TrustSpec;
  /** Absent: CPU and memory cannot be measured. */
  readonly pid: number | undefined;
  /** QUIC engine as far as it is known. */
  readonly engine: string;
  /** Rejects when it ends by itself. */
  readonly ended: Promise<never>;
  stop(): Promise<void>;
}

/** A kind of relay to measure. */
export interface Subject {
  /** Heading in the table. */
  readonly name: string;
  /** A fresh one, on `cores` where the bench starts it itself. Rejects with a {@link BenchError}. */
  start(cores: readonly number[] | undefined): Promise<RunningRelay>;
}
