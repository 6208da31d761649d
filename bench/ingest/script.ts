import type { Link } from "../../moq/link.ts";
import { Broadcasts } from "../../moq/model/index.ts";
import { ChannelRegistry, openAccess, startSession } from "../../moq/session/index.ts";
import { DEFAULT_WIRE_LIMITS } from "../../moq/wire/codec/index.ts";
import {
  type Capabilities,
  capabilities,
  encodeAnnouncement,
  encodeAnnounceOk,
  encodeFrameHeader,
  encodeGroupStream,
  encodeRequest,
  encodeSubscribeResponse,
  encodeTrackInfo,
  type Request,
  RequestReader,
} from "../../moq/wire/lite/index.ts";
import { loadConfig } from "../../relay/config/index.ts";
import { KIND, type MetaRecord, NativeEngine } from "../../transport/native/index.ts";
import { BenchError } from "../system/error.ts";
import type { IngestOptions } from "./options.ts";
import { ScriptClock } from "./script-clock.ts";
import { ScriptedNative } from "./scripted-native.ts";

const PROTOCOL = "moq-lite-05";
const TRACK = "data";
const FRAMES_PER_SECOND = 30;
/** Units of a timestamp in a second. */
const TIMESCALE = 1_000;
const SUBSCRIBE = { id: 0, track: TRACK, epoch: 0n, priority: 128, ordered: false, maxLatency: 10_000 } as const;
const INFO = { epoch: 0n, priority: 128, ordered: false, maxLatency: 10_000, timescale: TIMESCALE } as const;

/** A track that the publisher feeds, once the relay has subscribed to it. */
interface Feed {
  readonly link: number;
  readonly subscribe: number;
  frame: number;
  /** The stream of the current group. */
  stream: number;
}

/** A relay's JavaScript between a publisher of all broadcasts and viewers, each with a session of its own. The script is their network. */
export class Script {
  readonly #options: IngestOptions;
  readonly #caps: Capabilities;
  readonly #clock = new ScriptClock();
  readonly #native: ScriptedNative;
  readonly #engine: NativeEngine;
  readonly #connect: () => Promise<Link>;
  /** The relay's own requests, by stream. */
  readonly #requests = new Map<number, { readonly link: number; readonly reader: RequestReader }>();
  readonly #feeds: Feed[] = [];
  #wake = (): void => {};
  /** The frames of a group, as they are on the wire. */
  readonly #frames: readonly Uint8Array[];
  #links = 0;
  #next = 0;

