import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { isIP } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import {
  type Attach,
  type Certificate,
  type EngineDeps,
  type FanOutFactory,
  type LinkInfo,
  type LinkRequest,
  type Listener,
  type ListenOptions,
  type PeerAddress,
  TransportError,
} from "../../moq/link.ts";
import { headerMap, resolveHost, splitTarget, type Turn } from "../shared/index.ts";
import { parseKeyPair } from "../tls/index.ts";
import type { Addon, ServerEvent, ServerHandle, ServerReadyEvent } from "./addon.ts";
import { RwtLink } from "./link.ts";
import { tickMs } from "./liveness.ts";
import { ServerPort } from "./port.ts";

/** Milliseconds that each step of closing may take: the links' closes, and the end of the addon's thread. */
const CLOSE_WAIT_MS = 1000;

/** The close of a session that opens after `stopAccepting`; the code is an HTTP status. */
const NOT_ACCEPTING = { code: 503, reason: "not accepting sessions" } as const;

/** The parts of the engine that its listeners and dials use. */
export interface EngineParts {
  readonly addon: Addon;
  readonly engine: FanOutFactory;
  readonly turn: Turn;
  readonly deps: EngineDeps;
}

type OnRequest = (request: LinkRequest) => void;

/** Binds the socket. Rejects with {@link TransportError} `bind_failed` or `bad_certificate`. */
export async function listen(parts: EngineParts, options: ListenOptions, onRequest: OnRequest): Promise<Listener> {
  parseKeyPair(options.certificate.cert, "the certificate", options.certificate.key, "the key");
  if (options.certificate.names !== undefined) {
    parts.deps.warn(
      "rwebtransport presents one certificate to all clients; certificates for other names are used over TCP only",
    );
  }
  const address = await resolveHost(options.host);
  // The addon reads the files before its event `listening`.
  const folder = await mkdtemp(join(tmpdir(), "moqmesh-"));
  try {
    const files = await writePem(folder, options.certificate);
    const listener = new RwtListener(parts, options, onRequest);
    await listener.start(files, address);
    return listener;
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

class RwtListener implements Listener {
  readonly #parts: EngineParts;
  readonly #options: ListenOptions;
  readonly #onRequest: OnRequest;
  readonly #links = new Map<number, RwtLink>();
  readonly #ready = Promise.withResolvers<void>();
  readonly #stopped = Promise.withResolvers<void>();
  #handle: ServerHandle | undefined;
  #listening = false;
  #address: PeerAddress = { address: "", port: 0 };
  #accepting = true;
  #closing: Promise<void> | undefined;
  #cancelTick = (): void => {};

  constructor(parts: EngineParts, options: ListenOptions, onRequest: OnRequest) {
    this.#parts = parts;
    this.#options = options;
    this.#onRequest = onRequest;
  }

  get address(): PeerAddress {
    return this.#address;
  }

  async start(files: { cert: string; key: string }, address: string): Promise<void> {
    const host = isIP(address) === 6 ? `[${address}]` : address;
    const { port, protocols } = this.#options;
    this.#address = { address, port };
    this.#handle = this.#parts.addon.serverListen(
      files.cert,
      files.key,
      host,
      port,
      false,
      protocols,
      null,
      [],
      [],
      (event) => this.#dispatch(event),
    );
    await this.#ready.promise;
    this.#tick();
  }

  /** The addon reads its certificate once. */
  setCertificate(_certificate: Certificate): boolean {
    return false;
  }

  stopAccepting(): void {
    this.#accepting = false;
  }

  close(): Promise<void> {
    this.#closing ??= this.#close();
    return this.#closing;
  }

  async #close(): Promise<void> {
    this.#accepting = false;
    const links = [...this.#links.values()];
    for (const link of links) link.close(0, "");
    // Without this wait the peers would see the end of the socket instead of their links' close codes.
    await this.#within(Promise.all(links.map((link) => new Promise<void>((resolve) => link.whenSent(resolve)))));
    this.#cancelTick();
    if (this.#handle !== undefined) this.#parts.addon.serverShutdown(this.#handle);
    await this.#within(this.#stopped.promise);
    this.#links.clear();
  }

  #within(what: Promise<unknown>): Promise<void> {
    return new Promise((resolve) => {
      const cancel = this.#parts.deps.clock.timer(CLOSE_WAIT_MS, resolve);
      void what.then(() => {
        cancel();
        resolve();
      });
    });
  }

  /** Never throws: the addon would lose the rest of its batch. */
  #dispatch(event: ServerEvent): void {
    switch (event.type) {
      case "listening":
        this.#address = { address: this.#address.address, port: event.port };
        this.#listening = true;
        this.#ready.resolve();
        return;
      case "serverError":
        this.#failed(event.message);
        return;
      case "serverClosed":
        this.#ended();
        return;
      case "serverReady":
        this.#opened(event.session, event);
        return;
      default: {
        const link = this.#links.get(event.session);
        if (link === undefined) return;
        link.dispatch(event);
        if (link.gone) this.#links.delete(event.session);
      }
    }
  }

  #opened(session: number, event: ServerReadyEvent): void {
    const { engine, turn, deps, addon } = this.#parts;
    if (this.#handle === undefined) return;
    const link = new RwtLink({
      port: new ServerPort(addon, this.#handle, session),
      info: infoOf(engine.name, event),
      engine,
      limits: this.#options.limits,
      turn,
      clock: deps.clock,
      warn: deps.warn,
    });
    this.#links.set(session, link);
    if (!this.#accepting) {
      link.close(NOT_ACCEPTING.code, NOT_ACCEPTING.reason);
      return;
    }
    try {
      this.#onRequest(new RwtRequest(link));
    } catch (error) {
      deps.warn("rwebtransport: a request handler failed; its session is closed", error);
      link.close(500, "internal error");
    }
  }

  #tick(): void {
    if (this.#closing !== undefined) return;
    this.#cancelTick = this.#parts.deps.clock.timer(tickMs(this.#options.limits), () => {
      const now = this.#parts.deps.clock.now();
      for (const link of this.#links.values()) link.tick(now);
      this.#tick();
    });
  }

  #failed(message: string): void {
    const code = /certificate|private key/.test(message) ? "bad_certificate" : "bind_failed";
    this.#ready.reject(new TransportError(code, `rwebtransport cannot listen: ${message}`));
    if (this.#listening) this.#parts.deps.warn(`rwebtransport: the listener ended: ${message}`);
  }

  #ended(): void {
    this.#ready.reject(new TransportError("bind_failed", "rwebtransport ended before it listened"));
    this.#cancelTick();
    for (const link of this.#links.values()) {
      link.dispatch({ type: "closed", code: 0, reason: new Uint8Array(0), remote: false });
    }
    this.#links.clear();
    this.#stopped.resolve();
  }
}

