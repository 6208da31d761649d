import {
  choice,
  flagField,
  integer,
  optionalInteger,
  optionalText,
  REDACTED,
  secretFile,
  secretText,
  text,
  texts,
} from "./fields.ts";
import { type Rule, section } from "./section.ts";

/** A secret of the admin API: at least 32 characters, 128 bits in hexadecimal, without spaces. */
export const ADMIN_SECRET = /^\S{32,}$/;

const secretRule = <K extends "admin_token" | "admin_read_token">(
  key: K,
): Rule<{ [key in K]?: string | undefined }> => ({
  keys: [key],
  broken: ({ [key]: secret }) =>
    secret === undefined || ADMIN_SECRET.test(secret)
      ? undefined
      : `\`${key}\` must have at least 32 characters and no spaces; name a file with \`${key}_file\``,
});

export const httpSection = section(
  "http",
  "HTTP on the TCP side of the public port, and the admin listener on a port of its own.",
  {
    enabled: flagField({
      description:
        "Serve on the public port: `/certificate.sha256`; `/access`, where a client learns why its session is refused; and the demo page, if `page` is set.",
      default: true,
    }),
    page: flagField({ description: "Serve the demo page at `/`. It is meant for development.", default: false }),
    public_health: flagField({
      description:
        "Answer `/health/ready` and `/health/live` on the public port as well, with 200 or 503 and nothing else, for load balancers that probe the port that they serve.",
      default: false,
    }),
    health_port: optionalInteger({
      description:
        "Port for load balancers and orchestrators: `/health/ready`, `/readyz`, `/healthz`, `/health/live` and `/livez` answer 200 or 503 and nothing else, to everyone. A thread of its own answers, also while the relay's event loop is blocked. `0` takes any free port.",
      fallback: "no such port; the admin listener answers probes as well",
      min: 0,
      max: 65535,
    }),
    health_host: text({ description: "Address of `health_port`.", default: "::" }),
    admin: flagField({
      description:
        "Run the admin listener: the API under `/api/v1`, `/health`, its probes `/health/live` and `/health/ready`, and `/metrics`.",
      default: true,
    }),
    ui: flagField({
      description: "Serve the dashboard at `/ui/` of the admin listener.",
      default: true,
    }),
    admin_host: text({
      description:
        "Address of the admin listener. On loopback the programs of the machine may read without a credential, unless a proxy sends the request; it answers only requests to a loopback host, and none from pages of other origins. On any other address every request needs a credential, except the probes of health.",
      default: "127.0.0.1",
    }),
    admin_port: integer({
      description: "Port of the admin listener. `0` takes any free port.",
      default: 4444,
      min: 0,
      max: 65535,
    }),
    admin_tls: flagField({
      description:
        "Serve the admin listener over TLS (`https:`), with the certificate of `[tls]`. Replaced certificates are served there as well.",
      default: false,
    }),
    admin_client_ca: optionalText({
      description:
        "PEM file with the authorities for certificates of operators; it needs `admin_tls`. A client without a certificate may still show a token. The relay loads a replaced file.",
      fallback: "the admin listener asks for no certificate",
    }),
    admin_client_right: choice(["read", "write"], {
      description: "What a certificate of `admin_client_ca` permits: `read` to see, `write` to act as well.",
      default: "read",
      live: true,
    }),
    admin_token: secretText({
      description:
        "Secret of at least 32 characters that permits to read and to act, sent as `Authorization: Bearer SECRET`. A JWT with the claim `admin` does as well: see [auth.md](auth.md).",
      fallback: "the relay makes a secret in `admin.token` in `[tls] state_dir`",
      shown: () => REDACTED,
      live: true,
    }),
    admin_token_file: secretFile({
      of: "admin_token",
      description: "File with that secret.",
      fallback: "none",
      reread: "at each request",
      live: true,
    }),
    admin_read_token: secretText({
      description: "Secret that permits to read, as for a scraper or a dashboard.",
      fallback: "none",
      shown: () => REDACTED,
      live: true,
    }),
    admin_read_token_file: secretFile({
      of: "admin_read_token",
      description: "File with that secret.",
      fallback: "none",
      reread: "at each request",
      live: true,
    }),
    admin_origins: texts({
      description:
        "Origins whose pages may use the API, such as `https://ops.example.com`. The listener's own pages always may.",
      default: [],
      live: true,
    }),
    metric_series: integer({
      bound: true,
      description:
        "Broadcasts, and tenants, that have lines of their own in `/metrics`: the first ones that are there at once. All further ones are counted together, as `other`. `0`: no line of a broadcast or a tenant.",
      default: 50,
      min: 0,
      max: 1_000,
    }),
    snapshot_dir: optionalText({
      description: "Folder into which the API writes snapshots of the heap. They may contain tokens and payload.",
      fallback: "the API takes none",
    }),
    admin_rate: integer({
      bound: true,
      description:
        "Requests a second that the API answers to one address, and apart from these as many for `/health` and `/metrics`. Probes (`/health/ready`, `/health/live`) have no such bound.",
      default: 50,
      min: 1,
      max: 100_000,
      live: true,
    }),
    admin_burst: integer({
      bound: true,
      description: "Requests that one address may send at once before `admin_rate` counts.",
      default: 200,
      min: 1,
      max: 100_000,
      live: true,
    }),
  },
  [
    secretRule("admin_token"),
    secretRule("admin_read_token"),
    {
      keys: ["admin_client_ca"],
      broken: ({ admin_client_ca, admin_tls }) =>
        admin_client_ca === undefined || admin_tls ? undefined : "`admin_client_ca` needs TLS: set `admin_tls = true`",
    },
  ],
);
