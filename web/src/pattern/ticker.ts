/** A timer that keeps its rate in a background tab, where browsers slow down the page's own timers. */

const WORKER =
  "let timer; onmessage = (e) => { clearInterval(timer); timer = setInterval(() => postMessage(0), e.data); };";

/**
 * Calls `tick` every `everyMs` milliseconds until the returned function is called.
 * Uses the page's timer if a policy forbids workers made from text.
 */
export function startTicker(everyMs: number, tick: () => void): () => void {
  let fallback: ReturnType<typeof setInterval> | undefined;
  const address = URL.createObjectURL(new Blob([WORKER], { type: "text/javascript" }));
  const worker = new Worker(address);
  worker.onmessage = tick;
  worker.onerror = () => {
    fallback ??= setInterval(tick, everyMs);
  };
  worker.postMessage(everyMs);
  return () => {
    worker.terminate();
    URL.revokeObjectURL(address);
    clearInterval(fallback);
  };
}
