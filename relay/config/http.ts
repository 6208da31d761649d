import { flagField, integer, optionalText, text } from "./fields.ts";
import { section } from "./section.ts";

export const httpSection = section(
  "http",
  "HTTP on the TCP side of the public port, and the admin listener apart from it.",
  {
    enabled: flagField({
      description:
        "Serve on the public port: `/certificate.sha256`; `/access`, which tells a client why its session is refused; and, when `page` is set, the demo page.",
      default: true,
    }),
    page: flagField({ description: "Serve the demo page at `/`. Meant for development.", default: false }),
    admin: flagField({
      description:
        "Run the admin listener: `/health/live`, `/health/ready`, `/health`, `/metrics`, `/cluster` and `/auth/revoke`.",
      default: true,
    }),
    admin_host: text({
      description:
        "Address of the admin listener. Who reaches it may read everything there, so it stays on loopback unless told otherwise; there it answers for loopback hosts only, and no page of another origin.",
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
        "File with a secret of at least 32 characters; `POST /auth/revoke` asks for it as `Authorization: Bearer SECRET`. It is read at each request.",
      fallback: "revoking over HTTP is off",
    }),
  },
);
