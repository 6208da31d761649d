/** What an engine's test brings along so that the suite can run over it, and pairs of links made with it. */
import { type TestContext, test } from "node:test";
import type {
  Certificate,
  Engine,
  Link,
  LinkInfo,
  LinkLimits,
  LinkRequest,
  Listener,
  PeerAddress,
  Trust,
} from "../../../moq/link.ts";
import { patient } from "../../../scripts/suite/patience.ts";
import { LIMITS, Recorder } from "../fixtures.ts";

/** True, or the reason why an engine cannot do it, which is printed where its cases are skipped. */
export type Support = true | string;

/** What not every engine can do. */
export interface Supports {
  readonly datagrams: Support;
  /** A stream of higher priority overtakes what others have queued, to the last byte that is not on the wire. */
  readonly priority: Support;
  /** The peer may open exactly as many streams as `LinkLimits` says. */
  readonly streamLimits: Support;
  /** Whether `pauseReading` makes the peer wait. */
  readonly pauses: Support;
  /** A stream can be passed on without the program. */
  readonly passes: Support;
  /** A dial resolves after `accept` and not before, and `reject` gives it `dial_rejected` with the status. */
  readonly reject: Support;
  /** A dial after `stopAccepting` rejects. */
  readonly stopAccepting: Support;
  /** The request headers of the dialler are in the listener's `LinkInfo`. */
  readonly headers: Support;
  /** True needs {@link Harness.otherCertificate}. */
  readonly certificateSwap: Support;
  /** True needs {@link Harness.vanish}. */
  readonly vanish: Support;
  /** Why packets lost in a burst may cost more than time: a close then may come without its code, a stream without its end. */
  readonly burstLoss?: string;
  /** Cases by name that a fault of the engine's makers lets fail, and the fault. */
  readonly faults?: Readonly<Record<string, string>>;
}

/** An engine and the world in which it is tested: turned time and a simulated network, or real time and sockets. */
export interface Harness {
  readonly supports: Supports;
  /** Largest stream and close code that travels whole. */
  readonly maxCode: number;
  /** Host to listen on; the port is 0. */
  readonly host: string;
  /** Makes the engines of both ends, which may be one. Once, before the first case. */
  start(): Promise<{ readonly client: Engine; readonly server: Engine }>;
  /** Once, after the last case. */
  stop?(): Promise<void>;
  /** Called after `start`. */
  certificate(): Certificate;
  trust(): Trust;
  /** Where to dial what listens at `address`; `target` is path and query, starting with `/`. */
  url(address: PeerAddress, target: string): URL;
  /** Lets time pass until `look` gives something but false or undefined. Rejects, naming `what`, when that takes too long. */
  until<T extends object | true>(what: string, look: () => T | false | undefined): Promise<T>;
  /** Lets time pass until the promise settles, a bounded time. */
  settled<T>(promise: Promise<T>): Promise<T>;
  /** Lets `ms` milliseconds pass. */
  pass(ms: number): Promise<void>;
  /** A certificate that `trust` does not trust, and what trusts it and not the first. */
  otherCertificate?(): { readonly certificate: Certificate; readonly trust: Trust };
  /**
   * The dialling end of the pair disappears without a word: from now on nothing it sends arrives, as if its machine
   * had lost power.
   */
  vanish?(pair: Pair): void;
}

export interface PairOptions {
  /** Bounds of the dialling end over {@link LIMITS}. */
  readonly client?: Partial<LinkLimits>;
  /** Bounds of the listening end. */
  readonly server?: Partial<LinkLimits>;
  readonly protocols?: { readonly client?: readonly string[]; readonly server?: readonly string[] };
  readonly target?: string;
  readonly headers?: ReadonlyMap<string, string>;
  /** Of the dial, instead of the harness's. */
  readonly trust?: Trust;
}

/** A link with both of its ends in this process. */
export interface Pair {
  readonly client: Link;
  readonly server: Link;
  readonly clientEvents: Recorder;
  readonly serverEvents: Recorder;
  readonly listener: Listener;
  /** The client as the listener sees it. */
  readonly info: LinkInfo;
}

/** Application protocol where a case does not care. */
const PROTOCOL = "moq-lite-05";

/** Milliseconds until a dial gives up. */
const DIAL_TIMEOUT_MS = patient(5_000);

/** Milliseconds in which what is under way arrives, so that what must not happen would have happened. */
const QUIET_MS = 200;

