import type { PublishedTrack } from "../../bench/load/published-track.ts";
import { Serving } from "../../bench/load/serving.ts";
import type { LoadSession, Part } from "../../bench/load/session.ts";
import type { BidiStream, Link } from "../../moq/link.ts";
import type { Request } from "../../moq/wire/lite/index.ts";
import { type ClientDeps, dial, pause, redirected } from "./client.ts";

/** Close code of a client that has finished. */
const CLOSE_DONE = 0;

export interface Published {
  readonly path: string;
  readonly track: string;
  readonly source: PublishedTrack;
}

/**
 * Publishes a broadcast at one relay: the first of `origins` that accepts it. After GOAWAY it publishes at the relay that GOAWAY names, or at
 * the next one, before it leaves. When its session is lost, it tries all of them in turn.
 */
export class Uplink {
  readonly #deps: ClientDeps;
  readonly #published: Published;
  readonly #origins: readonly string[];
  readonly #up: (protocol: string) => void;
  #current: Outlet | undefined;
  #connecting = false;
  #over = false;

  constructor(deps: ClientDeps, published: Published, origins: readonly string[], up: (protocol: string) => void) {
    this.#deps = deps;
    this.#published = published;
    this.#origins = origins;
    this.#up = up;
  }

  start(): void {
    void this.#connect(this.#origins[0] ?? "", 0);
  }

  stop(): void {
    this.#over = true;
    this.#current?.leave();
  }

  async #connect(url: string, attempt: number): Promise<void> {
    if (this.#over) return;
    this.#connecting = true;
    const outlet = new Outlet(url, this.#published, {
      goaway: (uri) => this.#leave(outlet, uri),
      closed: () => this.#lost(outlet),
    });
    let link: Link;
    try {
      link = await dial(this.#deps, url, outlet);
    } catch {
      this.#deps.clock.timer(pause(attempt), () => void this.#connect(this.#after(url), attempt + 1));
      return;
    }
    this.#connecting = false;
    const old = this.#current;
    this.#current = outlet;
    old?.leaveWhenIdle();
    this.#up(link.info.protocol);
  }

  #leave(outlet: Outlet, uri: string): void {
    if (outlet !== this.#current || this.#connecting) return;
    // An uplink that knows one relay only returns there: elsewhere another uplink may publish already.
    if (this.#origins.length === 1) outlet.leaveWhenIdle();
    else void this.#connect(redirected(outlet.url, uri) ?? this.#after(outlet.url), 0);
  }

  #lost(outlet: Outlet): void {
    if (outlet !== this.#current || this.#over) return;
    this.#current = undefined;
    if (!this.#connecting) void this.#connect(outlet.url, 0);
  }

  #after(url: string): string {
    const at = this.#origins.findIndex((origin) => new URL(origin).host === new URL(url).host);
    return this.#origins[(at + 1) % this.#origins.length] ?? url;
  }
}

interface OutletEvents {
  goaway(uri: string): void;
  closed(): void;
}

/** A session with one relay. */
class Outlet implements Part {
  readonly broadcasts: readonly string[];
  readonly url: string;
  readonly #serving: Serving;
  readonly #events: OutletEvents;
  #session: LoadSession | undefined;
  #leaving = false;

  constructor(url: string, { path, track, source }: Published, events: OutletEvents) {
    this.url = url;
    this.broadcasts = [path];
    this.#events = events;
    this.#serving = new Serving((asked, name) => (asked === path && name === track ? source : undefined));
  }

  start(session: LoadSession): void {
    this.#session = session;
  }

  request(request: Request, stream: BidiStream, session: LoadSession): void {
    this.#serving.request(request, stream, session);
    if (request.kind !== "goaway") return;
    stream.finish();
    this.#events.goaway(request.uri);
  }

  left(stream: BidiStream): void {
    this.#serving.left(stream);
    if (this.#leaving) this.leaveWhenIdle();
  }

  closed(): void {
    this.#serving.close();
    this.#events.closed();
  }

  /** Leaves once the relay has no subscription here; otherwise the relay ends the session. */
  leaveWhenIdle(): void {
    this.#leaving = true;
    if (this.#serving.subscriptions === 0) this.leave();
  }

  leave(): void {
    this.#session?.link.close(CLOSE_DONE, "");
  }
}