  constructor(options: IngestOptions) {
    this.#options = options;
    const caps = capabilities(PROTOCOL);
    if (caps === undefined) throw new Error(`${PROTOCOL} is unknown`);
    this.#caps = caps;
    this.#frames = Array.from({ length: options.framesPerGroup }, (_, frame) => this.#encode(frame));
    this.#native = new ScriptedNative({
      dialled: (token) => this.#dialled(token),
      opened: (link, stream) =>
        this.#requests.set(stream, { link, reader: new RequestReader(caps, DEFAULT_WIRE_LIMITS) }),
      wrote: (stream, bytes) => {
        const { link = 0, reader } = this.#requests.get(stream) ?? {};
        reader?.push(bytes, (request) => this.#answer(link, stream, request));
      },
    });
    this.#engine = new NativeEngine({ clock: this.#clock, warn: (text, error) => this.#fail(text, error) }, (wake) => {
      this.#wake = wake;
      return this.#native;
    });
    const { config } = loadConfig({ flags: [] });
    const broadcasts = new Broadcasts({ clock: this.#clock, limits: config.limits, cache: config.cache });
    const channels = new ChannelRegistry();
    this.#connect = () =>
      this.#engine.dial(
        {
          url: new URL("https://peer.invalid/"),
          protocols: [PROTOCOL],
          trust: { kind: "insecure" },
          limits: { ...config.limits, queueMark: config.limits.sessionQueueMark },
          timeoutMs: 1_000,
        },
        startSession({
          broadcasts,
          clock: this.#clock,
          limits: config.limits,
          channels,
          hop: 1n,
          access: openAccess(""),
          announcePrefix: "",
          defect: (error) => this.#fail("a session failed", error),
          closed: () => this.#fail("a session ended", undefined),
        }),
      );
  }

  /** Opens all sessions and subscriptions. Rejects with a {@link BenchError} when the relay does not subscribe to all broadcasts. */
  async start(): Promise<void> {
    const { broadcasts, viewers } = this.#options;
    await this.#link();
    for (let n = 0; n < broadcasts * viewers; n++) {
      const link = await this.#link();
      const stream = this.#native.request(link);
      const subscribe = { kind: "subscribe", ...SUBSCRIBE, path: `bench/${n % broadcasts}` } as const;
      this.#native.event(KIND.data, link, stream, encodeRequest(subscribe, this.#caps));
      this.#turn(0);
    }
    if (this.#feeds.length !== broadcasts) {
      throw new BenchError(`the relay subscribed to ${this.#feeds.length} of ${broadcasts} broadcasts`);
    }
  }

  /** Frames that were written to viewers. */
  get written(): number {
    return this.#native.writes;
  }

  /** Sends as many frames as the engine delivers at a time, each of the next broadcast. Returns how many. */
  send(): number {
    const { batch, broadcasts } = this.#options;
    for (let n = 0; n < batch; n++) {
      const feed = this.#feeds[this.#next];
      this.#next = (this.#next + 1) % this.#feeds.length;
      if (feed !== undefined) this.#frame(feed);
    }
    this.#turn((1_000 * batch) / (FRAMES_PER_SECOND * broadcasts));
    return batch;
  }

  #turn(ms: number): void {
    this.#wake();
    this.#clock.advance(ms);
  }

  #frame(feed: Feed): void {
    const { framesPerGroup } = this.#options;
    const index = feed.frame % framesPerGroup;
    if (index === 0) {
      const header = { subscribe: feed.subscribe, sequence: feed.frame / framesPerGroup };
      feed.stream = this.#native.take();
      this.#native.event(KIND.uni, feed.link, feed.stream);
      this.#native.event(KIND.data, feed.link, feed.stream, encodeGroupStream(this.#caps, header));
    }
    this.#native.event(KIND.data, feed.link, feed.stream, this.#frames[index]);
    feed.frame++;
    if (index !== framesPerGroup - 1) return;
    this.#native.event(KIND.fin, feed.link, feed.stream);
    this.#native.gone(feed.stream);
  }

  #encode(frame: number): Uint8Array {
    const { frameBytes } = this.#options;
    const header = encodeFrameHeader(this.#caps, frameBytes, frame === 0 ? 0 : TIMESCALE / FRAMES_PER_SECOND);
    const bytes = new Uint8Array(header.length + frameBytes);
    bytes.set(header);
    return bytes;
  }

  async #link(): Promise<number> {
    const connected = this.#connect();
    this.#turn(0);
    await connected;
    return this.#links;
  }

  #dialled(token: number): void {
    this.#links += 1;
    const meta: MetaRecord = {
      binding: "webtransport",
      protocol: PROTOCOL,
      authority: "peer.invalid",
      path: "/",
      query: "",
      headers: [],
      address: "192.0.2.1",
      port: this.#links,
    };
    const dialled = Buffer.from(JSON.stringify(meta));
    // The record of a dial has its token where others have the stream.
    this.#native.event(KIND.dialled, this.#links, token, dialled);
  }

  #answer(link: number, stream: number, request: Request): void {
    const caps = this.#caps;
    const reply = (bytes: Uint8Array) => this.#native.event(KIND.data, link, stream, bytes);
    if (request.kind === "announce") {
      const active = link === 1 ? this.#options.broadcasts : 0;
      reply(encodeAnnounceOk({ hop: BigInt(link + 1), active }, caps));
      const fields = { hops: [], epoch: 1n, ended: false, cost: 0 };
      for (let n = 0; n < active; n++) {
        reply(encodeAnnouncement({ kind: "start", suffix: `bench/${n}`, ...fields }, caps));
      }
    } else if (request.kind === "track") {
      reply(encodeTrackInfo(INFO, caps));
      this.#native.event(KIND.fin, link, stream);
    } else if (request.kind === "subscribe") {
      reply(encodeSubscribeResponse({ kind: "start", group: 0 }, caps));
      this.#feeds.push({ link, subscribe: request.id, frame: 0, stream: 0 });
    }
  }

  #fail(text: string, error: unknown): void {
    throw new BenchError(`${text}: ${error instanceof Error ? error.message : String(error)}`);
  }
}
