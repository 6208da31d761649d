import ipaddr from "ipaddr.js";
import {
  AT_A_RELOAD,
  allLive,
  choice,
  choices,
  duration,
  flagField,
  integer,
  optionalText,
  paths,
  REDACTED,
  secretFile,
  secretText,
  size,
  texts,
  withoutCredentials,
} from "./fields.ts";
import { originFault } from "./origin.ts";
import { isKeyItself } from "./secrets.ts";
import { section } from "./section.ts";

/** Largest bound of one address or tenant. It catches mistyped numbers. */
const COUNT_MAX = 10_000_000;

const keys = {
  key: secretText({
    description:
      "The key that verifies tokens: a JWK or a JWK set, as JSON or as base64url of that JSON, or one key in PEM. Set it as `MOQMESH_AUTH_KEY`.",
    fallback: "no such key",
    shown: () => REDACTED,
  }),
  key_file: secretFile({
    of: "key",
    description: "File with that key.",
    fallback: "no key from a file",
    reread: "within a second of its replacement",
  }),
  key_dir: optionalText({
    description:
      "Folder with one file `KID.jwk` for each key. A file that is added, changed or removed takes effect within a second; so does a change of `key_file`.",
    fallback: "no keys from a folder",
  }),
  key_url: secretText({
    description: "URL of a JWK set, such as an identity provider's `jwks.json`.",
    fallback: "no keys from a URL",
    shown: withoutCredentials,
  }),
  key_url_file: secretFile({
    of: "key_url",
    loaded: true,
    description: "File with that URL, where it holds a password or a token.",
    fallback: "none",
    reread: AT_A_RELOAD,
  }),
  key_url_refresh: duration({
    description: "Time after which the relay fetches the set at `key_url` again.",
    default: "5m",
    min: "1s",
    max: "1d",
  }),
  key_url_cooldown: duration({
    description:
      "Shortest time between two fetches of `key_url`. Tokens with unknown key ids cause no more fetches than that.",
    default: "30s",
    min: "1s",
    max: "1h",
  }),
  key_url_keep: duration({
    description: "How long the relay uses the last good set while `key_url` does not answer.",
    default: "1h",
    min: "1s",
    max: "7d",
  }),
  file_keep: duration({
    description:
      "How long the relay uses the last good content of `key_file`, `key_dir` and `revocations` while they cannot be read or used. After that it refuses tokens with 503.",
    default: "10m",
    min: "0s",
    max: "7d",
  }),
  on_key_removed: choice(["close", "keep"], {
    description:
      "What happens to the sessions whose token was signed with a key that has been removed: `close` ends them, `keep` lets them run.",
    default: "close",
  }),
  issuers: texts({
    description: "Accepted `iss` claims. An empty list accepts every token, also one without `iss`.",
    default: [],
  }),
  audiences: texts({
    description: "Accepted `aud` claims. An empty list accepts every token, also one without `aud`.",
    default: [],
  }),
  tokens: choices(["jwt", "cat"], {
    description:
      "The kinds of tokens that the relay accepts. When empty, all: `jwt`, JSON Web Tokens; `cat`, Common Access Tokens of moq-transport. [auth.md](auth.md#common-access-tokens) has what they grant.",
    default: [],
  }),
  proof_window: duration({
    description:
      "How old a proof may be that a client has the key to which its Common Access Token is bound (DPoP), where the token does not say it.",
    default: "1m",
    min: "1s",
    max: "1h",
  }),
  clock_skew: duration({
    description:
      "How far the clock of an issuer may be ahead of this one; it counts for `nbf` and `iat`. `exp` is exact.",
    default: "5s",
    min: "0s",
    max: "5m",
  }),
  max_life: duration({
    description:
      "Longest life of a token, from `iat` (or now) to `exp`; `clock_skew` is added. Tokens that live longer, or have no `exp`, are refused, also those of relays. `0s`: no bound.",
    default: "0s",
    min: "0s",
    max: "366d",
  }),
  origins: texts({
    description:
      'The only origins whose web pages may open sessions, such as `"https://app.example"` or `"https://*.app.example"`. It counts for every session of a browser, with a token or without. Programs that are no browser send no origin and are not affected. An empty list accepts all.',
    default: [],
  }),
  expiry_notice: duration({
    description: "How long before its token expires a session gets GOAWAY. `0s`: no GOAWAY.",
    default: "0s",
    min: "0s",
    max: "1h",
  }),
  revocations: optionalText({
    description:
      'JSON file with the revocations, such as `[{"jti": "a"}, {"kid": "b"}, {"sub": "c", "until": 1767225600}]`. Changes take effect within a second. `POST /api/v1/revocations` on the admin listener adds entries to the file.',
    fallback: "revocations are lost when the relay ends",
  }),
};

