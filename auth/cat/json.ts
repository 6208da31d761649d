/** A Common Access Token as JSON, for people. */
import { arrayIn } from "./cbor.ts";
import { CLAIM, namedClaims } from "./claims.ts";
import { type CborMap, HEADER } from "./cose.ts";
import { MATCH_KINDS, MOQT_ACTIONS } from "./scopes.ts";

/** Levels of nesting that are shown. */
const MAX_DEPTH = 8;

/** Header and claims with the names that JWTs have for them; every other key is its number. */
export function jsonOf(header: CborMap, claims: CborMap): { readonly header: unknown; readonly claims: unknown } {
  const about = namedClaims(claims);
  const named = new Set<unknown>([CLAIM.iss, CLAIM.sub, CLAIM.aud, CLAIM.exp, CLAIM.nbf, CLAIM.iat, CLAIM.cti]);
  const others = [...claims].filter(([key]) => !named.has(key));
  return {
    header: Object.fromEntries([...header].map(([key, value]) => [nameOf(HEADER, key), plain(value)])),
    claims: {
      ...about,
      ...Object.fromEntries(
        others.map(([key, value]) => [nameOf(CLAIM, key), key === CLAIM.moqt ? scopes(value) : plain(value)]),
      ),
    },
  };
}

function nameOf(names: Readonly<Record<string, number>>, key: unknown): string {
  return Object.entries(names).find(([, number]) => number === key)?.[0] ?? String(key);
}

/** Actions by their names. */
function scopes(value: unknown): unknown {
  return (
    arrayIn(value)?.map((scope) => {
      const parts = arrayIn(scope);
      if (parts === undefined) return plain(scope);
      const [actions, ...others] = parts;
      const names = arrayIn(actions)?.map((one) => MOQT_ACTIONS[Number(one)] ?? one) ?? actions;
      return [plain(names), ...others.map(matches)];
    }) ?? plain(value)
  );
}

/** Matches of a namespace, or one match, with the names of their kinds. */
function matches(value: unknown): unknown {
  const [first, second, ...more] = arrayIn(value) ?? [];
  const kind = MATCH_KINDS.find(({ type }) => type === first)?.kind;
  if (kind !== undefined && second instanceof Uint8Array && more.length === 0) return [kind, plain(second)];
  return arrayIn(value)?.map((one) => (arrayIn(one) === undefined ? plain(one) : matches(one))) ?? plain(value);
}

/** Byte strings are shown as text, in hexadecimal with `0x` where they are none. */
function plain(value: unknown, depth = 0): unknown {
  if (depth > MAX_DEPTH) return "…";
  if (value instanceof Uint8Array) {
    const text = Buffer.from(value).toString();
    return Buffer.from(text).equals(value) && /^[^\p{Cc}]*$/u.test(text)
      ? text
      : `0x${Buffer.from(value).toString("hex")}`;
  }
  const list = arrayIn(value);
  if (list !== undefined) return list.map((one) => plain(one, depth + 1));
  if (value instanceof Map) {
    return Object.fromEntries([...value].map(([key, one]: [unknown, unknown]) => [String(key), plain(one, depth + 1)]));
  }
  return value;
}
