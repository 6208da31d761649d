/** A track of subgroups, ids and properties as far as a version has them, and what a viewer in another version must get of it. */
import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import type { TestClient } from "../../lab/sim/client.ts";
import { INFO } from "../../lab/sim/settings.ts";
import type {
  DatagramObject,
  FetchWriter,
  Source,
  SubgroupStart,
  SubgroupWriter,
  SubscribeOptions,
  TrackInfo,
  UpstreamSink,
} from "../../moq/model/contract.ts";
import type { Reason } from "../../moq/reason.ts";
import { EXPERIMENTAL_PROTOCOLS, MESH_PROTOCOLS, protocols } from "../../moq/session/index.ts";

/** All versions that clients can speak. */
export const VERSIONS = protocols(EXPERIMENTAL_PROTOCOLS);

/** Versions whose streams carry a subgroup, with ids and properties. All others carry groups of payloads. */
export const hasObjects = (version: string) => !version.startsWith("moq-lite");

/** Milliseconds of media in a group. */
const GROUP_MS = 200;

/** An object as it was sent, or as a viewer got it. */
interface Sent {
  readonly subgroup: number;
  readonly id: number;
  readonly payload: string;
  /** One property of an odd type: its type, its length and bytes. */
  readonly properties: string;
}

/** Objects of many sizes: empty, less than a packet, many packets. With `objects` in two subgroups, with ids that leave one out. */
function objectsOf(group: number, objects: boolean): Sent[] {
  const properties = (text: string) => Buffer.from([0x3d, text.length, ...Buffer.from(text)]).toString("hex");
  const payload = (id: number, size: number) => `group ${group} object ${id}.`.padEnd(size, "x");
  const all = [
    { subgroup: 0, id: 0, payload: payload(0, 20), properties: properties("a") },
    { subgroup: 1, id: 1, payload: payload(1, 300), properties: properties("bc") },
    { subgroup: 0, id: 2, payload: payload(2, 9_000), properties: properties("") },
    { subgroup: 1, id: 4, payload: "", properties: properties("d") },
    { subgroup: 0, id: 5, payload: payload(5, 40), properties: properties("efg") },
  ];
  return objects ? all : all.map((object, id) => ({ ...object, subgroup: 0, id, properties: "" }));
}

/** Publishes one track. */
export class ObjectSource implements Source {
  readonly hasInfo = true;
  readonly sinks = new Set<UpstreamSink>();
  readonly #objects: boolean;

  /** `objects`: it has subgroups, ids and properties. */
  constructor(objects: boolean) {
    this.#objects = objects;
  }

  subscribe(_path: string, _track: string, _options: SubscribeOptions, sink: UpstreamSink) {
    this.sinks.add(sink);
    return { update: () => {}, cancel: () => void this.sinks.delete(sink) };
  }

  info(_path: string, _track: string, answer: (result: TrackInfo) => void): () => void {
    answer(INFO);
    return () => {};
  }

  fetch(_path: string, _track: string, _range: unknown, _priority: number, writer: FetchWriter): () => void {
    writer.reset("unsupported");
    return () => {};
  }

  publishBy({ broadcasts }: TestClient, path: string): void {
    const publication = broadcasts.publish(path, { epoch: 1n, hops: [], cost: 0, ended: false }, this);
    assert.notEqual(typeof publication, "string");
  }

  /** Sends a group, one object a step; its subgroups end with the last step. Gives the number of objects sent so far. */
  *sending(group: number): Generator<number> {
    const writers = (this.#objects ? [0, 1] : [0]).map((subgroup) => this.#open(group, subgroup));
    const objects = objectsOf(group, this.#objects);
    for (const [index, { subgroup, id, payload, properties }] of objects.entries()) {
      const bytes = this.#objects ? Buffer.from(properties, "hex") : undefined;
      for (const writer of writers[subgroup] ?? []) {
        writer.object(payload.length, group * GROUP_MS + id, id, bytes);
        if (payload.length > 0) writer.payload(Buffer.from(payload));
        writer.end();
      }
      if (index === objects.length - 1) for (const writer of writers.flat()) writer.finish();
      yield index + 1;
    }
  }

  /** Begins a subgroup at every subscriber. */
  #open(group: number, subgroup: number): SubgroupWriter[] {
    const start = { group, subgroup, priority: 101 - subgroup, firstObject: true, endsGroup: true };
    return [...this.sinks].flatMap((sink) => {
      const writer = sink.subgroup(start);
      return typeof writer === "string" ? [] : [writer];
    });
  }
}

/** Number of objects of a group up to the one after a missing id. */
const BEFORE_LAST = 4;

/** Collects the objects of a track by group. */
export class ObjectSink implements UpstreamSink {
  readonly objects = new Map<number, Sent[]>();
  readonly trouble: string[] = [];
  /** Streams that have not ended. */
  open = 0;