const without = {
  public_subscribe: paths({
    description: 'Path prefixes that clients may watch without a token. `"/"` and `""` stand for everything.',
    default: [],
  }),
  public_publish: paths({
    description: 'Path prefixes that clients may publish under without a token. `"/"` and `""` stand for everything.',
    default: [],
  }),
  api: secretText({
    description:
      "URL of a service that decides on every session, instead of keys and public prefixes. The relay asks with `GET URL?root=PATH&kid=KID&transport=NAME` and refuses the session when it gets no answer.",
    fallback: "keys and public prefixes decide",
    shown: withoutCredentials,
  }),
  api_file: secretFile({
    of: "api",
    loaded: true,
    description: "File with that URL, where it holds a password or a token.",
    fallback: "none",
    reread: AT_A_RELOAD,
  }),
  api_timeout: duration({
    description: "Longest time that the relay waits for an answer of `api`.",
    default: "2s",
    min: "100ms",
    max: "1m",
  }),
  api_cache: duration({
    description:
      "Longest time that the relay uses an answer of `api` again. `Cache-Control` in the answer may shorten it.",
    default: "10s",
    min: "0s",
    max: "1h",
  }),
};

const limits = {
  allow: texts({
    description:
      'The only addresses and blocks that the relay serves, such as `"10.0.0.0/8"`. An empty list serves all.',
    default: [],
  }),
  deny: texts({
    description: "Addresses and blocks that the relay refuses, also those that `allow` names.",
    default: [],
  }),
  sessions_per_address: integer({
    bound: true,
    description: "Sessions that one address may have at once; an IPv6 /64 counts as one address. `0`: no bound.",
    default: 1_000,
    min: 0,
    max: COUNT_MAX,
  }),
  handshakes_per_address: integer({
    bound: true,
    description: "New sessions that one address may open in a second, and at once after a pause. `0`: no bound.",
    default: 100,
    min: 0,
    max: COUNT_MAX,
  }),
  limit_loopback: flagField({
    description:
      "Apply the bounds of addresses to loopback addresses as well. Set it when a proxy runs on the same machine.",
    default: false,
  }),
  tenant_limits: choice(["mesh", "relay"], {
    description:
      "What the limits per tenant count. `mesh`: the sessions of all relays that share roots, together; [tenant-limits.md](tenant-limits.md) says how exactly. `relay`: those of this relay. A relay without roots counts its own.",
    default: "mesh",
  }),
  sessions_per_tenant: integer({
    bound: true,
    description:
      "Sessions that one tenant may have at once. The tenant is the first segment of the token's root, or of the path. `0`: no bound.",
    default: 0,
    min: 0,
    max: COUNT_MAX,
  }),
  broadcasts_per_tenant: integer({
    bound: true,
    description: "Broadcasts that the sessions of one tenant may announce at once. `0`: no bound.",
    default: 0,
    min: 0,
    max: COUNT_MAX,
  }),
  subscriptions_per_tenant: integer({
    bound: true,
    description: "Tracks that the sessions of one tenant may watch at once. `0`: no bound.",
    default: 0,
    min: 0,
    max: COUNT_MAX,
  }),
  ingress_per_tenant: size({
    bound: true,
    description: 'Bytes that the sessions of one tenant may send in a second, such as `"5MiB"`. `0`: no bound.',
    default: "0B",
    min: "0B",
    max: "1TiB",
  }),
  egress_per_tenant: size({
    bound: true,
    description: "Bytes that the sessions of one tenant may receive in a second. `0`: no bound.",
    default: "0B",
    min: "0B",
    max: "1TiB",
  }),
};

export const authSection = section(
  "auth",
  "Who may publish and watch; [auth.md](auth.md) has the commands. A relay without keys and without public prefixes serves only clients on its own machine.",
  allLive({ ...keys, ...without, ...limits }, ["revocations"]),
  [
    isKeyItself("key"),
    {
      keys: ["api", "key", "key_file", "key_dir", "key_url", "public_subscribe", "public_publish"],
      broken: ({ api, key, key_file, key_dir, key_url, public_publish, public_subscribe }) => {
        const others = [key, key_file, key_dir, key_url].some((one) => one !== undefined);
        const open = public_publish.length + public_subscribe.length > 0;
        return api !== undefined && (others || open)
          ? "`api` decides alone: remove the keys and the public prefixes, or `api`"
          : undefined;
      },
    },
    { keys: ["key_url"], broken: ({ key_url }) => brokenUrl("key_url", key_url) },
    { keys: ["api"], broken: ({ api }) => brokenUrl("api", api) },
    {
      keys: ["origins"],
      broken: ({ origins }) => {
        const fault = origins.map(originFault).find((one) => one !== undefined);
        return fault === undefined ? undefined : `\`origins\`: ${fault}`;
      },
    },
    { keys: ["allow"], broken: ({ allow }) => brokenBlock("allow", allow) },
    { keys: ["deny"], broken: ({ deny }) => brokenBlock("deny", deny) },
  ],
);

function brokenUrl(key: string, value: string | undefined): string | undefined {
  if (value === undefined) return undefined;
  const url = URL.parse(value);
  if (url === null || !["https:", "http:"].includes(url.protocol)) return `\`${key}\` is not an https:// URL`;
  const plain = url.protocol === "http:" && !["localhost", "127.0.0.1", "[::1]"].includes(url.hostname);
  return plain ? `\`${key}\` must be an https:// URL, except on this machine` : undefined;
}

/** Names the first text that is neither an address nor a block. */
export function brokenBlock(key: string, blocks: readonly string[]): string | undefined {
  const bad = blocks.find((block) => !ipaddr.isValidCIDR(block) && !ipaddr.isValid(block));
  return bad === undefined
    ? undefined
    : `\`${key}\` has "${bad}", which is neither an address nor a block such as "10.0.0.0/8"`;
}
