import { MIN_WEBHOOK_SECRET, WEBHOOK_EVENTS } from "../webhooks/index.ts";
import {
  AT_A_RELOAD,
  choices,
  duration,
  integer,
  REDACTED,
  secretFile,
  secretText,
  secretTexts,
  withoutCredentials,
} from "./fields.ts";
import { section } from "./section.ts";

/** Most URLs of receivers: each has a queue of its own. */
const MAX_URLS = 8;

export const webhooksSection = section(
  "webhooks",
  "HTTP requests that inform your programs of events at this relay: [webhooks.md](webhooks.md).",
  {
    urls: secretTexts({
      description: `Where the relay sends each event, at most ${MAX_URLS}. Private addresses are allowed; redirects are not followed.`,
      default: [],
      shown: withoutCredentials,
      live: true,
    }),
    urls_file: secretFile({
      of: "urls",
      loaded: true,
      description: "File with these URLs, one a line. Use it where a URL has a secret in it.",
      fallback: "none",
      reread: AT_A_RELOAD,
      live: true,
    }),
    events: choices(WEBHOOK_EVENTS, {
      description: "What the relay reports, of clients' sessions and of broadcasts published to this relay.",
      default: WEBHOOK_EVENTS,
      live: true,
    }),
    secret: secretText({
      description: `Secret that signs each request, of at least ${MIN_WEBHOOK_SECRET} characters: \`whsec_\` and base64, or any text.`,
      fallback: "requests have no signature, unless `secret_file` is set",
      shown: () => REDACTED,
      live: true,
    }),
    secret_file: secretFile({
      of: "secret",
      description: "File with the secret that signs requests.",
      fallback: "none",
      reread: AT_A_RELOAD,
      live: true,
    }),
    timeout: duration({
      description: "How long a receiver may take to answer.",
      default: "5s",
      min: "100ms",
      max: "1m",
      live: true,
    }),
    retry_for: duration({
      description:
        "How long the relay tries to deliver an event, from its first attempt. After that it drops and counts the event.",
      default: "10m",
      min: "0s",
      max: "1d",
      live: true,
    }),
    queue: integer({
      description: "Most events for one receiver that wait or are being sent. The relay drops and counts further ones.",
      default: 10_000,
      min: 1,
      max: 1_000_000,
      live: true,
    }),
  },
  [
    { keys: ["urls"], broken: ({ urls }) => invalidUrl(urls) },
    {
      keys: ["secret"],
      broken: ({ secret }) =>
        secret !== undefined && secret.length < MIN_WEBHOOK_SECRET
          ? `\`secret\` has fewer than ${MIN_WEBHOOK_SECRET} characters`
          : undefined,
    },
  ],
);

function invalidUrl(urls: readonly string[]): string | undefined {
  if (urls.length > MAX_URLS) return `\`urls\` has more than ${MAX_URLS} entries`;
  const wrong = urls.findIndex((url) => !["http:", "https:"].includes(URL.parse(url)?.protocol ?? ""));
  if (wrong >= 0) return `entry ${wrong + 1} of \`urls\` is not an http:// or https:// URL`;
  const credentials = urls.findIndex((url) => (URL.parse(url)?.username ?? "") !== "");
  if (credentials >= 0)
    return `entry ${credentials + 1} of \`urls\` has a user name; put a secret into the query instead`;
  return undefined;
}
