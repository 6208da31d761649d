/** Bounded HTTP GETs of JSON. */

/** Bytes of an answer: a set of a hundred RSA keys is about 50 KiB. */
const MAX_ANSWER_BYTES = 1024 * 1024;

export type Fetch = (
  url: URL,
  init: { signal: AbortSignal; headers: Record<string, string>; redirect: "error" },
) => Promise<Response>;

/** The body of a 200 answer, and how many milliseconds it may be kept as its Cache-Control says. Rejects otherwise. */
export async function getText(
  url: URL,
  timeoutMs: number,
  fetchUrl: Fetch,
): Promise<{ text: string; maxAgeMs: number | undefined }> {
  const signal = AbortSignal.timeout(timeoutMs);
  const response = await fetchUrl(url, { signal, headers: { accept: "application/json" }, redirect: "error" });
  if (response.status !== 200) {
    await response.body?.cancel();
    throw new Error(`it answered ${response.status}`);
  }
  const chunks: Uint8Array[] = [];
  let bytes = 0;
  const body: AsyncIterable<Uint8Array> | Iterable<Uint8Array> = response.body ?? [];
  for await (const chunk of body) {
    bytes += chunk.length;
    if (bytes > MAX_ANSWER_BYTES) throw new Error(`its answer is longer than ${MAX_ANSWER_BYTES} bytes`);
    chunks.push(chunk);
  }
  return { text: Buffer.concat(chunks).toString(), maxAgeMs: maxAge(response.headers.get("cache-control") ?? "") };
}

function maxAge(control: string): number | undefined {
  if (/\bno-(?:store|cache)\b/i.test(control)) return 0;
  const seconds = /\bmax-age=(\d{1,9})\b/i.exec(control)?.[1];
  return seconds === undefined ? undefined : Number(seconds) * 1000;
}