  subgroup({ group, subgroup }: SubgroupStart): SubgroupWriter {
    const into = this.objects.get(group) ?? [];
    this.objects.set(group, into);
    let last = -1;
    let properties = "";
    let payload = "";
    this.open++;
    return {
      object: (_size, _timestamp, id = last + 1, bytes = new Uint8Array()) => {
        last = id;
        properties = Buffer.from(bytes).toString("hex");
        payload = "";
      },
      payload: (bytes) => {
        payload += Buffer.from(bytes).toString();
      },
      end: () => into.push({ subgroup, id: last, payload, properties }),
      status: (_status, id) => {
        last = id;
      },
      finish: () => this.open--,
      reset: (reason) => this.trouble.push(`group ${group} was reset: ${reason}`),
      onStop: () => {},
    };
  }

  /** The first `count` objects of a group are here, but for one after a missing id where it is the last. */
  has(group: number, count: number): boolean {
    return (this.objects.get(group)?.length ?? 0) >= (count === BEFORE_LAST ? count - 1 : count);
  }

  datagram({ group }: DatagramObject): void {
    this.trouble.push(`a datagram of group ${group}`);
  }

  info(): void {}
  started(): void {}
  ended(): void {}

  dropped(start: number, end: number): void {
    this.trouble.push(`groups ${start} to ${end} were dropped`);
  }

  closed(reason: Reason | undefined): void {
    this.trouble.push(`closed: ${reason ?? "cleanly"}`);
  }
}

const byId = (objects: readonly Sent[]) => objects.toSorted((a, b) => a.id - b.id);
const hashOf = (objects: readonly Sent[]) =>
  byId(objects)
    .map(({ payload }) => createHash("sha256").update(`${payload.length}:${payload}`).digest("hex"))
    .join(" ");

/** What was watched, and how. */
export interface Watching {
  /** Versions of the publisher and of the viewer. */
  readonly from: string;
  readonly to: string;
  /** Groups. */
  readonly count: number;
  /** Links between relays are on the way. */
  readonly meshed: boolean;
}

/** Relays pass on objects with their ids and properties to one another: the first mesh wire does not. */
const MESH_HAS_OBJECTS = MESH_PROTOCOLS.some((name) => name !== "moqmesh-1");

/** Asserts that a viewer got the groups whole, and nothing else. */
export function assertWatched(sink: ObjectSink, { from, to, count, meshed }: Watching): void {
  assert.deepEqual(sink.trouble, [], `${from} to ${to}`);
  const groups = [...sink.objects.keys()].toSorted((a, b) => a - b);
  assert.deepEqual(groups, [...Array(count).keys()], `${from} to ${to}: groups`);
  const faithful = hasObjects(from) && hasObjects(to) && (!meshed || MESH_HAS_OBJECTS);
  for (const [group, objects] of sink.objects)
    assertGroup(`${from} to ${to}, group ${group}`, objectsOf(group, hasObjects(from)), objects, faithful);
  assert.equal(sink.open, 0, `${from} to ${to}: every stream has ended`);
}

/** `faithful`: with subgroups, ids and properties. */
function assertGroup(what: string, sent: readonly Sent[], got: readonly Sent[], faithful: boolean): void {
  assert.equal(hashOf(got), hashOf(sent), what);
  if (faithful) assert.deepEqual(byId(got), byId(sent), what);
  else assert.deepEqual([...new Set(got.map(({ subgroup }) => subgroup))], [0], `${what}: one subgroup`);
}
