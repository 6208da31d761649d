/** One running publication: a source, its encoders and the session that carries them. */
import * as Publish from "@moq/publish";
import { Rate, toBits } from "../rate.ts";
import { Connection, type ConnectionState } from "../relay/connection.ts";
import type { Target } from "../relay/dial.ts";
import { PUBLISHER_PROTOCOLS } from "../relay/protocols.ts";
import { SentBytes } from "./sent-bytes.ts";
import type { Source } from "./source.ts";

/** Milliseconds after the start of a session within which a relay announces an earlier publisher. */
const OLDER_MS = 1000;

export interface PublisherOptions {
  readonly target: Target;
  /** Path of the broadcast. */
  readonly name: string;
  readonly source: Source;
  readonly onState: (state: ConnectionState) => void;
}

/** Figures of a publication; one that the browser does not provide is absent. */
export interface PublisherStats {
  /** Another publisher uses the name, and viewers see that one. Always false if this page may not watch the name. */
  readonly displaced: boolean;
  /** True while the picture has a subscription; without one nothing is encoded. */
  readonly watched: boolean;
  readonly codec: string | undefined;
  readonly width: number | undefined;
  readonly height: number | undefined;
  /** True when the source has sound. */
  readonly audio: boolean;
  /** Target bit rate of the encoder, in bits per second. */
  readonly targetRate: number | undefined;
  /** Bits per second written to the transport, without its overhead. */
  readonly sentRate: number | undefined;
}

/** Publishes until closed. When the connection is lost, it reconnects and publishes under the same name. */
export class Publisher {
  readonly #broadcast: Publish.Broadcast;
  readonly #connection: Connection<Publish.Net.Connection.Established>;
  readonly #rate = new Rate();
  #sent: SentBytes | undefined;
  #displaced = false;

  constructor({ target, name, source, onState }: PublisherOptions) {
    this.#broadcast = new Publish.Broadcast({
      name: Publish.Net.Path.from(name),
      enabled: true,
      video: { hd: { enabled: true } },
      audio: { enabled: true },
    });
    this.#broadcast.video.source.set(videoTrack(source.video));
    if (source.audio) this.#setAudio(source.audio);
    source.onLateAudio((track) => this.#setAudio(track));
    this.#connection = new Connection({
      target,
      publishes: name,
      protocols: PUBLISHER_PROTOCOLS,
      handshake: (url, transport) => {
        this.#sent = new SentBytes(transport);
        return Publish.Net.Connection.connect(url, { transport });
      },
      onState,
      onSession: (session) => {
        this.#displaced = false;
        this.#broadcast.connection.set(session);
        if (session !== undefined) void this.#followRivals(session, name);
      },
    });
  }

  /**
   * Detects another publisher of the same name. The relay sends viewers to the newer one. A relay does not announce our own broadcast to us,
   * so an announcement of our name means another publisher. An older one is announced at once.
   */
  async #followRivals(session: Publish.Net.Connection.Established, name: string): Promise<void> {
    const announced = session.announced(Publish.Net.Path.from(name));
    const older = performance.now() + OLDER_MS;
    try {
      for (let event = await announced.next(); event !== undefined; event = await announced.next()) {
        if (event.path !== "" && event.path !== name) continue;
        this.#displaced = event.active && performance.now() > older;
      }
    } catch {
      // The session has ended; the next one starts this again.
    }
  }

  stats(): PublisherStats {
    const { hd } = this.#broadcast.video;
    const resolved = hd.resolved.peek();
    return {
      displaced: this.#displaced,
      watched: hd.active.peek(),
      codec: resolved?.codec,
      width: resolved?.width,
      height: resolved?.height,
      audio: this.#broadcast.audio.source.peek() !== undefined,
      targetRate: resolved?.bitrate,
      sentRate: toBits(this.#rate.add(this.#sent?.count)),
    };
  }

  close(): void {
    this.#connection.close();
    this.#broadcast.close();
  }

  #setAudio(track: MediaStreamTrack): void {
    this.#broadcast.audio.source.set({ track: audioTrack(track), kind: "auto" });
  }
}

function isVideo(track: MediaStreamTrack): track is Publish.Video.StreamTrack {
  return track.kind === "video";
}

function isAudio(track: MediaStreamTrack): track is Publish.Audio.StreamTrack {
  return track.kind === "audio";
}

function videoTrack(track: MediaStreamTrack): Publish.Video.StreamTrack {
  if (!isVideo(track)) throw new TypeError("the track is not a video track");
  return track;
}

function audioTrack(track: MediaStreamTrack): Publish.Audio.StreamTrack {
  if (!isAudio(track)) throw new TypeError("the track is not an audio track");
  return track;
}
