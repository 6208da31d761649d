import ipaddr from "ipaddr.js";
import {
  choice,
  duration,
  flagField,
  integer,
  optionalText,
  paths,
  secretText,
  size,
  texts,
  withoutCredentials,
} from "./fields.ts";
import { section } from "./section.ts";

/** Largest count of sessions or handshakes of one address or tenant; a guard against slips of the keyboard. */
const COUNT_MAX = 10_000_000;

const keys = {
  key: optionalText({
    description: "File with the key that tokens are verified with: a JWK or a JWK set, as JSON or as base64url of it.",
    fallback: "no such key",
  }),
  key_dir: optionalText({
    description:
      "Folder with a `KID.jwk` for each key. Files that come, change or go take effect within a second, as with `key`.",
    fallback: "no such keys",
  }),
  key_url: secretText({
    description: "URL of a JWK set, such as an identity provider's `jwks.json`.",
    fallback: "no such keys",
    shown: withoutCredentials,
  }),
  key_url_refresh: duration({
    description: "How often the set at `key_url` is fetched again.",
    default: "5m",
    min: "1s",
    max: "1d",
  }),
  key_url_cooldown: duration({
    description: "Shortest time between two fetches of `key_url`, whatever key ids tokens name.",
    default: "30s",
    min: "1s",
    max: "1h",
  }),
  key_url_keep: duration({
    description: "How long the last good set is used while `key_url` does not answer.",
    default: "1h",
    min: "1s",
    max: "7d",
  }),
  file_keep: duration({
    description:
      "How long what `key`, `key_dir` and `revocations` said before is used while they cannot be read or used; after that tokens are refused with 503.",
    default: "10m",
    min: "0s",
    max: "7d",
  }),
  on_key_removed: choice(["close", "keep"], {
    description: "What happens to sessions whose token was signed by a key that is no longer there.",
    default: "close",
  }),
  issuers: texts({ description: "Accepted `iss` claims; empty for any, and for none.", default: [] }),
  audiences: texts({ description: "Accepted `aud` claims; empty for any, and for none.", default: [] }),
  clock_skew: duration({
    description: "How far an issuer's clock may be ahead, for `nbf` and `iat`. `exp` is exact.",
    default: "5s",
    min: "0s",
    max: "5m",
  }),
  expiry_notice: duration({
    description: "How long before its token expires a session is asked to leave (GOAWAY). `0s` for no notice.",
    default: "0s",
    min: "0s",
    max: "1h",
  }),
  revocations: optionalText({
    description:
      'JSON file of what is revoked, such as `[{"jti": "a"}, {"kid": "b"}, {"sub": "c", "until": 1767225600}]`. Changes take effect within a second; `POST /auth/revoke` on the admin listener adds to it.',
    fallback: "revocations last until the relay ends",
  }),
};

const without = {
  public_subscribe: paths({
    description: 'Path prefixes that anybody may watch without a token. `"/"` or `""` is everything.',
    default: [],
  }),
  public_publish: paths({
    description: 'Path prefixes that anybody may publish without a token. `"/"` or `""` is everything.',
    default: [],
  }),
  api: secretText({
    description:
      "URL of a service that is asked about every session in place of keys and public prefixes: `GET URL?root=PATH&kid=KID&transport=NAME`. No answer is a refusal.",
    fallback: "no service is asked",
    shown: withoutCredentials,
  }),
  api_timeout: duration({ description: "Longest wait for `api`.", default: "2s", min: "100ms", max: "1m" }),
  api_cache: duration({
    description: "Longest time that an answer of `api` is kept; its `Cache-Control` may make it shorter.",
    default: "10s",
    min: "0s",
    max: "1h",
  }),
};

const limits = {
  allow: texts({
    description: 'Addresses and blocks that alone are served, such as `"10.0.0.0/8"`; empty for all.',
    default: [],
  }),
  deny: texts({ description: "Addresses and blocks that are refused, also when `allow` has them.", default: [] }),
  sessions_per_address: integer({
    description: "Sessions of one address at once: an IPv4 address or an IPv6 /64. `0` for no bound.",
    default: 1_000,
    min: 0,
    max: COUNT_MAX,
  }),
  handshakes_per_address: integer({
    description: "New sessions of one address in a second, and at once after a silence. `0` for no bound.",
    default: 100,
    min: 0,
    max: COUNT_MAX,
  }),
  limit_loopback: flagField({
    description: "Count this machine's own addresses like others. Set it behind a proxy on the same machine.",
    default: false,
  }),
  sessions_per_tenant: integer({
    description:
      "Sessions of one tenant at once: the first segment of a token's root, or of the path. `0` for no bound.",
    default: 0,
    min: 0,
    max: COUNT_MAX,
  }),
  broadcasts_per_tenant: integer({
    description: "Broadcasts that the sessions of one tenant announce at once. `0` for no bound.",
    default: 0,
    min: 0,
    max: COUNT_MAX,
  }),
  subscriptions_per_tenant: integer({
    description: "Tracks that the sessions of one tenant watch at once. `0` for no bound.",
    default: 0,
    min: 0,
    max: COUNT_MAX,
  }),
  ingress_per_tenant: size({
    description: 'Bytes a second that the sessions of one tenant may send, such as `"5MiB"`. `0` for no bound.',
    default: "0B",
    min: "0B",
    max: "1TiB",
  }),
  egress_per_tenant: size({
    description: "Bytes a second that the sessions of one tenant may be sent. `0` for no bound.",
    default: "0B",
    min: "0B",
    max: "1TiB",
  }),
};

export const authSection = section(
  "auth",
  "Who may publish and watch; [auth.md](auth.md) has the commands. With neither keys nor public prefixes the relay serves its own machine only.",
  { ...keys, ...without, ...limits },
  [
    {
      keys: ["api", "key", "key_dir", "key_url", "public_subscribe", "public_publish"],
      broken: ({ api, key, key_dir, key_url, public_publish, public_subscribe }) => {
        const others = [key, key_dir, key_url].some((one) => one !== undefined);
        const open = public_publish.length + public_subscribe.length > 0;
        return api !== undefined && (others || open)
          ? "`api` decides alone: it goes with neither keys nor public prefixes"
          : undefined;
      },
    },
    { keys: ["key_url"], broken: ({ key_url }) => brokenUrl("key_url", key_url) },
    { keys: ["api"], broken: ({ api }) => brokenUrl("api", api) },
    { keys: ["allow"], broken: ({ allow }) => brokenBlock("allow", allow) },
    { keys: ["deny"], broken: ({ deny }) => brokenBlock("deny", deny) },
  ],
);

function brokenUrl(key: string, value: string | undefined): string | undefined {
  if (value === undefined) return undefined;
  const url = URL.parse(value);
  if (url === null || !["https:", "http:"].includes(url.protocol)) return `\`${key}\` is no https:// URL`;
  const plain = url.protocol === "http:" && !["localhost", "127.0.0.1", "[::1]"].includes(url.hostname);
  return plain ? `\`${key}\` has to be https:// unless it is on this machine` : undefined;
}

function brokenBlock(key: string, blocks: readonly string[]): string | undefined {
  const bad = blocks.find((block) => !ipaddr.isValidCIDR(block) && !ipaddr.isValid(block));
  return bad === undefined
    ? undefined
    : `\`${key}\` has "${bad}", which is no address and no block such as "10.0.0.0/8"`;
}
