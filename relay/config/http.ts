import { flagField, integer, optionalText, text } from "./fields.ts";
import { section } from "./section.ts";

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
    admin: flagField({
      description:
        "Run the admin listener: `/health/live`, `/health/ready`, `/health`, `/metrics`, `/cluster` and `/auth/revoke`.",
      default: true,
    }),
    admin_host: text({
      description:
        "Address of the admin listener. Every client that reaches it may read everything there, so keep it on loopback or on a private network. On loopback it answers only requests to a loopback host, and none from pages of other origins.",
      default: "127.0.0.1",
    }),
    admin_port: integer({
      description: "Port of the admin listener. `0` takes any free port.",
      default: 4444,
      min: 0,
      max: 65535,
    }),
    admin_token_file: optionalText({
      description:
        "File with a secret of at least 32 characters. `POST /auth/revoke` requires it as `Authorization: Bearer SECRET`. The relay reads the file at each request.",
      fallback: "the relay accepts no revocations over HTTP",
    }),
  },
);
