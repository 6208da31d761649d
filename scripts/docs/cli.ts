import { COMMON_OPTIONS, configOptions } from "../../relay/cli/args.ts";
import { type Command, usage } from "../../relay/cli/command.ts";
import { EXIT_MEANINGS } from "../../relay/cli/exit-codes.ts";
import { optionLabel } from "../../relay/cli/help.ts";
import { COMMANDS } from "../../relay/cli/main.ts";
import { code, table } from "./markdown.ts";

/** The text of docs/cli.md. */
export function cliPage(): string {
  return `# Command line

<!-- Generated from relay/cli/ by \`npm run docs:cli\`; changes here are lost. -->

${table(
  ["Command", "What it does"],
  COMMANDS.map((command) => [code(usage(command)), command.summary]),
)}

\`moqmesh --help\` and \`moqmesh COMMAND --help\` say the same in a terminal; \`--version\` prints the version. Colours are
left out when the output is not a terminal or \`NO_COLOR\` is set.

${COMMANDS.map(commandText).join("\n")}
## Exit codes

${table(
  ["Code", "Meaning"],
  [...EXIT_MEANINGS].map(([exit, meaning]) => [String(exit), meaning]),
)}

A relay that is ended at once by a second signal exits with 128 and the signal's number: 130 for SIGINT, 143 for SIGTERM.
`;
}

function commandText(command: Command): string {
  const rows = [
    ...command.positionals.map(({ name, description }) => [code(name), description]),
    ...[...command.options, ...COMMON_OPTIONS].map((option) => [code(optionLabel(option)), option.description]),
    ...(command.takesConfig ? configRows() : []),
  ];
  return `## \`${usage(command)}\`

${command.description.join("\n\n")}

${table(["Argument", "Meaning"], rows)}

\`\`\`sh
${command.examples.map((line) => `moqmesh ${line}`).join("\n")}
\`\`\`
${command.codes === undefined ? "" : codesText(command.codes)}`;
}

function codesText(codes: ReadonlyMap<string, string>): string {
  return `
The codes in its output are stable:

${table(
  ["Code", "Meaning"],
  [...codes].map(([name, meaning]) => [code(name), meaning]),
)}
`;
}

function configRows(): string[][] {
  const short = configOptions().filter(({ name, configKey }) => name !== configKey);
  return [
    ...short.map((option) => [code(optionLabel(option)), `Sets \`${option.configKey}\`.`]),
    [code("--SECTION.KEY VALUE"), "Sets any key of the [configuration](config.md)."],
  ];
}
