/** Reads a relay's admin listener. */

/** Milliseconds for an answer, unless the caller says otherwise. */
const TIMEOUT_MS = 2_000;

/** `name` or `name{labels}`, and its value. */
const SAMPLE = /^([a-zA-Z_:][\w:]*)(\{[^}]*\})? (\S+)/;

/** Samples of one scrape by name, with its labels and without; samples with the same name and different labels are added. */
export type Samples = ReadonlyMap<string, number>;

export class Admin {
  readonly #base: string;
  readonly #timeoutMs: number;

  constructor(port: number, timeoutMs = TIMEOUT_MS) {
    this.#base = `http://127.0.0.1:${port}`;
    this.#timeoutMs = timeoutMs;
  }

  /** Rejects when it does not answer. */
  async metrics(): Promise<Samples> {
    return parseMetrics(await (await this.#get("/metrics")).text());
  }

  /** Readiness: the status is 200 or 503. */
  async ready(): Promise<boolean> {
    return (await this.#get("/health/ready")).ok;
  }

  /** The JSON answer of an endpoint; undefined if there is no such endpoint. */
  async json(path: string): Promise<unknown> {
    const response = await this.#get(path);
    const body: unknown = await response.json();
    return response.status === 404 ? undefined : body;
  }

  async #get(path: string): Promise<Response> {
    return await fetch(`${this.#base}${path}`, { signal: AbortSignal.timeout(this.#timeoutMs) });
  }
}

/** Parses the text format of Prometheus. */
export function parseMetrics(text: string): Samples {
  const samples = new Map<string, number>();
  for (const line of text.split("\n")) {
    const match = SAMPLE.exec(line);
    const [, name, labels, value] = match ?? [];
    if (name === undefined || value === undefined) continue;
    if (labels !== undefined) samples.set(`${name}${labels}`, Number(value));
    samples.set(name, (samples.get(name) ?? 0) + Number(value));
  }
  return samples;
}
