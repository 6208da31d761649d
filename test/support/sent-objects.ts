/** Objects with everything that they carry, as a publisher sends them and as a subscription records them. */
import type {
  DatagramObject,
  FetchedObject,
  FetchGap,
  FetchReader,
  Location,
  ObjectStatus,
  SubgroupStart,
  SubgroupWriter,
  TrackInfo,
  UpstreamSink,
} from "../../moq/model/index.ts";
import type { Reason } from "../../moq/reason.ts";

/** One object: `status` in place of a payload. */
export interface SentObject {
  readonly id: number;
  readonly timestamp?: number;
  readonly properties?: string;
  readonly payload?: string;
  readonly status?: ObjectStatus;
}

/** Writes the objects of a subgroup, and finishes it unless `finish` is false. */
export function sendSubgroup(
  sink: UpstreamSink,
  start: SubgroupStart,
  objects: readonly SentObject[],
  finish = true,
): SubgroupWriter {
  const writer = sink.subgroup(start);
  if (typeof writer === "string") throw new Error(writer);
  sendObjects(writer, objects);
  if (finish) writer.finish();
  return writer;
}

export function sendObjects(writer: SubgroupWriter, objects: readonly SentObject[]): void {
  for (const { id, timestamp = 0, properties, payload = "", status } of objects) {
    const bytes = properties === undefined ? undefined : Buffer.from(properties);
    if (status !== undefined) {
      writer.status(status, id, bytes);
      continue;
    }
    writer.object(payload.length, timestamp, id, bytes);
    if (payload !== "") writer.payload(Buffer.from(payload));
    writer.end();
  }
}

function textOf(bytes: Uint8Array | undefined): string {
  return bytes === undefined ? "" : `{${Buffer.from(bytes)}}`;
}

/** Records what a subscription brings: a line for each object, as `group:subgroup!priority/id{properties}@timestamp=payload`. */
export class ObjectRecorder implements UpstreamSink {
  readonly lines: string[] = [];
  readonly infos: { info: TrackInfo; largest: Location | undefined }[] = [];
  readonly log: string[] = [];

  /** The lines of all objects and ends, sorted: subgroups may overtake one another. */
  get sorted(): string[] {
    return this.lines.toSorted();
  }

  info(info: TrackInfo, largest?: Location): void {
    this.infos.push({ info, largest });
  }

  started(sequence: number): void {
    this.log.push(`started ${sequence}`);
  }

  subgroup(start: SubgroupStart): SubgroupWriter {
    return new SubgroupRecorder(start, this.lines);
  }

  datagram({ group, object, timestamp, properties, status, priority, endsGroup, payload }: DatagramObject): void {
    const head = `${group}/${object}${priority === undefined ? "" : `!${priority}`}${textOf(properties)}@${timestamp}`;
    this.lines.push(`datagram ${head}${endsGroup ? " last" : ""} ${status ?? Buffer.from(payload).toString()}`);
  }

  dropped(start: number, end: number): void {
    this.log.push(`dropped ${start}-${end}`);
  }

  ended(end: number): void {
    this.log.push(`ended ${end}`);
  }

  closed(reason: Reason | undefined): void {
    this.log.push(`closed ${reason ?? "cleanly"}`);
  }
}

class SubgroupRecorder implements SubgroupWriter {
  readonly #lines: string[];
  readonly #place: string;
  #head = "";
  #payload = "";
  #id = -1;

  constructor({ group, subgroup, priority, firstObject, endsGroup }: SubgroupStart, lines: string[]) {
    this.#lines = lines;
    const flags = `${firstObject ? "" : " not first"}${endsGroup ? " last" : ""}`;
    this.#place = `${group}:${subgroup}${priority === undefined ? "" : `!${priority}`}`;
    lines.push(`${this.#place} begins${flags}`);
  }

  object(_size: number, timestamp: number | undefined, id = this.#id + 1, properties?: Uint8Array): void {
    this.#id = id;
    this.#head = `${this.#place}/${id}${textOf(properties)}@${timestamp}`;
    this.#payload = "";
  }

  payload(bytes: Uint8Array): void {
    this.#payload += Buffer.from(bytes).toString();
  }

  end(): void {
    this.#lines.push(`${this.#head}=${this.#payload}`);
  }

  status(status: ObjectStatus, id: number, properties?: Uint8Array): void {
    this.#id = id;
    this.#lines.push(`${this.#place}/${id}${textOf(properties)} ${status}`);
  }

  finish(): void {
    this.#lines.push(`${this.#place} finished`);
  }

  reset(reason: Reason): void {
    this.#lines.push(`${this.#place} reset ${reason}`);
  }

  onStop(): void {}
}

/** Records what a fetch brings, in lines like those of {@link ObjectRecorder}. */
export class FetchRecorder implements FetchReader {
  readonly lines: string[] = [];
  readonly queued = 0;
  #head = "";
  #payload = "";

  object({ group, object, subgroup, priority, status, timestamp, properties }: FetchedObject): void {
    const place = `${group}:${subgroup ?? "datagram"}${priority === undefined ? "" : `!${priority}`}`;
    this.#head = `${place}/${object}${textOf(properties)}`;
    this.#payload = "";
    if (status === undefined) this.#head += `@${timestamp}`;
    else this.lines.push(`${this.#head} ${status}`);
  }

  payload(bytes: Uint8Array): void {
    this.#payload += Buffer.from(bytes).toString();
  }

  end(): void {
    this.lines.push(`${this.#head}=${this.#payload}`);
  }

  gap(kind: FetchGap, { group, object }: Location): void {
    this.lines.push(`${kind} to ${group}/${object === Number.MAX_SAFE_INTEGER ? "end" : object}`);
  }

  finish(): void {
    this.lines.push("finished");
  }

  reset(reason: Reason): void {
    this.lines.push(`reset ${reason}`);
  }

  onStop(): void {}
}
