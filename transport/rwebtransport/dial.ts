import { type Attach, type DialOptions, type Link, TransportError, type Trust } from "../../moq/link.ts";
import { dialledInfo } from "../shared/index.ts";
import type { ClientEvent, ClientHandle, ReadyEvent } from "./addon.ts";
import { RwtLink } from "./link.ts";
import type { EngineParts } from "./listener.ts";
import { tickMs } from "./liveness.ts";
import { ClientPort } from "./port.ts";

/** Connects to a WebTransport server. Rejects with a {@link TransportError}. */
export async function dial(parts: EngineParts, options: DialOptions, attach: Attach): Promise<Link> {
  const { url } = options;
  if (url.protocol !== "https:") {
    throw new TransportError("unsupported_url", `rwebtransport dials https: URLs, not ${url.protocol}`);
  }
  if (options.address !== undefined) {
    throw new TransportError("dial_failed", "rwebtransport dials only the addresses that a URL's host resolves to");
  }
  const trust = trustOf(options.trust);
  return new Promise((resolve, reject) => {
    new Dial(parts, options, attach, { resolve, reject }).start(trust);
  });
}

interface Outcome {
  readonly resolve: (link: Link) => void;
  readonly reject: (error: TransportError) => void;
}

class Dial {
  readonly #parts: EngineParts;
  readonly #options: DialOptions;
  readonly #attach: Attach;
  #outcome: Outcome | undefined;
  #handle: ClientHandle | undefined;
  #link: RwtLink | undefined;
  #failure = "";
  #cancelTimer = (): void => {};

  constructor(parts: EngineParts, options: DialOptions, attach: Attach, outcome: Outcome) {
    this.#parts = parts;
    this.#options = options;
    this.#attach = attach;
    this.#outcome = outcome;
  }

  start(trust: { hashes: readonly Uint8Array[]; insecure: boolean }): void {
    const { url, protocols, headers, timeoutMs } = this.#options;
    const names = [...(headers ?? [])];
    try {
      this.#handle = this.#parts.addon.connect(
        `https://${url.host}${url.pathname}${url.search}`,
        trust.hashes,
        trust.insecure,
        null,
        names.map(([name]) => name.toLowerCase()),
        names.map(([, value]) => value),
        protocols,
        (event) => this.#dispatch(event),
      );
    } catch (cause) {
      this.#fail(new TransportError("dial_failed", `rwebtransport cannot dial ${url.host}`, { cause }));
      return;
    }
    this.#cancelTimer = this.#parts.deps.clock.timer(timeoutMs, () => {
      this.#fail(new TransportError("dial_timeout", `${url.host} did not answer within ${timeoutMs} ms`));
    });
  }

  /** Never throws: the addon would lose the rest of its batch. */
  #dispatch(event: ClientEvent): void {
    if (event.type === "ready") {
      if (this.#outcome !== undefined) this.#ready(event);
      return;
    }
    const link = this.#link;
    if (link !== undefined) {
      link.dispatch(event);
      if (link.gone) this.#cancelTimer();
      return;
    }
    if (event.type === "error") this.#failure = event.message;
    if (event.type === "closed") this.#fail(failureOf(this.#options.url.host, this.#failure));
  }

  #ready(event: ReadyEvent): void {
    const { protocols, unanswered, url, limits } = this.#options;
    const { addon, deps, engine, turn } = this.#parts;
    if (this.#handle === undefined) return;
    const protocol = event.protocol ?? unanswered ?? "";
    if (protocols.length > 0 && !protocols.includes(protocol)) {
      const offered = protocols.join(", ");
      this.#fail(new TransportError("no_common_protocol", `${url.host} speaks none of ${offered}`));
      return;
    }
    const link = new RwtLink({
      port: new ClientPort(addon, this.#handle),
      info: dialledInfo(engine.name, this.#options, protocol),
      engine,
      limits,
      turn,
      clock: deps.clock,
      warn: deps.warn,
    });
    this.#link = link;
    this.#cancelTimer();
    link.attach(this.#attach);
    this.#outcome?.resolve(link);
    this.#outcome = undefined;
    this.#tick(link);
  }

  #tick(link: RwtLink): void {
    this.#cancelTimer = this.#parts.deps.clock.timer(tickMs(this.#options.limits), () => {
      link.tick(this.#parts.deps.clock.now());
      if (!link.gone) this.#tick(link);
    });
  }

  #fail(error: TransportError): void {
    this.#cancelTimer();
    if (this.#handle !== undefined) this.#parts.addon.shutdown(this.#handle);
    this.#outcome?.reject(error);
    this.#outcome = undefined;
  }
}

function failureOf(host: string, message: string): TransportError {
  const status = /rejected with status (\d+)/.exec(message)?.[1];
  if (status !== undefined) {
    return new TransportError("dial_rejected", `${host} answered with HTTP status ${status}`, {
      status: Number(status),
    });
  }
  return new TransportError("dial_failed", `cannot connect to ${host}: ${message || "it closed before it opened"}`);
}

function trustOf(trust: Trust): { hashes: readonly Uint8Array[]; insecure: boolean } {
  switch (trust.kind) {
    case "system":
      return { hashes: [], insecure: false };
    case "insecure":
      return { hashes: [], insecure: true };
    case "hashes":
      // Without a hash the addon would trust the system's roots.
      if (trust.sha256.length === 0) throw new TransportError("dial_failed", "no certificate hash to trust");
      return { hashes: trust.sha256, insecure: false };
    case "roots":
      throw new TransportError("dial_failed", "rwebtransport trusts the system's roots or hashes, not given roots");
  }
}
