import {
  type AnySection,
  envName,
  fieldOf,
  policySection,
  secretFileKeys,
  sections,
} from "../../relay/config/index.ts";
import { code, table } from "./markdown.ts";

const INTRODUCTION = `# Configuration

<!-- Generated from the schema in relay/config/ by \`npm run docs:config\`; changes here are lost. -->

A configuration is a [TOML](https://toml.io) file; every key is optional. \`moqmesh check FILE\` shows the values that
would be used and where each one is from, or everything that is wrong with them.

Later places win over earlier ones:

1. the defaults below,
2. the file: \`port = 443\` under \`[server]\`,
3. the environment: \`MOQMESH_SERVER_PORT=443\`,
4. flags: \`--server.port 443\`, with short names for the common ones.

Every key has a variable: \`MOQMESH_\`, the section, \`_\` and the key, in capitals. So \`header_timeout\` under \`[limits]\` is
\`MOQMESH_LIMITS_HEADER_TIMEOUT\`. Items of a list are separated by commas; an empty variable counts as unset.

The file is read strictly. An unknown key, section or \`MOQMESH_\` variable of one of the sections is an error, and so
is a value of the wrong type or out of range.

| Kind | Written as |
| --- | --- |
| duration | a number with \`ms\`, \`s\`, \`m\`, \`h\` or \`d\`: \`"500ms"\`, \`"10s"\`, \`"1.5h"\` |
| size | a number of bytes, or one with \`kB\`, \`MB\`, \`GB\`, \`TB\` (1000) or \`KiB\`, \`MiB\`, \`GiB\`, \`TiB\` (1024): \`"16MiB"\` |

The column *Change* says what a new value of a key needs. \`reload\`: SIGHUP or the admin API applies it while the relay runs, limits and rules
to sessions that start from then on. \`restart\`: the relay reports that the value has changed and uses the old one until it starts again.
[operations.md](operations.md#change-the-configuration-while-the-relay-runs) has the steps.

Paths are relative to the folder in which the program was started.

In Kubernetes, a service named \`moqmesh-server\` makes the cluster set variables such as \`MOQMESH_SERVER_PORT\` in every
pod of its namespace. Name the service otherwise, or set \`enableServiceLinks: false\`.
`;

/** The text of docs/config.md. */
export function configPage(): string {
  const all = [...sections.values()].map((section) => sectionText(section, `[${section.name}]`));
  return [INTRODUCTION, secretsText(), ...all, sectionText(policySection, "[[policy]]")].join("\n");
}

/** Every secret, and the ways to give it. */
function secretsText(): string {
  const rows = secretFileKeys(sections).map(({ section, key, secret: { of, reread } }) => {
    const inline = of === undefined ? "" : `\`[${section}] ${of}\``;
    const variables = [of, key].filter((one) => one !== undefined).map((one) => code(envName(section, one)));
    return [inline, `\`[${section}] ${key}\``, variables.join(", "), reread];
  });
  return `## Secrets

A secret \`KEY\` is given in one of three ways; in two at once is an error.

1. In a file of its own: \`KEY_file\` names it. A newline at the end of the file is no part of the secret. A list has one value a line.
2. By the environment, as every key: \`MOQMESH_SECTION_KEY\`.
3. By \`KEY\` in the configuration file, or as a flag. \`moqmesh check --production\` warns of that (\`secret_inline\`).

\`[tls] cert\` and \`key\` are files, which are replaced while the relay runs, or the PEM text itself, as in \`MOQMESH_TLS_KEY\`. The admin API, \`check\` and the log never show a secret.

At the start, in \`check\` and at each reload the relay warns of files with secrets that other users of the machine can read or change, and of those of its own
user that their group can read (\`secret_readable\`). A file of another user, such as root, may be readable for its group: that is how the relay reads it.

${table(["Key", "File", "Variables", "The relay reads the file again"], rows)}
`;
}

function sectionText(section: AnySection, title: string): string {
  const rows = Object.keys(section.schema.shape).map((key) => row(section, key));
  return `## ${code(title)}

${section.description}

${table(["Key", "Value", "Default", "Change", "Meaning"], rows)}
`;
}

function row(section: AnySection, key: string): string[] {
  const field = fieldOf(section, key);
  if (field === undefined) throw new Error(`${section.name}.${key} is not described`);
  const { kind, expects, default: standard, fallback, description, flag, live } = field;
  const value = kind === "duration" || kind === "size" ? `${kind}, ${expects}` : expects;
  const short = flag === undefined ? "" : ` Flag: \`--${flag}\`.`;
  return [code(key), value, fallback ?? code(standard), live ? "reload" : "restart", `${description}${short}`];
}
