import { TARGET_OPTIONS } from "../../cli/admin/index.ts";
import { COMMON_OPTIONS, configOptions } from "../../cli/args.ts";
import { type Command, type OptionSpec, usage } from "../../cli/command.ts";
import { COMMANDS } from "../../cli/commands.ts";
import { EXIT_MEANINGS } from "../../cli/exit-codes.ts";
import { optionLabel } from "../../cli/help.ts";
import { code, table } from "./markdown.ts";

/** The text of docs/cli.md. */
export function cliPage(): string {
  return `# Command line

<!-- Generated from cli/ by \`npm run docs:cli\`; changes here are lost. -->

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
  if (command.parts !== undefined) return groupText(command, command.parts);
  const options = [...command.options, ...COMMON_OPTIONS];
  return `## \`${usage(command)}\`

${command.description.join("\n\n")}

${argumentTable(command, options)}

${examples(command)}`;
}

/** A command with parts: the options that all parts have stand at its beginning. */
function groupText(command: Command, parts: readonly Command[]): string {
  const shared = new Set(TARGET_OPTIONS.map(({ name }) => name));
  const partText = (part: Command) => {
    const options = part.options.filter(({ name }) => !shared.has(name));
    return `### \`${usage(part)}\`

${[part.summary, ...part.description].join("\n\n")}

${argumentTable(part, options)}

${examples(part)}`;
  };
  return `## \`${usage(command)}\`

${command.description.join("\n\n")}

${table(["Option of each command", "Meaning"], [...TARGET_OPTIONS, ...COMMON_OPTIONS].map(optionRow))}

${examples(command)}
${parts.map(partText).join("\n")}`;
}

function argumentTable({ positionals, takesConfig }: Command, options: readonly OptionSpec[]): string {
  const rows = [
    ...positionals.map(({ name, description }) => [code(name), description]),
    ...options.map(optionRow),
    ...(takesConfig ? configRows() : []),
  ];
  return table(["Argument", "Meaning"], rows);
}

function optionRow(option: OptionSpec): string[] {
  return [code(optionLabel(option)), option.description];
}

function examples(command: Command): string {
  return `\`\`\`sh
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
