/** A timer that keeps its pace while the tab is in the background, where the page's own timers are slowed down. */

const WORKER =
  "let timer; onmessage = (e) => { clearInterval(timer); timer = setInterval(() => postMessage(0), e.data); };";

/**
 * Calls `tick` every `everyMs` milliseconds until the returned function is called.
 * Falls back to the page's timer where a policy forbids workers made from text.
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
