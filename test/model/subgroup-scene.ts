/** The set-up of the tests of groups with several subgroups: viewers of both kinds, and a publisher that begins subgroups. */
import { ManualClock } from "../../lab/network/manual-clock.ts";
import { Broadcasts } from "../../moq/model/broadcasts.ts";
import type { Channel, SubgroupStart, SubgroupWriter, SubscribeOptions } from "../../moq/model/contract.ts";
import type { ModelLimits } from "../../moq/model/limits.ts";
import { AD, CACHE, channel, FakeSource, type FakeStream, FakeViewer, LIMITS, LIVE } from "./support.ts";

/** Objects look like `(7+2:abc)`: the id on the stream, properties where there are some, payload; a status like `(9!end_of_group)`. */
export function objectChannel(name: string): Channel {
  const plain = channel();
  return {
    ...plain,
    dialect: {
      ...plain.dialect,
      name,
      subgroups: true,
      objectHeader: (size, _delta, idDelta, properties, status) => {
        const marks = properties === undefined ? "" : `+${Buffer.from(properties)}`;
        return Buffer.from(status === undefined ? `(${idDelta}${marks}:${size})` : `(${idDelta}${marks}!${status})`);
      },
    },
  };
}

export const OBJECTS = objectChannel("objects");
export const WHOLE = channel("merged");

export class StreamsViewer extends FakeViewer {
  override readonly promisesStart = false;
  readonly ownNumbers = true;
  readonly starts: SubgroupStart[] = [];
  override open(start: SubgroupStart, priority: number) {
    const stream = super.open(start, priority);
    if (stream !== undefined) this.starts.push(start);
    return stream;
  }

  /** What came of each subgroup of the group. */
  of(group: number, subgroup: number): FakeStream | undefined {
    return this.streams[this.starts.findIndex((one) => one.group === group && one.subgroup === subgroup)];
  }
}

export function scene(bytes = 1_000_000, limits: Partial<ModelLimits> = {}) {
  const clock = new ManualClock();
  const relay = new Broadcasts({ clock, limits: { ...LIMITS, ...limits }, cache: { ...CACHE, bytes } });
  const source = new FakeSource();
  relay.publish("live/cam", AD, source);
  const watch = <V extends FakeViewer>(viewer: V, options: SubscribeOptions = LIVE): V => {
    relay.subscribe("live/cam", "video", options, viewer);
    return viewer;
  };
  return { clock, relay, source, watch };
}

export function begin(source: FakeSource, start: Partial<SubgroupStart> & { subgroup: number }): SubgroupWriter {
  const writer = source.sink.subgroup({ group: 0, firstObject: true, endsGroup: false, ...start });
  if (typeof writer === "string") throw new Error(`refused: ${writer}`);
  return writer;
}

/** A whole object. */
export function say(writer: SubgroupWriter, id: number, text: string): void {
  writer.object(text.length, 0, id);
  if (text !== "") writer.payload(Buffer.from(text));
  writer.end();
}
