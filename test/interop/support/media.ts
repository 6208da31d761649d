/** Broadcasts with distinct content, and the groups that a viewer received. */
import { createHash, randomUUID } from "node:crypto";
import { type Announce, Broadcast, type Connection, type Group, Path, Time, type Track } from "@moq/net";

/** Long enough, in milliseconds, that no group of a test grows too old to be delivered. */
export const LATENCY_MAX = 60_000;
/** Subscribes to everything, oldest group first. */
export const EVERYTHING: Track.Subscription = { ordered: true, latencyMax: LATENCY_MAX };

/**
 * Frame sizes in bytes: empty, small, about a packet, many packets. Forty groups of six stay under the 4 MiB at which
 * a viewer that has not caught up loses its oldest groups.
 */
const SIZES = [0, 1, 300, 1200, 16_000, 60_000];

/** A name that no other test uses. */
export function freshPath(): Path.Valid {
  return Path.from(`interop/${randomUUID()}`);
}

/** The bytes of one frame; they depend on all three numbers. */
export function frameBytes(seed: number, group: number, frame: number): Uint8Array {
  const bytes = new Uint8Array(SIZES[(group + frame) % SIZES.length] ?? 0);
  let state = (seed * 31 + group) * 31 + frame + 1;
  for (let i = 0; i < bytes.length; i++) {
    state = (Math.imul(state, 1_103_515_245) + 12_345) >>> 0;
    bytes[i] = state >>> 24;
  }
  return bytes;
}

/** A publisher's end of one broadcast with one track. */
export interface Published {
  readonly broadcast: Broadcast.Producer;
  readonly track: Track.Producer;
}

export const TRACK = "data";

/** Announces a broadcast with one track that keeps its groups. */
export function publish(
  connection: Connection.Established,
  path: Path.Valid,
  info: Partial<Track.Info> = {},
): Published {
  const broadcast = new Broadcast.Producer();
  const track = broadcast.createTrack(TRACK, { latencyMax: LATENCY_MAX, ...info });
  connection.publish(path, broadcast);
  return { broadcast, track };
}

/** Writes a finished group of `frames` frames. */
export function writeGroup(track: Track.Producer, seed: number, group: number, frames: number): void {
  const producer = track.appendGroup();
  for (let frame = 0; frame < frames; frame++) writeFrame(producer, frameBytes(seed, group, frame));
  producer.close();
}

export function writeFrame(group: Group.Producer, payload: Uint8Array): void {
  group.writeFrame({ payload, timestamp: Time.Timestamp.now() });
}

/** Hash of a group as the publisher wrote it. */
export function groupHash(seed: number, group: number, frames: number): string {
  return hash(Array.from({ length: frames }, (_, frame) => frameBytes(seed, group, frame)));
}

/** Reads a group to its end. */
export async function readGroup(group: Group.Consumer): Promise<string> {
  const frames: Uint8Array[] = [];
  for (;;) {
    const frame = await group.readFrame();
    if (!frame) return hash(frames);
    frames.push(frame.payload);
  }
}

/** Frame boundaries are part of the hash. */
function hash(frames: readonly Uint8Array[]): string {
  const sha = createHash("sha256");
  for (const frame of frames) sha.update(`${frame.byteLength}:`).update(frame);
  return sha.digest("hex");
}

/** The next `count` groups, in the order in which they came. @throws Error when the track ends before. */
export async function readGroups(subscriber: Track.Subscriber, count: number): Promise<string[]> {
  const hashes: string[] = [];
  while (hashes.length < count) {
    const group = await subscriber.recvGroup();
    if (!group) throw new Error(`the track ended after ${hashes.length} of ${count} groups`);
    hashes.push(await readGroup(group));
  }
  return hashes;
}

/** Groups of a test: what they are made of, how many, and how many frames each. */
export interface Groups {
  readonly seed: number;
  readonly count: number;
  readonly frames: number;
}

/**
 * Writes finished groups, each after the one before has arrived. What a burst does is for other tests: it overflows
 * the socket buffers of the loopback, and the QUIC stack under the publisher here loses the end of a stream for good
 * when that is lost on the way alone (cloudflare/quiche#2525).
 */
export async function passInTurn(
  track: Track.Producer,
  subscriber: Track.Subscriber,
  { seed, count, frames }: Groups,
): Promise<string[]> {
  await subscribed(track);
  const received: string[] = [];
  for (let group = 0; group < count; group++) {
    writeGroup(track, seed, group, frames);
    received.push(...(await readGroups(subscriber, 1)));
  }
  return received;
}

/**
 * Writes finished groups at once. Only the first is awaited: a subscription without a start begins with the group
 * that comes first, and groups on their own streams may overtake each other.
 */
export async function passAtOnce(
  track: Track.Producer,
  subscriber: Track.Subscriber,
  { seed, count, frames }: Groups,
): Promise<string[]> {
  await subscribed(track);
  writeGroup(track, seed, 0, frames);
  const first = await readGroups(subscriber, 1);
  for (let group = 1; group < count; group++) writeGroup(track, seed, group, frames);
  return [...first, ...(await readGroups(subscriber, count - 1))];
}

/** Waits until the path is announced. */
export async function online(announced: Announce.Broadcast): Promise<Broadcast.Consumer> {
  for (;;) {
    const active = announced.active.peek();
    if (active) return active;
    await announced.active.changed();
  }
}

/** Waits until the path is not announced any more. */
export async function offline(announced: Announce.Broadcast): Promise<void> {
  while (announced.active.peek()) await announced.active.changed();
}

/** Waits until the track has a subscriber. */
export async function subscribed(track: Track.Producer): Promise<void> {
  while (!track.used.peek()) await track.used.changed();
}
