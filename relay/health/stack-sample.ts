/** A sample of what the main thread does, taken from another thread while the main thread is blocked. */
import { Session } from "node:inspector";

/** Microseconds between two looks at the stack, and milliseconds for which it is looked at. */
const LOOK_US = 5_000;
const SAMPLE_MS = 250;

/** Milliseconds for each answer of the main thread. It answers between two steps of JavaScript, also in the middle of a loop. */
const ANSWER_MS = 1_500;

/** Most frames of a stack, and most characters of one. */
const MAX_FRAMES = 24;
const MAX_FRAME = 160;

/** A stack, the innermost function first: names of functions with file and line, and no values. */
export interface StackSample {
  readonly frames: readonly string[];
  /** The part of the looks that found this stack, from 0 to 1. */
  readonly share: number;
}

/** What V8's profiler has seen: a tree of calls, and a leaf of it for each look. */
interface Profile {
  readonly nodes: readonly ProfileNode[];
  readonly samples?: readonly number[] | undefined;
}

interface ProfileNode {
  readonly id: number;
  readonly children?: readonly number[] | undefined;
  readonly callFrame: { readonly functionName: string; readonly url: string; readonly lineNumber: number };
}

/**
 * The stack that the main thread has most of the time now. It uses V8's profiler, which never stops that thread. Undefined when the main
 * thread does not answer: it is in native code, or waits for the system. To be called from a worker whose event loop is kept alive.
 */
export async function sampleMainThread(root: string): Promise<StackSample | undefined> {
  const session = new Session();
  session.connectToMainThread();
  try {
    if (!(await answered((done) => session.post("Profiler.enable", done)))) return undefined;
    session.post("Profiler.setSamplingInterval", { interval: LOOK_US });
    if (!(await answered((done) => session.post("Profiler.start", done)))) return undefined;
    await new Promise((resolve) => setTimeout(resolve, SAMPLE_MS));
    let profile: Profile | undefined;
    const stopped = await answered((done) =>
      session.post("Profiler.stop", (error, result) => {
        profile = result?.profile;
        done(error);
      }),
    );
    return stopped && profile !== undefined ? mainStack(profile, root) : undefined;
  } finally {
    // This ends the profiler as well, also when it has not answered yet.
    session.disconnect();
  }
}

/** False when there is no good answer in time. */
async function answered(ask: (done: (error: Error | null) => void) => void): Promise<boolean> {
  const { promise, resolve } = Promise.withResolvers<boolean>();
  const timer = setTimeout(() => resolve(false), ANSWER_MS);
  ask((error) => resolve(error === null));
  return await promise.finally(() => clearTimeout(timer));
}

/** The stack above the leaf that most looks found. `root`: the URL of the program's folder, which paths are shown from. */
export function mainStack({ nodes, samples = [] }: Profile, root: string): StackSample | undefined {
  const hits = new Map<number, number>();
  for (const id of samples) hits.set(id, (hits.get(id) ?? 0) + 1);
  const [leaf, count] = [...hits].reduce((most, one) => (one[1] > most[1] ? one : most), [-1, 0]);
  const byId = new Map(nodes.map((node) => [node.id, node]));
  const parents = new Map(nodes.flatMap(({ id, children = [] }) => children.map((child) => [child, id] as const)));
  const frames: string[] = [];
  for (let at: number | undefined = leaf; at !== undefined && frames.length < MAX_FRAMES; at = parents.get(at)) {
    const frame = byId.get(at)?.callFrame;
    if (frame !== undefined && frame.functionName !== "(root)") frames.push(frameText(frame, root));
  }
  return frames.length === 0 ? undefined : { frames, share: count / samples.length };
}

function frameText({ functionName, url, lineNumber }: ProfileNode["callFrame"], root: string): string {
  const name = functionName === "" ? "(anonymous)" : functionName;
  const path = url.startsWith(root) ? url.slice(root.length) : url.replace(/^file:\/\//, "");
  return (path === "" ? name : `${name} (${path}:${lineNumber + 1})`).slice(0, MAX_FRAME);
}
