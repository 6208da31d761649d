import type { BidiStream } from "../../link.ts";
import { type Later, rank, type Share, type TrackInfo } from "../../model/index.ts";
import type { Reason } from "../../reason.ts";
import { encodeProbe, encodeTrackInfo, type Fetch, type Track } from "../../wire/lite/index.ts";
import { codeOf } from "./codes.ts";
import type { OldContext } from "./old-context.ts";

/** What serves a bidirectional stream of the peer after its first message. */
export interface Responder {
  /** The peer finished its half. */
  fin(): void;
  /** The peer gave the stream up, or the session ended. */
  gone(): void;
}

/** Milliseconds between looks at a link that a peer wants probed. */
const PROBE_INTERVAL_MS = 250;
/** A report is repeated after this long even when nothing moved. */
const PROBE_REPEAT_MS = 5000;
/** Part by which a figure must move to be reported before that. */
const PROBE_STEP = 0.1;

/** Serves a Track Stream: the properties once they are known, then FIN (moq-lite Track). */
export function serveTrack(context: OldContext, stream: BidiStream, request: Track, gone: () => void): Responder {
  const { broadcasts } = context.deps;
  const path = context.absolute(request.path);
  let answered = false;
  const answer = (result: TrackInfo | Reason) => {
    answered = true;
    gone();
    const epoch = broadcasts.broadcast(path)?.route()?.advertisement.epoch ?? 0n;
    const reason =
      typeof result === "string" ? result : request.epoch !== 0n && request.epoch !== epoch ? "not_found" : undefined;
    if (reason !== undefined || typeof result === "string") {
      stream.reset(codeOf(reason ?? "internal"));
      stream.stop(codeOf(reason ?? "internal"));
      return;
    }
    stream.write(encodeTrackInfo({ epoch, ...result }, context.caps));
    stream.finish();
  };
  const cancel = broadcasts.info(path, request.track, answer, context.asker);
  return {
    // The request is whole; the answer is still wanted.
    fin: () => {},
    gone: () => {
      if (answered) return;
      answered = true;
      cancel();
      gone();
      stream.finish();
    },
  };
}

/** Serves a Fetch Stream: the frames of one group, then FIN (moq-lite Fetch). */
export function serveFetch(context: OldContext, stream: BidiStream, request: Fetch, gone: () => void): Responder {
  const { broadcasts, ownNumbers = false } = context.deps;
  const path = context.absolute(request.path);
  const { track, priority, group } = request;
  let left = false;
  stream.setPriority(rank(priority, 0, 0));
  const epoch = broadcasts.broadcast(path)?.route()?.advertisement.epoch;
  if (request.epoch !== 0n && epoch !== undefined && epoch !== request.epoch) {
    stream.reset(codeOf("not_found"));
    gone();
    return { fin: () => {}, gone: () => {} };
  }
  const leave = () => {
    if (left) return;
    left = true;
    gone();
  };
  const { asker, channel, share } = context;
  const where = { path, track, sequence: group, priority, ownNumbers, asker, later: laterOf(share) };
  const cancel = broadcasts.fetch(where, channel, stream, leave);
  return {
    fin: () => {},
    gone: () => {
      if (!left) cancel();
      leave();
    },
  };
}

/** Units of work (see `Scheduler`) of a part of a group that is sent in a later turn. */
const PART_UNITS = 128;

/** Does the rest of a long group as part of the session's share. */
export function laterOf(share: Share): Later {
  return (job) =>
    share.later(() => {
      share.left -= PART_UNITS;
      return job();
    });
}

/** Serves a Probe Stream: what the engine knows of the link, when it moves; silent while that is nothing (moq-lite Probe). */
export function serveProbe(context: OldContext, stream: BidiStream, gone: () => void): Responder {
  const { clock } = context.deps;
  const { link, caps } = context;
  let sent: { bitrate: number; rtt: number; at: number } | undefined;
  let stopTimer = () => {};
  const end = () => {
    stopTimer();
    stopTimer = () => {};
    gone();
  };
  const look = () => {
    const { sendRate, rttMs } = link.stats();
    const bitrate = Math.round(sendRate ?? 0);
    const rtt = caps.probeRtt && rttMs !== undefined ? Math.max(1, Math.round(rttMs)) : 0;
    const at = clock.now();
    const known = bitrate !== 0 || rtt !== 0;
    if (known && (!sent || at - sent.at >= PROBE_REPEAT_MS || moved(sent.bitrate, bitrate) || moved(sent.rtt, rtt))) {
      sent = { bitrate, rtt, at };
      stream.write(encodeProbe({ bitrate, rtt }, caps));
    }
    stopTimer = clock.timer(PROBE_INTERVAL_MS, () => void context.guard(look));
  };
  look();
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

function moved(before: number, now: number): boolean {
  return Math.abs(now - before) > before * PROBE_STEP;
}
