import type { Cursor, WireLimits } from "../codec/index.ts";
import { newCursor, newWriter } from "./codec.ts";
import { UNI_STREAM } from "./message.ts";
import type { Capabilities } from "./versions.ts";

/** What a client wants the session for (moq-lite Role parameter). */
export type Role = "both" | "publisher" | "subscriber";

export type ProbeLevel = 0 | 1 | 2;

/** SETUP: what the sender can do. A field that is absent or has its default is not on the wire. */
export interface Setup {
  /** Probe level: 0 none, 1 report, 2 increase. */
  readonly probe: ProbeLevel;
  readonly role: Role;
  /** The request target, on bindings without a URI. Only clients send it. */
  readonly path?: string;
  /** What subscribing from the sender costs. */
  readonly cost?: number;
  /** The sender's hop id; absent for none. */
  readonly origin?: bigint;
}

const PROBE = 1;
const PATH = 2;
const ROLE = 3;
const COST = 4;
const ORIGIN = 5;
const ROLES: readonly Role[] = ["both", "publisher", "subscriber"];

/** The stream type and SETUP; the stream is finished after it. */
export function encodeSetupStream(setup: Setup, caps: Capabilities): Uint8Array {
  const parameters: [number, Uint8Array][] = [];
  const number = (id: number, value: number) => parameters.push([id, newWriter(caps).varint(value).finish()]);
  if (setup.probe > 0) number(PROBE, setup.probe);
  if (setup.path !== undefined) parameters.push([PATH, new TextEncoder().encode(setup.path)]);
  if (setup.role !== "both") number(ROLE, ROLES.indexOf(setup.role));
  if (setup.cost !== undefined) number(COST, setup.cost);
  if (setup.origin !== undefined && setup.origin !== 0n) {
    parameters.push([ORIGIN, newWriter(caps).varintBig(setup.origin).finish()]);
  }
  const writer = newWriter(caps).varint(parameters.length);
  for (const [id, value] of parameters) writer.varint(id).varint(value.length).raw(value);
  return writer.message(Uint8Array.of(UNI_STREAM.setup));
}

export function readSetup(cursor: Cursor, caps: Capabilities, limits: WireLimits): Setup {
  const count = cursor.varint();
  if (count > limits.setupParameters) throw cursor.violation(`${count} parameters, at most ${limits.setupParameters}`);
  const values = new Map<bigint, Uint8Array>();
  for (let i = 0; i < count; i++) {
    const id = cursor.varintBig();
    if (values.has(id)) throw cursor.violation("same parameter twice");
    values.set(id, cursor.raw(cursor.varint()));
  }
  const one = <T>(id: number, clause: string, read: (value: Cursor) => T): T | undefined => {
    const bytes = values.get(BigInt(id));
    if (bytes === undefined) return undefined;
    const value = newCursor(caps, bytes, clause);
    const result = read(value);
    value.end();
    return result;
  };
  // An unknown level is the highest that we know, and an unknown role is both.
  const level = one(PROBE, "Probe Parameter", (value) => value.saturating()) ?? 0;
  const probe = level === 0 || level === 1 ? level : 2;
  const path = one(PATH, "Path Parameter", (value) => value.text(limits.uriBytes));
  const role = ROLES[one(ROLE, "Role Parameter", (value) => value.saturating()) ?? 0] ?? "both";
  const cost = one(COST, "Cost Parameter", (value) => Math.min(value.saturating(), Number.MAX_SAFE_INTEGER));
  const origin = one(ORIGIN, "Origin Parameter", (value) => value.varintBig()) ?? 0n;
  return {
    probe,
    role,
    // An empty path means the default, like an absent one.
    ...(path === undefined || path === "" ? {} : { path }),
    ...(cost === undefined ? {} : { cost }),
    ...(origin === 0n ? {} : { origin }),
  };
}
