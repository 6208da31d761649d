/** Failures that are a peer's fault, with the clause that says so. */
import type { InteropCheck } from "../../../scripts/docs/interop.ts";

interface Fault {
  readonly peer: string;
  /** Absent: in every version. */
  readonly protocols?: readonly string[];
  /** Of the check's name. */
  readonly check: RegExp;
  /** Of the failure. */
  readonly failure: RegExp;
  readonly clause: string;
  /** What the peer does. */
  readonly text: string;
}

const FAULTS: readonly Fault[] = [
  {
    peer: "@moq/net",
    protocols: ["moqt-18", "moqt-20"],
    check: /watches/,
    failure: /^viewer: (buffer is empty|buffer too short|trailing bytes in message parameter Location)/,
    clause: "moq-transport 18, 10.2: Location: Two consecutive varints",
    text: "it reads LARGEST_OBJECT with a length before it, so it cannot subscribe to a track that has objects already",
  },
  {
    peer: "@moq/net",
    protocols: ["moqt-14", "moqt-16"],
    check: /watches/,
    failure: /^viewer: object IDs must start at 0/,
    clause: "moq-transport 16, 5.1.2: Largest Object starts at `{Largest Object.Group, Largest Object.Object + 1}`",
    text: "it asks for this filter, and fails when the largest object is inside a group, where the next one has another id than 0",
  },
  {
    peer: "shaka-player",
    protocols: ["moqt-16"],
    check: /our publisher/,
    failure: /^0 of/,
    clause: "moq-transport 16, 9.10: SUBSCRIBE_OK has Track Extensions after its parameters",
    text: "it reads Track Extensions as the next control message, so it sees no second SUBSCRIBE_OK; tracks without them play",
  },
];

/** The fault that explains a failed check, if it is one of the peer's that is known. */
export function faultOf(peer: string, protocol: string, check: string, failure: string): InteropCheck["fault"] {
  const found = FAULTS.find(
    (one) =>
      one.peer === peer &&
      one.protocols?.includes(protocol) !== false &&
      one.check.test(check) &&
      one.failure.test(failure),
  );
  return found && { clause: found.clause, text: found.text };
}
