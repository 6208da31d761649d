import { EXIT, type ExitCode } from "../exit-codes.ts";
import type { Fault } from "../fault.ts";
import { millis } from "../step.ts";
import type { Report, Thresholds, Watched } from "./contract.ts";

/** The part of the frames that must not be slower than `--max-delay`, in percent. */
export const DELAY_PERCENTILE = 99;

/** A fault, and where: the URL of a watched relay, or of the publishing one. */
export interface Finding {
  readonly url: string;
  readonly fault: Fault;
}

/** What is wrong; empty for a run that passes. */
export function findings({ publish, fault, watched, published }: Report, thresholds: Thresholds): readonly Finding[] {
  const own = fault === undefined ? [] : [{ url: publish.url, fault }];
  return [
    ...own,
    ...watched.flatMap((one) =>
      watchFaults(one, thresholds, published).map((found) => ({ url: one.url, fault: found })),
    ),
  ];
}

/** What is wrong at one watched relay. */
function watchFaults(one: Watched, { maxDelayMs, maxLoss }: Thresholds, published: number): Fault[] {
  const { fault, received, lost, expected, damaged, delay } = one;
  if (fault !== undefined) return [fault];
  // The run ended before anything was measured, which has a fault of its own.
  if (published === 0) return [];
  if (received === 0) return [failed("nothing_received", `none of ${expected} frames arrived`)];
  const faults: Fault[] = [];
  if (damaged > 0) faults.push(failed("frames_damaged", `${damaged} frames arrived that were not sent like that`));
  const loss = lost / expected;
  if (maxLoss !== undefined && loss > maxLoss) {
    faults.push(
      failed("loss_over_bound", `${percent(loss)} of the frames were lost, over --max-loss ${percent(maxLoss)}`),
    );
  }
  const slow = delay.percentile(DELAY_PERCENTILE);
  if (maxDelayMs !== undefined && slow > maxDelayMs) {
    faults.push(
      failed(
        "delay_over_bound",
        `p${DELAY_PERCENTILE} of the delay is ${millis(slow)}, over --max-delay ${millis(maxDelayMs)}`,
      ),
    );
  }
  return faults;
}

/** 0 for a run without a finding, 130 for one that a signal ended. */
export function exitOf({ interrupted }: Report, found: readonly Finding[]): ExitCode {
  if (interrupted) return EXIT.interrupted;
  return found[0]?.fault.exit ?? EXIT.ok;
}

/** `0.5 %`, with at most two digits after the point. */
export function percent(share: number): string {
  return `${Number((share * 100).toFixed(2))} %`;
}

function failed(code: string, message: string): Fault {
  return { code, message, advice: "", exit: EXIT.failed };
}
