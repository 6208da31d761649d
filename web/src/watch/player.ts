/** One running viewer: a session, the broadcast's tracks, their decoders and the canvas. */
import * as Watch from "@moq/watch";
import { Rate, toBits } from "../rate.ts";
import { Connection, type ConnectionState } from "../relay/connection.ts";
import type { Target } from "../relay/dial.ts";
import { VIEWER_PROTOCOLS } from "../relay/protocols.ts";
import { Patience } from "./patience.ts";

/** The player downloads the picture while it is this close to the visible part of the page and the tab is in front. */
const VISIBLE = "20%";

/** Milliseconds between two checks for new media. */
const LOOK_MS = 250;

type Session = Watch.Net.Connection.Established;

/** `offline`: it is not published; `loading`: the player waits for its catalog. */
export type PlayerStatus = "offline" | "loading" | "live";

export interface PlayerOptions {
  readonly target: Target;
  /** Path of the broadcast. */
  readonly name: string;
  readonly canvas: HTMLCanvasElement;
  readonly onConnection: (state: ConnectionState) => void;
  readonly onStatus: (status: PlayerStatus) => void;
}

/** Figures of a viewer, from the player; one that it does not have (yet) is absent. */
export interface PlayerStats {
  /** Bits per second of encoded picture and sound received. */
  readonly receivedRate: number | undefined;
  /** Pictures received per second. */
  readonly frameRate: number | undefined;
  readonly codec: string | undefined;
  readonly width: number | undefined;
  readonly height: number | undefined;
  /** Milliseconds of media between the latest received picture and the shown one. */
  readonly behindMs: number | undefined;
  /** Milliseconds by which the player delays media, so that late packets do not cause gaps. */
  readonly bufferMs: number;
  /** Round trip in milliseconds as the relay reports it in its probes. */
  readonly rttMs: number | undefined;
  /** The browser can decode none of the offered video tracks. */
  readonly unsupported: boolean;
  /** No picture was drawn for a while although there should have been one. */
  readonly stalled: boolean;
}

/** Plays until closed. Waits for the broadcast, and continues when it is live again. */
export class Player {
  readonly muted = new Watch.Signals.Signal(true);
  readonly volume = new Watch.Signals.Signal(0.5);
  readonly #session = new Watch.Signals.Signal<Session | undefined>(undefined);
  readonly #effects = new Watch.Signals.Effect();
  readonly #connection: Connection<Session>;
  readonly #sync: Watch.Sync;
  readonly #video: Watch.Video.Decoder;
  readonly #audio: Watch.Audio.Decoder;
  readonly #bytes = new Rate();
  readonly #frames = new Rate();

  constructor({ target, name, canvas, onConnection, onStatus }: PlayerOptions) {
    const { Audio, Video } = Watch;
    const path = Watch.Net.Path.from(name);
    const broadcast = this.#own(new Watch.Broadcast({ connection: this.#session, enabled: true, name: path }));
    const picture = this.#own(new Video.Source({ broadcast, supported: Video.Decoder.supported }));
    const sound = this.#own(new Audio.Source({ broadcast, supported: Audio.Decoder.supported }));
    const jitter = { video: picture.out.jitter, audio: sound.out.jitter };
    this.#sync = this.#own(new Watch.Sync({ connection: this.#session, ...jitter }));
    const onScreen = new Watch.Signals.Signal(false);
    const audible = new Watch.Signals.Signal(false);
    this.#video = this.#own(new Video.Decoder(picture, this.#sync, { enabled: onScreen }));
    this.#audio = this.#own(new Audio.Decoder(sound, this.#sync, { enabled: audible }));
    const emitter = this.#own(new Audio.Emitter(this.#audio, { muted: this.muted, volume: this.volume }));
    const renderer = this.#own(new Video.Renderer(this.#video, { canvas, visible: VISIBLE }));
    this.#effects.proxy(audible, emitter.out.enabled);
    this.#effects.proxy(onScreen, renderer.out.visible);
    this.#effects.subscribe(broadcast.out.status, onStatus);
    this.#connection = new Connection({
      target,
      protocols: VIEWER_PROTOCOLS,
      handshake: (url, transport) => Watch.Net.Connection.connect(url, { transport }),
      onState: onConnection,
      onSession: (session) => this.#session.set(session),
    });
    const patience = new Patience();
    const timer = setInterval(() => {
      // The player does not subscribe to a picture that is not on screen.
      const watched = onScreen.peek() && document.visibilityState === "visible";
      const expected = watched && this.#session.peek() !== undefined && broadcast.out.status.peek() === "live";
      if (patience.look(performance.now(), this.#sync.out.timestamp.peek(), expected)) this.#connection.redial();
    }, LOOK_MS);
    this.#effects.cleanup(() => clearInterval(timer));
  }

  stats(): PlayerStats {
    const video = this.#video.out.stats.peek();
    const config = this.#video.source.out.config.peek();
    const received = (video?.bytesReceived ?? 0) + (this.#audio.out.stats.peek()?.bytesReceived ?? 0);
    const newest = this.#sync.out.timestamp.peek();
    const shown = this.#video.out.timestamp.peek();
    return {
      receivedRate: toBits(this.#bytes.add(received)),
      frameRate: this.#frames.add(video?.frameCount),
      codec: config?.codec,
      width: config?.codedWidth,
      height: config?.codedHeight,
      behindMs: newest === undefined || shown === undefined ? undefined : newest - shown,
      bufferMs: this.#sync.out.buffer.peek(),
      rttMs: this.#session.peek()?.probe.peek().rtt,
      unsupported: this.#video.source.out.error.peek() === "unsupported",
      stalled: this.#video.out.stalled.peek(),
    };
  }

  close(): void {
    this.#connection.close();
    this.#effects.close();
  }

  #own<T extends { close(): void }>(part: T): T {
    this.#effects.cleanup(() => part.close());
    return part;
  }
}
