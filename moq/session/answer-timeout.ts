import type { SessionContext } from "./context.ts";

/** Calls `late`, and counts it, unless the returned function is called before the peer's time to answer is over. */
export function awaitAnswer({ deps, admission }: SessionContext, late: () => void): () => void {
  const { requestTimeoutMs } = deps.limits;
  if (requestTimeoutMs === undefined) return () => {};
  return deps.clock.timer(requestTimeoutMs, () => {
    admission.full("request_timeout");
    late();
  });
}
