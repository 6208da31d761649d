import type { BidiStream } from "../../link.ts";
import { encodeProbe } from "../../wire/lite/index.ts";
import type { Responder } from "../responder.ts";
import type { LiteContext } from "./context.ts";

/** Milliseconds between two measurements of a link that a peer wants probed. */
const PROBE_INTERVAL_MS = 250;
/** A report is repeated after this long even when no figure changed. */
const PROBE_REPEAT_MS = 5000;
/** A figure is reported sooner when it changes by more than this part of itself. */
const PROBE_STEP = 0.1;

/**
 * Serves a Probe Stream: reports what the engine knows of the link when it changes, and nothing while the engine knows nothing
 * (moq-lite Probe). `gone` is called when the stream is over.
 */
export function serveProbe(context: LiteContext, stream: BidiStream, gone: () => void): Responder {
  const { session, caps } = context;
  const { link, deps } = session;
  const { clock } = deps;
  let sent: { bitrate: number; rtt: number; at: number } | undefined;
  let stopTimer = () => {};
  const end = () => {
    stopTimer();
    stopTimer = () => {};
    gone();
  };
  const measure = () => {
    const { sendRate, rttMs } = link.stats();
    const bitrate = Math.round(sendRate ?? 0);
    const rtt = caps.probeRtt && rttMs !== undefined ? Math.max(1, Math.round(rttMs)) : 0;
    const at = clock.now();
    const known = bitrate !== 0 || rtt !== 0;
    if (
      known &&
      (!sent || at - sent.at >= PROBE_REPEAT_MS || changed(sent.bitrate, bitrate) || changed(sent.rtt, rtt))
    ) {
      sent = { bitrate, rtt, at };
      stream.write(encodeProbe({ bitrate, rtt }, caps));
    }
    stopTimer = clock.timer(PROBE_INTERVAL_MS, () => void session.guard(measure));
  };
  measure();
  return {
    fin: () => {
      end();
      stream.finish();
    },
    gone: () => {
      end();
      stream.finish();
    },
  };
}

function changed(before: number, now: number): boolean {
  return Math.abs(now - before) > before * PROBE_STEP;
}
