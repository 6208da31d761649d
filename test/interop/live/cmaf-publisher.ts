/** Our own publisher of media that players understand: an MSF catalog, and a track of CMAF chunks. */
import { type Source, type UpstreamSink, wholeGroup } from "../../../moq/model/index.ts";
import type { End } from "./contract.ts";
import { PeerProcess } from "./driver.ts";
import { FFMPEG, Fragments, PICTURES_PER_GROUP, SIZE } from "./media.ts";
import { dial, ending } from "./reference.ts";

/** Name of the catalog track (draft-ietf-moq-msf-01, 5). */
const CATALOG = "catalog";
const VIDEO = "video";

/** Milliseconds between two catalogs: a viewer that begins with the newest object gets the next one. */
const CATALOG_MS = 500;

const INFO = { priority: 0, ordered: false, maxLatency: 10_000, timescale: 1_000 };

/** Publishes a broadcast with one video track until it is stopped. */
export async function cmafPublisher(url: URL, path: string): Promise<End> {
  const tracks = new Map<string, Track>([CATALOG, VIDEO].map((name) => [name, new Track()]));
  const [catalog, video] = [tracks.get(CATALOG), tracks.get(VIDEO)];
  const client = await dial(url);
  client.publish(path, sourceOf(tracks));
  let cataloging: NodeJS.Timeout | undefined;
  let pictures = 0;
  const fragments = new Fragments({
    init: (bytes) => {
      const text = Buffer.from(catalogOf(bytes));
      catalog?.write(text, true);
      cataloging = setInterval(() => catalog?.write(text, true), CATALOG_MS);
    },
    fragment: (bytes) => video?.write(bytes, pictures++ % PICTURES_PER_GROUP === 0),
  });
  const ffmpeg = new PeerProcess(FFMPEG, (bytes) => fragments.push(bytes));
  const failed = () => (ffmpeg.exit === undefined ? undefined : `ffmpeg ended with ${ffmpeg.exit}: ${ffmpeg.errors}`);
  const end = ending(client, [], () => clearInterval(cataloging), failed);
  return {
    objects: end.objects,
    get failure() {
      return end.failure;
    },
    stop: async () => {
      await end.stop();
      await ffmpeg.stop();
    },
  };
}

function catalogOf(init: Buffer): string {
  const track = {
    name: VIDEO,
    packaging: "cmaf",
    role: "video",
    isLive: true,
    renderGroup: 1,
    ...SIZE,
    codec: "avc1.42c01e",
    framerate: 24,
    bitrate: 500_000,
    initData: init.toString("base64"),
  };
  return JSON.stringify({ version: 1, tracks: [track] });
}

function sourceOf(tracks: ReadonlyMap<string, Track>): Source {
  return {
    hasInfo: true,
    info: (_path, name, answer) => {
      answer(tracks.has(name) ? INFO : "not_found");
      return () => {};
    },
    subscribe: (_path, name, _options, sink) => {
      const track = tracks.get(name);
      if (track === undefined) queueMicrotask(() => sink.closed("not_found"));
      else track.sinks.add(sink);
      return { update: () => {}, cancel: () => void track?.sinks.delete(sink) };
    },
    fetch: (_path, _track, _range, _priority, writer) => {
      writer.reset("unsupported");
      return () => {};
    },
  };
}

/** A track whose subscribers get each group from its beginning. */
class Track {
  readonly sinks = new Set<UpstreamSink>();
  readonly #started = performance.now();
  #group = -1;
  #writers: ReturnType<UpstreamSink["subgroup"]>[] = [];

  /** Writes one object. `opens`: it is the first one of a group. */
  write(payload: Buffer, opens: boolean): void {
    if (opens) {
      this.#group++;
      for (const writer of this.#writers) if (typeof writer !== "string") writer.finish();
      this.#writers = [...this.sinks].map((sink) => sink.subgroup(wholeGroup(this.#group)));
    }
    const timestamp = Math.round(performance.now() - this.#started);
    for (const writer of this.#writers) {
      if (typeof writer === "string") continue;
      writer.object(payload.length, timestamp);
      writer.payload(payload);
      writer.end();
    }
  }
}
