import { homedir } from "node:os";
import { join } from "node:path";
import { flagField, integer, optionalText, PAIR_REREAD, REDACTED, secretFile, texts } from "./fields.ts";
import { section } from "./section.ts";

/** Two paths with a space between them, so neither path may have a space. */
export const PEM_PAIR = /^(?<cert>\S+) (?<key>\S+)$/;

/** PEM that is given in place of the path of its file; undefined for a path. In variables `\n` often stands for the end of a line. */
export function pemText(value: string): string | undefined {
  return /^\s*-----BEGIN /.test(value) ? value.replaceAll("\\n", "\n") : undefined;
}

export const tlsSection = section(
  "tls",
  "The certificate of the public listeners. Without `cert` and `key` the relay makes a self-signed one that is valid for 13 days, keeps it in `state_dir` and renews it in time. Browsers trust it by its fingerprint, which they find at `/certificate.sha256`.",
  {
    cert: optionalText({
      description:
        "PEM file with the certificate chain, leaf first; or that text itself, as in `MOQMESH_TLS_CERT`. Of a text, `\\n` stands for the end of a line as well.",
      fallback: "self-signed",
      flag: "cert",
      live: true,
    }),
    key: secretFile({
      description:
        "PEM file with the private key (PKCS#8); or that text itself, as in `MOQMESH_TLS_KEY`. A key that is given so is replaced by a reload of the configuration, not by itself.",
      shown: (value) => (pemText(value) === undefined ? value : REDACTED),
      fallback: "self-signed",
      reread: PAIR_REREAD,
      flag: "key",
      live: true,
    }),
    certificates: texts({
      description:
        "Further certificates, each as `CERT KEY`: two PEM files. A client that asks for a name of one of them gets that certificate; over QUIC this needs the native engine. The relay loads replaced files like those of `cert` and `key`.",
      default: [],
      live: true,
    }),
    client_ca: optionalText({
      description:
        "PEM file with the authorities for certificates of publishers and viewers. Every session at the public port, over UDP and TCP, then needs a certificate that one of them signed; so does every request over HTTPS. A certificate grants nothing by itself: tokens and public prefixes decide as before. The relay loads a replaced file. This needs the native engine.",
      fallback: "the relay asks publishers and viewers for no certificate",
    }),
    client_required: flagField({
      description:
        "With `client_ca`: refuse clients without a certificate. `false`: refuse only certificates of other authorities.",
      default: true,
    }),
    warn_days: integer({
      description:
        "Days before the end of a certificate from which on `/health` warns (`certificate_expires_soon`). The relay renews its own self-signed one by itself.",
      default: 14,
      min: 0,
      max: 365,
      live: true,
    }),
    state_dir: optionalText({
      description: "Folder of the self-signed certificate and of `reset.key`; the relay makes it.",
      fallback: "`$XDG_STATE_HOME/moqmesh`, or `~/.local/state/moqmesh`",
    }),
    hosts: texts({
      description: "Names and addresses in the self-signed certificate, besides `localhost`, `127.0.0.1` and `::1`.",
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
    {
      keys: ["certificates"],
      broken: ({ certificates }) => {
        const bad = certificates.find((one) => !PEM_PAIR.test(one));
        return bad === undefined
          ? undefined
          : `\`certificates\` has "${bad}", which is not two files such as "b.pem b-key.pem"`;
      },
    },
  ],
);

/** The default of `state_dir`: the state folder of the XDG base directory specification. */
export function defaultStateDir(env: Readonly<Record<string, string | undefined>>): string {
  const base = env["XDG_STATE_HOME"];
  return base?.startsWith("/") ? join(base, "moqmesh") : join(homedir(), ".local", "state", "moqmesh");
}
