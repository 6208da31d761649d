/** A scheme and a host, with `*.` for any number of labels before the rest of the host. */
const ENTRY = /^([a-z][a-z\d+.-]*:\/\/)(\*\.)?([^/?#@\s*]+)$/;

/** Browser origins whose pages may open sessions. */
export class Origins {
  readonly #exact: ReadonlySet<string>;
  readonly #wild: readonly (readonly [scheme: string, rest: string])[];

  /** Entries such as `https://app.example` and `https://*.app.example:8443`. An empty list accepts every origin. */
  constructor(entries: readonly string[]) {
    this.#exact = new Set(entries.filter((entry) => !entry.includes("*")));
    this.#wild = entries.flatMap((entry) => {
      const [, scheme = "", star, rest = ""] = ENTRY.exec(entry) ?? [];
      return star === undefined ? [] : [[scheme, `.${rest}`] as const];
    });
  }

  /** `origin`: the `Origin` field of the request. A program that is no browser sends none, and needs none. */
  accepts(origin: string | undefined): boolean {
    if (origin === undefined || this.#exact.size + this.#wild.length === 0 || this.#exact.has(origin)) return true;
    return this.#wild.some(([scheme, rest]) => {
      // The host of an origin has no `/` and no `@`: text that has one is no origin.
      return origin.startsWith(scheme) && origin.endsWith(rest) && /^[^/@?#]+$/.test(origin.slice(scheme.length));
    });
  }
}
