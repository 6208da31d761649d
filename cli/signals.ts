import { constants } from "node:os";

/**
 * Milliseconds within which a second signal counts as a repetition of the first: one Ctrl-C reaches every process of the terminal, and
 * `npm` and the launcher also forward their own signal to this process.
 */
export const SIGNAL_ECHO_MS = 500;

type EndSignal = "SIGINT" | "SIGTERM" | "SIGHUP";

export interface SignalActions {
  /** The process was started on a terminal, where SIGHUP means that the terminal has closed. */
  readonly terminal: boolean;
  /** Called at the first signal to stop. */
  end(signal: EndSignal): void;
  /** Called at the next signal to stop; `number` is the signal's number. */
  endNow(signal: EndSignal, number: number): void;
  reload(): void;
  /** Called at SIGUSR2, which ends a process without it. */
  switchDebug?(): void;
}

/** Listens to this process's signals until the returned function is called. `clock` gives milliseconds. */
export function onSignals(actions: SignalActions, clock: () => number = () => performance.now()): () => void {
  let firstAt: number | undefined;
  const end = (signal: EndSignal): void => {
    const now = clock();
    if (firstAt === undefined) {
      firstAt = now;
      actions.end(signal);
    } else if (now - firstAt > SIGNAL_ECHO_MS) {
      actions.endNow(signal, constants.signals[signal]);
    }
  };
  const listeners: [EndSignal | "SIGUSR2", () => void][] = [
    ["SIGINT", () => end("SIGINT")],
    ["SIGTERM", () => end("SIGTERM")],
    ["SIGHUP", () => (actions.terminal ? end("SIGHUP") : actions.reload())],
  ];
  if (actions.switchDebug !== undefined) listeners.push(["SIGUSR2", () => actions.switchDebug?.()]);
  for (const [signal, listener] of listeners) process.on(signal, listener);
  return () => {
    for (const [signal, listener] of listeners) process.off(signal, listener);
  };
}
