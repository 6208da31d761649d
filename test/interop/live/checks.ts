/** What is tried with every peer. */
import { randomUUID } from "node:crypto";
import { setTimeout as sleep } from "node:timers/promises";
import { difference, type Fidelity, GROUPS, wholeGroups } from "./compare.ts";
import type { End, Finding, Meeting, Scene, SeenObject } from "./contract.ts";
import { referencePublisher, referenceViewer } from "./reference.ts";

const TRACK = "video/hd";

/** Milliseconds for a viewer to get its groups: they are sent within one second. */
const WATCH_MS = 8_000;

/** Milliseconds between two looks. */
const LOOK_MS = 50;

/** Milliseconds that objects of the last groups may still be on their way, so that a wrong one is found. */
const SETTLE_MS = 300;

/** Objects after which media counts as watched: several groups. */
const MEDIA_OBJECTS = 40;

/** Starts an end, and settles when it publishes or is subscribed. */
export type StartEnd = (meeting: Meeting) => Promise<End>;

export interface MeetingOptions extends Pick<Meeting, "protocol">, Partial<Pick<Meeting, "offer" | "mapping">> {
  readonly scheme?: "https" | "moqt" | "moql" | "http";
}

/** A meeting at the relay under test, with a path of its own. */
export function meetingAt({ authority }: Scene, options: MeetingOptions): Meeting {
  const { protocol, scheme = "https", offer = "announce", mapping = "stream for each group" } = options;
  const path = `interop/${randomUUID().slice(0, 8)}`;
  return { url: new URL(`${scheme}://${authority}/`), protocol, path, track: TRACK, offer, mapping };
}

/** Our own end at the same relay. */
function ours({ url }: Meeting): URL {
  return new URL(`https://${url.host}/`);
}

/** Our publisher publishes at one relay, and our viewer watches at the other. */
export async function relayed(from: URL, to: URL): Promise<string | undefined> {
  const path = `interop/${randomUUID().slice(0, 8)}`;
  return await watched(referencePublisher(from, path, TRACK), () => referenceViewer(to, path, TRACK), "payloads");
}

/** The peer publishes, and our viewer watches. */
export async function published(meeting: Meeting, start: StartEnd): Promise<string | undefined> {
  const { path, track } = meeting;
  return await watched(start(meeting), () => referenceViewer(ours(meeting), path, track), "payloads");
}

/** Our publisher publishes, and the peer watches. */
export async function viewed(meeting: Meeting, start: StartEnd): Promise<string | undefined> {
  const { path, track } = meeting;
  return await watched(referencePublisher(ours(meeting), path, track), () => start(meeting), "payloads");
}

/** The peer publishes and watches. */
export async function passed(meeting: Meeting, publish: StartEnd, watch: StartEnd): Promise<string | undefined> {
  return await watched(publish(meeting), () => watch(meeting), "objects");
}

/** The peer publishes media without numbers that both ends know, and `watch` or our viewer watches: every object that arrives was sent. */
export async function carried(meeting: Meeting, publish: StartEnd, watch?: StartEnd): Promise<string | undefined> {
  const { path, track } = meeting;
  const running: End[] = [];
  const arrived = (sent: readonly SeenObject[], seen: readonly SeenObject[]) => {
    const hashes = new Set(sent.map(({ sha256 }) => sha256));
    return seen.filter(({ sha256 }) => hashes.has(sha256)).length;
  };
  try {
    const publisher = await publish(meeting);
    running.push(publisher);
    await sleep(SETTLE_MS);
    const viewer = await (watch?.(meeting) ?? referenceViewer(ours(meeting), path, track));
    running.push(viewer);
    const deadline = performance.now() + WATCH_MS;
    while (performance.now() < deadline && arrived(publisher.objects, viewer.objects) < MEDIA_OBJECTS) {
      if (viewer.failure !== undefined) return `viewer: ${viewer.failure}`;
      if (publisher.failure !== undefined) return `publisher: ${publisher.failure}`;
      await sleep(LOOK_MS);
    }
    const { length } = viewer.objects;
    const known = arrived(publisher.objects, viewer.objects);
    if (known < length) return `${length - known} of ${length} objects that arrived were not sent`;
    return known >= MEDIA_OBJECTS ? undefined : `${known} of ${MEDIA_OBJECTS} objects arrived`;
  } catch (error) {
    return error instanceof Error ? error.message : String(error);
  } finally {
    await Promise.all(running.map((end) => end.stop()));
  }
}

/** What is wrong with what the viewer got; undefined when nothing is. */
async function watched(
  publishing: Promise<End>,
  watch: () => Promise<End>,
  fidelity: Fidelity,
): Promise<string | undefined> {
  const running: End[] = [];
  try {
    const publisher = await publishing;
    running.push(publisher);
    if (publisher.failure !== undefined) return `publisher: ${publisher.failure}`;
    const viewer = await watch();
    running.push(viewer);
    const deadline = performance.now() + WATCH_MS;
    while (performance.now() < deadline && wholeGroups(publisher.objects, viewer.objects) < GROUPS) {
      if (viewer.failure !== undefined) return `viewer: ${viewer.failure}`;
      if (publisher.failure !== undefined) return `publisher: ${publisher.failure}`;
      await sleep(LOOK_MS);
    }
    await sleep(SETTLE_MS);
    return difference(publisher.objects, viewer.objects, fidelity);
  } catch (error) {
    return error instanceof Error ? error.message : String(error);
  } finally {
    await Promise.all(running.map((end) => end.stop()));
  }
}

/** A finding of a check in one version. Fails as well when the peer agreed on another version than asked for. */
export async function finding(
  scene: Scene,
  check: string,
  { protocol }: Meeting,
  run: () => Promise<string | undefined>,
): Promise<Finding> {
  scene.sessions();
  const failure = await run();
  if (failure !== undefined) return { check, failure };
  const agreed = scene.sessions();
  if (agreed.includes(protocol)) return { check };
  return { check, failure: `the peer did not agree on ${protocol}, but on ${[...new Set(agreed)].join(", ")}` };
}
