import { webhookHeaders } from "./signature.ts";

export interface Posting {
  readonly url: string;
  readonly id: string;
  readonly body: string;
  readonly key: Buffer | undefined;
  /** Seconds since 1970. */
  readonly seconds: number;
  readonly timeoutMs: number;
}

/**
 * Sends one webhook. Resolves with nothing for a status of 200 to 299, else with why not. A redirect is not followed: it could lead a
 * signed event to where the operator did not send it.
 */
export async function postOverHttp({ url, id, body, key, seconds, timeoutMs }: Posting): Promise<string | undefined> {
  try {
    const headers = webhookHeaders(id, Math.floor(seconds), body, key);
    const signal = AbortSignal.timeout(timeoutMs);
    const response = await fetch(url, { method: "POST", body, headers, redirect: "manual", signal });
    // The body is not read: a receiver may send one without end.
    await response.body?.cancel();
    return response.ok ? undefined : `status ${response.status}`;
  } catch (error) {
    return whyOf(error, timeoutMs);
  }
}

/** Without the URL, which may have a secret in its query. */
function whyOf(error: unknown, timeoutMs: number): string {
  if (!(error instanceof Error)) return "no answer";
  if (error.name === "TimeoutError") return `no answer within ${timeoutMs} ms`;
  const { cause } = error;
  const code: unknown = cause instanceof Error && "code" in cause ? cause.code : undefined;
  return typeof code === "string" ? code : "no connection";
}
