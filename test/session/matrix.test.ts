/** What is published in one version is watched in every other, over one relay and over a mesh. The list of versions is that of the code. */
import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { describe, it } from "node:test";
import type { TestClient } from "../../lab/sim/client.ts";
import { INFO, LIVE, TRACK } from "../../lab/sim/settings.ts";
import { World } from "../../lab/sim/world.ts";
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
import { EXPERIMENTAL_PROTOCOLS, protocols } from "../../moq/session/index.ts";

const VERSIONS = protocols(EXPERIMENTAL_PROTOCOLS);

/** Versions whose streams carry a subgroup, with ids and properties. All others carry groups of payloads. */
const hasObjects = (version: string) => !version.startsWith("moq-lite");

const GROUPS = 4;

/** Milliseconds of the simulated clock. */
const SETUP_MS = 1_000;
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
class ObjectSource implements Source {
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

  /** Sends a group, its subgroups in turns. */
  send(group: number): void {
    for (const sink of this.sinks) {
      const writers = (this.#objects ? [0, 1] : [0]).map((subgroup) =>
        sink.subgroup({ group, subgroup, priority: 100 + subgroup, firstObject: true, endsGroup: true }),
      );
      for (const { subgroup, id, payload, properties } of objectsOf(group, this.#objects)) {
        const writer = writers[subgroup];
        if (writer === undefined || typeof writer === "string") continue;
        const bytes = this.#objects ? Buffer.from(properties, "hex") : undefined;
        writer.object(payload.length, group * GROUP_MS + id, id, bytes);
        if (payload.length > 0) writer.payload(Buffer.from(payload));
        writer.end();
      }
      for (const writer of writers) if (writer !== undefined && typeof writer !== "string") writer.finish();
    }
  }
}

/** Collects the objects of a track by group. */
class ObjectSink implements UpstreamSink {
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

/** What a viewer in `to` must get of a group that was published in `from`. */
function agrees(from: string, to: string, group: number, got: readonly Sent[]): void {
  const sent = objectsOf(group, hasObjects(from));
  const what = `${from} to ${to}, group ${group}`;
  assert.equal(hashOf(got), hashOf(sent), what);
  if (hasObjects(from) && hasObjects(to)) assert.deepEqual(byId(got), byId(sent), what);
  else assert.deepEqual([...new Set(got.map(({ subgroup }) => subgroup))], [0], `${what}: one subgroup`);
}

/** Publishes in `from` at one relay, and watches in every version at another one. */
async function publishAndWatch(world: World, from: string, at: string, watchedAt: string): Promise<void> {
  const path = `live/${from}`;
  const source = new ObjectSource(hasObjects(from));
  publish(await world.client(at, from), path, source);
  await world.pass(SETUP_MS);
  const viewers: { to: string; sink: ObjectSink }[] = [];
  for (const to of VERSIONS) {
    const sink = new ObjectSink();
    (await world.client(watchedAt, to)).session.source.subscribe(path, TRACK, LIVE, sink);
    viewers.push({ to, sink });
  }
  await world.pass(SETUP_MS);
  assert.equal(source.sinks.size, 1, "one subscription at the publisher serves all viewers");
  for (let group = 0; group < GROUPS; group++) {
    source.send(group);
    await world.pass(GROUP_MS);
  }
  await world.pass(SETUP_MS);
  for (const { to, sink } of viewers) {
    assert.deepEqual(sink.trouble, [], `${from} to ${to}`);
    assert.deepEqual([...sink.objects.keys()], [0, 1, 2, 3], `${from} to ${to}: groups`);
    for (const [group, objects] of sink.objects) agrees(from, to, group, objects);
    assert.equal(sink.open, 0, `${from} to ${to}: every stream has ended`);
  }
  assert.deepEqual(world.defects, []);
}

function publish(client: TestClient, path: string, source: Source): void {
  const publication = client.broadcasts.publish(path, { epoch: 1n, hops: [], cost: 0, ended: false }, source);
  assert.notEqual(typeof publication, "string");
}

describe("over one relay", () => {
  for (const from of VERSIONS) {
    it(`what is published in ${from} is watched in every version`, async () => {
      const world = new World([], () => 0.5);
      await world.start("origin-1", "origin");
      await publishAndWatch(world, from, "origin-1", "origin-1");
    });
  }
});

describe("over origin, regional and edge", () => {
  for (const from of VERSIONS) {
    it(`what is published in ${from} is watched in every version`, async () => {
      const world = new World(["root-1"], () => 0.5);
      for (const role of ["root", "origin", "regional", "edge"] as const) await world.start(`${role}-1`, role);
      await world.pass(SETUP_MS);
      await publishAndWatch(world, from, "origin-1", "edge-1");
    });
  }
});
