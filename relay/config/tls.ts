import { homedir } from "node:os";
import { join } from "node:path";
import { optionalText, texts } from "./fields.ts";
import { section } from "./section.ts";

export const tlsSection = section(
  "tls",
  "The certificate of the public listeners. Without `cert` and `key` the relay makes a self-signed one, valid for 13 days, keeps it in `state_dir` and renews it before it ends; browsers then trust it by its fingerprint at `/certificate.sha256`.",
  {
    cert: optionalText({
      description: "PEM file with the certificate chain, leaf first.",
      fallback: "self-signed",
      flag: "cert",
    }),
    key: optionalText({
      description: "PEM file with the private key (PKCS#8).",
      fallback: "self-signed",
      flag: "key",
    }),
    state_dir: optionalText({
      description: "Folder of the self-signed certificate; made when it is missing.",
      fallback: "`$XDG_STATE_HOME/moqmesh`, or `~/.local/state/moqmesh`",
    }),
    hosts: texts({
      description:
        "Names and addresses that the self-signed certificate is for, besides `localhost`, `127.0.0.1` and `::1`.",
      default: [],
    }),
  },
  [
    {
      keys: ["cert", "key"],
      broken: ({ cert, key }) =>
        (cert === undefined) === (key === undefined)
          ? undefined
          : `a certificate needs both \`cert\` and \`key\`; \`${cert === undefined ? "cert" : "key"}\` is missing`,
    },
  ],
);

/** Where state is kept when nothing is configured: the XDG base directory specification's state folder. */
export function defaultStateDir(env: Readonly<Record<string, string | undefined>>): string {
  const base = env["XDG_STATE_HOME"];
  return base?.startsWith("/") ? join(base, "moqmesh") : join(homedir(), ".local", "state", "moqmesh");
}