/** The addon has answered 200 already. A rejected client's session opens, and closes with the status as code. */
class RwtRequest implements LinkRequest {
  readonly #link: RwtLink;

  constructor(link: RwtLink) {
    this.#link = link;
  }

  get info(): LinkInfo {
    return this.#link.info;
  }

  accept(attach: Attach): void {
    this.#link.attach(attach);
  }

  reject(status: number, reason: string): void {
    this.#link.close(status, reason);
  }
}

function infoOf(engine: string, event: ServerReadyEvent): LinkInfo {
  const headers = headerMap(Object.entries(event.headers));
  if (event.origin !== null) headers.set("origin", event.origin);
  return {
    engine,
    binding: "webtransport",
    protocol: event.protocol ?? "",
    dialled: false,
    authority: event.authority,
    ...splitTarget(event.path),
    headers,
    // A socket for both families reports IPv4 peers as mapped addresses (RFC 4291 section 2.5.5.2).
    peer: { address: event.remoteAddress.replace(/^::ffff:(?=\d+\.)/, ""), port: event.remotePort },
  };
}

async function writePem(folder: string, certificate: Certificate): Promise<{ cert: string; key: string }> {
  const files = { cert: join(folder, "cert.pem"), key: join(folder, "key.pem") };
  await writeFile(files.cert, certificate.cert, { mode: 0o600 });
  await writeFile(files.key, certificate.key, { mode: 0o600 });
  return files;
}