/** The engines of a suite and what its cases make of them. */
export class Bench {
  readonly harness: Harness;
  /** Names of the registered cases. */
  readonly #cases = new Set<string>();
  #engines: { readonly client: Engine; readonly server: Engine } | undefined;

  constructor(harness: Harness) {
    this.harness = harness;
  }

  async start(): Promise<void> {
    const unknown = Object.keys(this.harness.supports.faults ?? {}).filter((name) => !this.#cases.has(name));
    if (unknown.length > 0) throw new Error(`no case has the name of these faults: ${unknown.join("; ")}`);
    this.#engines = await this.harness.start();
  }

  get client(): Engine {
    return this.#started.client;
  }

  get server(): Engine {
    return this.#started.server;
  }

  get #started(): { readonly client: Engine; readonly server: Engine } {
    if (this.#engines === undefined) throw new Error("the harness was not started");
    return this.#engines;
  }

  /** A listener that is closed after the case. */
  async listen(
    t: TestContext,
    onRequest: (request: LinkRequest) => void,
    options: PairOptions & { readonly port?: number } = {},
  ): Promise<Listener> {
    const { harness } = this;
    const listening = this.server.listen(
      {
        host: harness.host,
        port: options.port ?? 0,
        protocols: options.protocols?.server ?? [PROTOCOL],
        certificate: harness.certificate(),
        limits: { ...LIMITS, ...options.server },
      },
      onRequest,
    );
    const listener = await harness.settled(listening);
    t.after(() => harness.settled(listener.close()));
    return listener;
  }

  /** Dials what listens at `address`; the link is closed after the case. */
  async dial(
    t: TestContext,
    address: PeerAddress,
    events: Recorder,
    options: PairOptions & { readonly timeoutMs?: number; readonly url?: URL; readonly address?: string } = {},
  ): Promise<Link> {
    const { harness } = this;
    const dialling = this.client.dial(
      {
        url: options.url ?? harness.url(address, options.target ?? "/"),
        ...(options.address !== undefined && { address: options.address }),
        protocols: options.protocols?.client ?? [PROTOCOL],
        ...(options.headers === undefined ? {} : { headers: options.headers }),
        trust: options.trust ?? harness.trust(),
        limits: { ...LIMITS, ...options.client },
        timeoutMs: options.timeoutMs ?? DIAL_TIMEOUT_MS,
      },
      events.attach,
    );
    const link = await harness.settled(dialling);
    t.after(() => link.close(0, ""));
    return link;
  }

  /** A listener and a link to it. After the case, also a failed one, both are closed and the contract's rules are checked. */
  async pair(t: TestContext, options: PairOptions = {}): Promise<Pair> {
    const serverEvents = new Recorder();
    const clientEvents = new Recorder();
    let info: LinkInfo | undefined;
    const listener = await this.listen(
      t,
      (request) => {
        // What else the case dials is none of the pair's.
        if (info !== undefined) {
          request.accept(new Recorder().attach);
          return;
        }
        info = request.info;
        request.accept(serverEvents.attach);
      },
      options,
    );
    const client = await this.dial(t, listener.address, clientEvents, options);
    const server = await this.harness.until("a link at the listener", () => serverEvents.link);
    if (info === undefined) throw new Error("a link without a request");
    this.#watch(t, clientEvents, serverEvents);
    return { client, server, clientEvents, serverEvents, listener, info };
  }

  /** Lets everything that is under way arrive. */
  quiet(): Promise<void> {
    return this.harness.pass(QUIET_MS);
  }

  until<T extends object | true>(what: string, look: () => T | false | undefined): Promise<T> {
    return this.harness.until(what, look);
  }

  #watch(t: TestContext, ...recorders: readonly Recorder[]): void {
    t.after(() => {
      const broken = recorders.flatMap(({ violations }) => violations);
      if (broken.length > 0) throw new Error(`the engine broke the contract: ${broken.join("; ")}`);
    });
  }

  /** Registers a case; what the engine does not support is skipped with the reason. */
  case(
    name: string,
    run: (t: TestContext) => Promise<void>,
    needs?: Exclude<keyof Supports, "burstLoss" | "faults">,
  ): void {
    const { supports } = this.harness;
    this.#cases.add(name);
    const support = supports.faults?.[name] ?? (needs === undefined ? true : supports[needs]);
    test(name, support === true ? {} : { skip: support }, run);
  }
}
