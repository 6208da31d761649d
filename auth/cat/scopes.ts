/** The claim `moqt` (draft-ietf-moq-c4m-01 section 2.1): which actions a token permits on which tracks. */
import { AuthError } from "../error.ts";
import { isSuspect } from "../paths.ts";
import { arrayIn } from "./cbor.ts";

/** The actions by their number. */
export const MOQT_ACTIONS = [
  "client_setup",
  "server_setup",
  "publish_namespace",
  "subscribe_namespace",
  "subscribe",
  "request_update",
  "publish",
  "fetch",
  "track_status",
] as const;
export type MoqtAction = (typeof MOQT_ACTIONS)[number];

/** Scopes of one token: each request is compared with each of them. */
const MAX_SCOPES = 64;
/** Actions of one scope. Numbers that we do not know grant nothing. */
const MAX_ACTIONS = 32;
/** Matches of one namespace: moq-transport allows 32 fields, and the end may be matched as well. */
const MAX_MATCHES = 33;

/** The kinds of matches that have a number; an exact match is its value alone. */
export const MATCH_KINDS = [
  { type: 1, kind: "prefix" },
  { type: 2, kind: "suffix" },
] as const;

/** A match of one field, or of the track's name. */
export interface FieldMatch {
  readonly kind: "exact" | "prefix" | "suffix";
  readonly value: Uint8Array;
}

export interface Scope {
  readonly actions: readonly MoqtAction[];
  /** Of the first fields of the namespace. */
  readonly namespace: readonly FieldMatch[];
  /** The namespace has no further fields. */
  readonly whole: boolean;
  /** Undefined: every track. */
  readonly track: FieldMatch | undefined;
}

/** What a request is about, as bytes. */
export interface MoqtTarget {
  readonly namespace: readonly Uint8Array[];
  /** Absent for a request about a namespace. */
  readonly track?: Uint8Array | undefined;
}

const utf8 = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });

export class MoqtScopes {
  readonly scopes: readonly Scope[];

  constructor(scopes: readonly Scope[]) {
    this.scopes = scopes;
  }

  /** Throws {@link AuthError} `claims_invalid`. */
  static read(value: unknown): MoqtScopes {
    return new MoqtScopes(listOf(value, "the claim", MAX_SCOPES).map(readScope));
  }

  /** Whether any scope names the action, whatever it is about. */
  names(action: MoqtAction): boolean {
    return this.scopes.some(({ actions }) => actions.includes(action));
  }

  /** Without a track, only the namespace counts: some messages name none. */
  permits(action: MoqtAction, { namespace, track }: MoqtTarget): boolean {
    return this.scopes.some(
      (scope) =>
        scope.actions.includes(action) &&
        matchesNamespace(scope, namespace) &&
        (track === undefined || scope.track === undefined || matches(scope.track, track)),
    );
  }

  /**
   * Path prefixes, each of the exact first fields of a scope with one of `actions`: outside of them the token permits none of these
   * actions. They may cover more than the token permits.
   */
  prefixes(actions: readonly MoqtAction[]): string[] {
    const scopes = this.scopes.filter((scope) => actions.some((action) => scope.actions.includes(action)));
    return [...new Set(scopes.map(({ namespace }) => prefixOf(namespace)))];
  }
}

function matchesNamespace({ namespace, whole }: Scope, fields: readonly Uint8Array[]): boolean {
  if (whole ? fields.length !== namespace.length : fields.length < namespace.length) return false;
  return namespace.every((match, index) => {
    const field = fields[index];
    return field !== undefined && matches(match, field);
  });
}

function matches({ kind, value }: FieldMatch, bytes: Uint8Array): boolean {
  if (bytes.length < value.length) return false;
  switch (kind) {
    case "exact":
      return equal(bytes, value);
    case "prefix":
      return equal(bytes.subarray(0, value.length), value);
    case "suffix":
      return equal(bytes.subarray(bytes.length - value.length), value);
  }
}

function equal(one: Uint8Array, other: Uint8Array): boolean {
  return Buffer.compare(one, other) === 0;
}

/** Ends before the first field whose text in a path is another one than its own. */
function prefixOf(namespace: readonly FieldMatch[]): string {
  const segments: string[] = [];
  for (const match of namespace) {
    const segment = match.kind === "exact" ? plainText(match.value) : undefined;
    if (segment === undefined) break;
    segments.push(segment);
  }
  return segments.join("/");
}

function plainText(bytes: Uint8Array): string | undefined {
  try {
    const text = utf8.decode(bytes);
    return text === "" || /[%/]/.test(text) || isSuspect(text) ? undefined : text;
  } catch {
    return undefined;
  }
}

function readScope(value: unknown): Scope {
  const [actions, namespace = [], track, ...more] = listOf(value, "a scope", 3);
  if (more.length > 0) throw invalid("a scope has more than three elements");
  const matched = namespaceMatches(namespace);
  return {
    actions: listOf(actions, "the actions of a scope", MAX_ACTIONS).flatMap(readAction),
    ...matched,
    track: track === undefined ? undefined : readMatch(track),
  };
}

/** An action of a later draft grants nothing. */
function readAction(value: unknown): MoqtAction[] {
  if (typeof value !== "number" || !Number.isInteger(value)) throw invalid("an action is not a whole number");
  const action = MOQT_ACTIONS[value];
  return action === undefined ? [] : [action];
}

function namespaceMatches(value: unknown): Pick<Scope, "namespace" | "whole"> {
  const list = arrayIn(value);
  if (list === undefined) throw invalid("the matches of a namespace are not a list");
  if (list.length > MAX_MATCHES) throw invalid(`more than ${MAX_MATCHES} matches of a namespace`);
  const whole = list.at(-1) === null;
  return { namespace: (whole ? list.slice(0, -1) : list).map(readMatch), whole };
}

function readMatch(value: unknown): FieldMatch {
  if (value instanceof Uint8Array) return { kind: "exact", value };
  if (value === null) throw invalid("nil is only allowed at the end of the matches of a namespace");
  const parts = arrayIn(value);
  if (parts === undefined) throw invalid("a match is neither a byte string nor a list");
  const [type, wanted, ...more] = parts;
  if (!(wanted instanceof Uint8Array) || more.length > 0) throw invalid("a match is not a type and a byte string");
  const kind = MATCH_KINDS.find((one) => one.type === type)?.kind;
  if (kind === undefined) throw invalid("a match has a type that this relay does not know");
  return { kind, value: wanted };
}

function listOf(value: unknown, what: string, most: number): readonly unknown[] {
  const list = arrayIn(value) ?? [];
  if (list.length === 0) throw invalid(`${what} is not a list, or empty`);
  if (list.length > most) throw invalid(`${what} has more than ${most} elements`);
  return list;
}

function invalid(why: string): AuthError {
  return new AuthError("claims_invalid", `the token's \`moqt\` is invalid: ${why}`);
}

/** As the claim has it. */
export function writeScopes(scopes: readonly Scope[]): unknown[] {
  return scopes.map(({ actions, namespace, whole, track }) => [
    actions.map((action) => MOQT_ACTIONS.indexOf(action)),
    ...(namespace.length > 0 || whole || track !== undefined
      ? [[...namespace.map(writeMatch), ...(whole ? [null] : [])]]
      : []),
    ...(track === undefined ? [] : [writeMatch(track)]),
  ]);
}

function writeMatch({ kind, value }: FieldMatch): unknown {
  const type = MATCH_KINDS.find((one) => one.kind === kind)?.type;
  return type === undefined ? value : [type, value];
}
