import type { Channel, OutFan } from "./contract.ts";
import type { FrameLog } from "./frame-log.ts";

/** The readers of one channel. */
export interface Readers {
  readonly channel: Channel;
  readonly fan: OutFan;
}

/** Where streams of `channel` are written to. */
export function fanOf(readers: Readers[], channel: Channel): OutFan {
  const known = readers.find((one) => one.channel === channel);
  if (known !== undefined) return known.fan;
  const fan = channel.fanOut();
  readers.push({ channel, fan });
  return fan;
}

/** Writes the newest bytes of `log` to one fan-out. */
export function writeNewest(log: FrameLog, { channel, fan }: Readers): void {
  const { dialect } = channel;
  if (!log.begins) {
    fan.write(log.appended());
    return;
  }
  const headed = log.headed(dialect);
  if (headed === undefined) fan.write(log.header(dialect));
  fan.write(headed ?? log.appended());
}
