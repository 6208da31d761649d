/** Bounded HTTP GETs of JSON. */

/** Longest response, in bytes: a set of a hundred RSA keys has about 50 KiB. */
const MAX_ANSWER_BYTES = 1024 * 1024;

export type Fetch = (
  url: URL,
  init: { signal: AbortSignal; headers: Record<string, string>; redirect: "error" },
) => Promise<Response>;

/** Fetches a 200 response: its body and the milliseconds for which Cache-Control lets it be cached. Rejects for any other status. */
export async function getText(
  url: URL,
  timeoutMs: number,
  fetchUrl: Fetch,
): Promise<{ text: string; maxAgeMs: number | undefined }> {
  const signal = AbortSignal.timeout(timeoutMs);
  const response = await fetchUrl(url, { signal, headers: { accept: "application/json" }, redirect: "error" });
  if (response.status !== 200) {
    await response.body?.cancel();
    throw new Error(`the status is ${response.status}, not 200`);
  }
  const chunks: Uint8Array[] = [];
  let bytes = 0;
  const body: AsyncIterable<Uint8Array> | Iterable<Uint8Array> = response.body ?? [];
  for await (const chunk of body) {
    bytes += chunk.length;
    if (bytes > MAX_ANSWER_BYTES) throw new Error(`the response is longer than ${MAX_ANSWER_BYTES} bytes`);
    chunks.push(chunk);
  }
  return { text: Buffer.concat(chunks).toString(), maxAgeMs: maxAge(response.headers.get("cache-control") ?? "") };
}

function maxAge(control: string): number | undefined {
  if (/\bno-(?:store|cache)\b/i.test(control)) return 0;
  const seconds = /\bmax-age=(\d{1,9})\b/i.exec(control)?.[1];
  return seconds === undefined ? undefined : Number(seconds) * 1000;
}
