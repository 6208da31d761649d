/** Vectors of others for data streams and datagrams of drafts 14 and 16. */
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { Cursor, ProtocolViolation, QUIC_VARINTS } from "../../../moq/wire/codec/index.ts";
import { bytes } from "../support/bytes.ts";
import { type DataKind, draft, readData, readDatagram } from "./support/data.ts";
import { type PublishedVector, publishedVectors } from "./support/published-vectors.ts";

type Words = Record<string, unknown>;

/** Vectors that a draft does not allow, and why. */
const REFUSED: Record<string, string> = {
  "14 type-0x21": "10.2.1.2: an object that does not exist must not have extension headers",
  "16 subgroup-extensions-status-object":
    "10.2.1.2: an object whose status is not normal must not have extension headers",
};

/** Vectors whose second object has another id than they say: 10.4.2 adds its delta, 1, plus 1 to the id before, which is 0. */
const SECOND_ID = ["subgroup-extensions-two-objects-empty", "subgroup-extensions-two-objects-nonempty"];

/** What an object that does not exist is in the words of draft 14. It is left out of a subgroup and as a datagram. */
const DOES_NOT_EXIST = "1";

/** Our words for what a vector says of an object. */
function ours(object: Words): Words {
  const { group_id, subgroup_id, object_id, publisher_priority, payload_hex, status, object_status } = object;
  return {
    ...(group_id === undefined ? {} : { group: group_id }),
    ...(subgroup_id === undefined ? {} : { subgroup: subgroup_id }),
    id: object_id ?? "0",
    ...(publisher_priority === undefined ? {} : { priority: publisher_priority }),
    ...(status === undefined && object_status === undefined ? {} : { status: status ?? object_status }),
    payload: payload_hex ?? "",
  };
}

/** An object that we read, without what vectors do not have or write in their own way. */
function comparable(read: Words): Words {
  const skipped = ["properties", "first_object", "ends_group"];
  return Object.fromEntries(Object.entries(read).filter(([key]) => !skipped.includes(key)));
}

function isEndOfRange({ serialization_flags: flags }: Words): boolean {
  return flags === "0x8c" || flags === "0x10c";
}

function compareStream(number: 14 | 16, kind: DataKind, { id, hex, decoded }: PublishedVector): void {
  const { objects = [], track_alias, group_id, request_id, publisher_priority, subgroup_id } = decoded ?? {};
  for (const sizes of [[], [1], [2, 3]]) {
    const stream = readData(draft(number), kind, bytes(hex), sizes);
    const read = stream["objects"] as Words[];
    if (kind === "subgroup") {
      const { track_alias: alias, group, subgroup, priority } = stream;
      const expected = [track_alias, group_id, subgroup_id, publisher_priority];
      assert.deepEqual([alias, group, subgroup, priority], expected);
    } else {
      assert.equal(stream["request_id"], request_id);
    }
    const listed = (objects as Words[]).filter((object) => object["object_status"] !== DOES_NOT_EXIST);
    const wanted = SECOND_ID.includes(id) ? [listed[0] ?? {}, { ...listed[1], object_id: "2" }] : listed;
    assert.deepEqual(
      read.map((object) =>
        "end_of_range" in object ? { group: object["group"], id: object["id"] } : comparable(object),
      ),
      wanted.map((object) =>
        isEndOfRange(object)
          ? { group: object["group_id"], id: object["object_id"] }
          : { ...defaults(kind), ...ours(object) },
      ),
    );
  }
}

/** The vectors leave out a priority that was not sent; our test words have that of a track for which none is said. */
function defaults(kind: DataKind): Words {
  return kind === "subgroup" ? {} : { priority: "128" };
}

for (const number of [14, 16] as const) {
  const caps = draft(number);
  const check = (file: string, run: (vector: PublishedVector) => void) => {
    for (const vector of publishedVectors(number, file)) {
      const reason = REFUSED[`${number} ${vector.id}`];
      test(`${vector.id}: ${vector.description}${reason === undefined ? "" : ` (refused: ${reason})`}`, () => {
        if (vector.decoded === undefined || reason !== undefined) assert.throws(() => run(vector), ProtocolViolation);
        else run(vector);
      });
    }
  };

  describe(`draft ${number}: subgroup streams`, () => {
    check("data-streams/subgroup", (vector) => compareStream(number, "subgroup", vector));
  });

  describe(`draft ${number}: fetch streams`, () => {
    check("data-streams/fetch-header", (vector) => compareStream(number, "fetch", vector));
  });

  describe(`draft ${number}: datagrams`, () => {
    check("data-streams/datagram", ({ hex, decoded }) => {
      const read = readDatagram(caps, bytes(hex));
      const { track_alias, object_status: status, ...fields } = (decoded ?? {}) as Words;
      if (status === DOES_NOT_EXIST) {
        assert.equal(read, undefined);
        return;
      }
      assert.ok(read);
      // A normal status is said by the absence of another one.
      const said = status === undefined || status === "0" ? {} : { object_status: status };
      assert.deepEqual(comparable(read), { track_alias, ...ours({ ...fields, ...said }) });
    });
  });

  test(`draft ${number}: varints`, () => {
    for (const { hex, decoded, id } of publishedVectors(number, "varint")) {
      const read = () => new Cursor(QUIC_VARINTS, bytes(hex), "TEST").varintBig();
      if (decoded === undefined) assert.throws(read, ProtocolViolation, id);
      else assert.equal(String(read()), decoded["value"], id);
    }
  });
}
