import type { Clock } from "../../moq/clock.ts";
import { type BidiStream, type Link, PRIORITY_CONTROL } from "../../moq/link.ts";
import { joinPath } from "../../moq/path.ts";
import type { Following, Session } from "../../moq/session/index.ts";
import { capabilities, encodeRequest } from "../../moq/wire/lite/index.ts";

/** Stream code of an end that is no error. */
const NO_ERROR = 0;

/**
 * Asks the relay to report on the link (moq-lite Probe) and gives the milliseconds until anything comes back: a report or a refusal. It needs
 * no right, and the relay asks no other relay for it. Undefined without an answer in time: a relay that knows nothing of its link is silent.
 * So is one over WebSocket whose version reports the bit rate alone, and it is not asked.
 */
export function roundTrip(link: Link, clock: Clock, timeoutMs: number): Promise<number | undefined> {
  const { protocol, binding } = link.info;
  const known = capabilities(protocol);
  const caps = known?.probeRtt === false && binding === "websocket" ? undefined : known;
  return new Promise((resolve) => {
    let stream: BidiStream | undefined;
    let over = false;
    const settle = (ms: number | undefined) => {
      if (over) return;
      over = true;
      cancel();
      stream?.finish();
      stream?.stop(NO_ERROR);
      resolve(ms);
    };
    const cancel = clock.timer(timeoutMs, () => settle(undefined));
    const from = clock.now();
    const answered = () => settle(clock.now() - from);
    const handler = { data: answered, fin: answered, reset: answered, stop: answered };
    stream = caps === undefined ? undefined : link.openBidi(PRIORITY_CONTROL, handler);
    if (stream === undefined || caps === undefined) settle(undefined);
    else stream.write(encodeRequest({ kind: "probe", bitrate: 0, rtt: 0 }, caps));
  });
}

/**
 * Likewise in moq-transport, by a SUBSCRIBE_NAMESPACE below `prefix`: where the session asks for that already, the relay refuses the request
 * (PREFIX_OVERLAP), which is an answer as well.
 */
export function namespaceRoundTrip(
  session: Pick<Session, "follow">,
  prefix: string,
  clock: Clock,
  timeoutMs: number,
): Promise<number | undefined> {
  return new Promise((resolve) => {
    let following: Following | undefined;
    let over = false;
    const settle = (ms: number | undefined) => {
      if (over) return;
      over = true;
      cancel();
      following?.stop();
      resolve(ms);
    };
    const cancel = clock.timer(timeoutMs, () => settle(undefined));
    const from = clock.now();
    const answered = () => settle(clock.now() - from);
    following = session.follow(joinPath(prefix, "moqmesh-round-trip"), {
      list: () => [],
      watch: () => () => {},
      publish: () => "unauthorized",
      answered,
      cut: answered,
    });
    if (over) following.stop();
    void following.complete.then(() => settle(undefined));
  });
}
