import { constants } from "node:os";

/**
 * Milliseconds within which a second signal is the echo of the first: one Ctrl-C reaches every process of the
 * terminal, and `npm` and the launcher pass on to us what they got themselves.
 */
export const SIGNAL_ECHO_MS = 500;

type EndSignal = "SIGINT" | "SIGTERM" | "SIGHUP";

export interface SignalActions {
  /** Started on a terminal: SIGHUP then means that the terminal is gone. */
  readonly terminal: boolean;
  /** The first signal to end. */
  end(signal: EndSignal): void;
  /** Another one after that; `number` is the signal's. */
  endNow(signal: EndSignal, number: number): void;
  reload(): void;
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
  const listeners: [EndSignal, () => void][] = [
    ["SIGINT", () => end("SIGINT")],
    ["SIGTERM", () => end("SIGTERM")],
    ["SIGHUP", () => (actions.terminal ? end("SIGHUP") : actions.reload())],
  ];
  for (const [signal, listener] of listeners) process.on(signal, listener);
  return () => {
    for (const [signal, listener] of listeners) process.off(signal, listener);
  };
}
