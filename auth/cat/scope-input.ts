/** Scopes as people write them, in JSON: the claim `moqt` with names for numbers. */
import * as z from "zod";
import { AuthError } from "../error.ts";
import { MOQT_ACTIONS, type MoqtAction, type Scope } from "./scopes.ts";

const match = z.union([
  z.string().transform((text) => ({ kind: "exact" as const, value: bytesOf(text) })),
  z.tuple([z.enum(["prefix", "suffix"]), z.string()]).transform(([kind, text]) => ({ kind, value: bytesOf(text) })),
]);
const scope = z
  .tuple([z.array(z.enum(MOQT_ACTIONS)).min(1)], z.unknown())
  .transform(([actions, ...others], context) => {
    const [namespace = [], track, ...more] = others;
    const whole = Array.isArray(namespace) && namespace.at(-1) === null;
    const matches = z.array(match).safeParse(whole ? namespace.slice(0, -1) : namespace);
    const named = track === undefined ? undefined : match.safeParse(track);
    if (!matches.success || named?.success === false || more.length > 0) {
      context.addIssue({ code: "custom", message: "a scope is [ACTIONS, NAMESPACE, TRACK]" });
      return z.NEVER;
    }
    return { actions, namespace: matches.data, whole, track: named?.data };
  });

/**
 * Scopes of a JSON text such as `[[["subscribe", "fetch"], ["live", ["prefix", "room"], null], ["suffix", ".m4s"]]]`. Throws
 * {@link AuthError} `claims_invalid`.
 */
export function scopesOfJson(text: string): Scope[] {
  let data: unknown;
  try {
    data = JSON.parse(text);
  } catch {
    throw invalid("it is not JSON");
  }
  const parsed = z.array(scope).min(1).safeParse(data);
  if (parsed.success) return parsed.data;
  const [issue] = parsed.error.issues;
  throw invalid(`${issue?.path.join(".") ?? ""}: ${issue?.message ?? ""}`);
}

const PUBLISHING: readonly MoqtAction[] = ["publish_namespace", "publish"];
const WATCHING: readonly MoqtAction[] = ["subscribe_namespace", "subscribe", "request_update", "fetch", "track_status"];

/** Scopes that permit to open a session, and to publish and watch everything under some paths. */
export function scopesOfPaths(put: readonly string[], get: readonly string[]): Scope[] {
  const under = (actions: readonly MoqtAction[]) => (path: string) => ({
    actions,
    namespace: path
      .split("/")
      .flatMap((field) => (field === "" ? [] : [{ kind: "exact" as const, value: bytesOf(field) }])),
    whole: false,
    track: undefined,
  });
  const setup = { actions: ["client_setup"] as const, namespace: [], whole: false, track: undefined };
  return [setup, ...put.map(under(PUBLISHING)), ...get.map(under(WATCHING))];
}

function bytesOf(text: string): Uint8Array {
  return new Uint8Array(Buffer.from(text));
}

function invalid(why: string): AuthError {
  return new AuthError("claims_invalid", `the scopes are invalid: ${why}`);
}
