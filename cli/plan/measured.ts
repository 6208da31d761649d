/**
 * What a relay costs, from runs of `npm run bench`. Each figure names its run; docs/engines.md, docs/simulation.md and docs/deploy/sizing.md have the same
 * figures. Measure on a machine of your own to replace them: docs/deploy/sizing.md.
 */

/** Where the figures of the fan-out come from. */
export const RUN =
  "npm run bench -- fanout --engine native; relay on one core of a virtual machine with two, load on the other";

/** A scenario of the bench, and the CPU of the relay for each frame that reaches a viewer, publisher included. */
export interface MeasuredScenario {
  readonly name: string;
  readonly viewers: number;
  readonly frameBytes: number;
  readonly framesPerGroup: number;
  /** Microseconds of one CPU. */
  readonly usPerFrame: number;
}

/** Bits in a gigabit, as the bench counts payload. */
const GBIT = 1e9;

/** Seconds of CPU for each Gbit of payload, as microseconds for each frame. */
function perFrame(secondsPerGbit: number, frameBytes: number): number {
  return (secondsPerGbit * 1e6 * frameBytes * 8) / GBIT;
}

export const SMALL: MeasuredScenario = {
  name: "small",
  viewers: 400,
  frameBytes: 1_200,
  framesPerGroup: 30,
  usPerFrame: 20.7,
};

export const VIDEO: MeasuredScenario = {
  name: "video",
  viewers: 64,
  frameBytes: 41_000,
  framesPerGroup: 30,
  usPerFrame: perFrame(0.27, 41_000),
};

export const CHAT: MeasuredScenario = {
  name: "chat",
  viewers: 64,
  frameBytes: 200,
  framesPerGroup: 1,
  usPerFrame: 48.8,
};

/** Microseconds of one CPU. */
export interface UnitCost {
  readonly perFrame: number;
  readonly perGroup: number;
  readonly perByte: number;
}

/** The cost of a delivery: the three scenarios are three equations, cost = frame + group / framesPerGroup + bytes × byte. */
export const DELIVERY: UnitCost = solve(SMALL, VIDEO, CHAT);

function solve(small: MeasuredScenario, video: MeasuredScenario, chat: MeasuredScenario): UnitCost {
  const perByte = (video.usPerFrame - small.usPerFrame) / (video.frameBytes - small.frameBytes);
  const withoutBytes = ({ usPerFrame, frameBytes }: MeasuredScenario) => usPerFrame - perByte * frameBytes;
  const share = 1 / small.framesPerGroup;
  const perGroup = (withoutBytes(chat) - withoutBytes(small)) / (1 / chat.framesPerGroup - share);
  return { perByte, perGroup, perFrame: withoutBytes(small) - share * perGroup };
}

/**
 * JavaScript runs in one thread of a relay, whatever its cores: 1.8 % of a core at 24,000 deliveries a second to 800 viewers, a group a second each
 * (`small`). All of it is counted as the cost of beginning and ending the stream of a group.
 */
export const SCRIPT_US_PER_GROUP = (0.018 * 1e6) / 800;

/**
 * CPU for a frame that comes in, of that for one that goes out: `many`, 200 broadcasts of a viewer each, takes 47.2 µs for a frame that comes in and goes
 * out, and `small` with 200 viewers 17.3 µs for one that goes out.
 */
export const RECEIVED = (47.2 - 17.3) / 17.3;

/** JavaScript's thread for each frame that comes in: `many` took 6.8 % of a core with 6,000 such frames a second, `small` 1.0 % with 30. */
export const SCRIPT_US_PER_RECEIVED_FRAME = ((0.068 - 0.01) * 1e6) / (6_000 - 30);

/** Resident memory of a relay without sessions, in bytes: 177 to 182 MiB at the start of each run. */
export const RELAY_BYTES = 182 * 2 ** 20;

/** Resident memory of a relay for each viewer (`small`, 200 viewers), in bytes. */
export const BYTES_PER_VIEWER = 89 * 1024;

/** A root for each broadcast of its registry (`npm run bench -- registry`), in bytes. */
export const ROOT_BYTES_PER_BROADCAST = 948;

/** What two threads cost for each frame, of what one does (`small`, 400 viewers). */
export const SECOND_THREAD = 1.04;

/** `[cache] max_age`: seconds that groups stay in the cache. */
export const CACHE_SECONDS = 30;
/** `[cache] bytes`: part of the memory, and most of it in bytes. */
export const CACHE_PART = 0.25;
export const CACHE_MOST = 2 ** 30;
/** Part of the memory above which a relay sheds its cache. */
export const MEMORY_PART = 0.8;

/**
 * Bytes on the wire for each byte of media: of a packet of 1,452 bytes some 85 are IPv6, UDP, QUIC's header and tag, and the header of a stream frame;
 * acknowledgements of the other direction are in it as well.
 */
export const WIRE = 1.06;
