import {
  ConfigError,
  describeConfig,
  formatOrigin,
  formatProblem,
  inlineSecrets,
  keysWithContent,
  type LoadedConfig,
  type Problem,
  productionProblems,
} from "../config/index.ts";
import type { Command, Invocation } from "./command.ts";
import { loadConfigured } from "./configured.ts";
import { EXIT, type ExitCode } from "./exit-codes.ts";
import { type Io, styles } from "./io.ts";

export const checkCommand: Command = {
  name: "check",
  summary: "Check a configuration and show what would run.",
  description: [
    "Prints every value of the merged configuration and its origin, or every problem with its file and line. It reads the same environment and flags as serve and loads the same key, token and certificate files, so it shows what serve would run with. Settings that work but are unsafe are warnings on standard error.",
  ],
  positionals: [{ name: "FILE", required: false, description: "Configuration file; without it, the defaults." }],
  options: [
    { name: "json", description: "Print one JSON object." },
    {
      name: "production",
      description:
        "Also refuse what a relay in production must not have: public access to everything, no keys, a self-signed certificate, an admin listener that other machines reach.",
    },
  ],
  takesConfig: true,
  examples: [
    "check configs/dev.toml",
    "check relay.toml --production",
    "check relay.toml --json",
    "check relay.toml --server.port 443",
  ],
  run,
};

async function run(invocation: Invocation, io: Io): Promise<ExitCode> {
  const json = invocation.switches.has("json");
  try {
    const loaded = loadConfigured(invocation, io);
    const production = invocation.switches.has("production") ? productionProblems(loaded) : [];
    const { preflight } = await import("../main.ts");
    const { problems: files, warnings: found } = await preflight(loaded);
    const warnings = [...found, ...(invocation.switches.has("production") ? inlineSecrets(loaded) : [])];
    const problems = [...files, ...production];
    for (const warning of json ? [] : warnings) io.err.write(`moqmesh: warning: ${formatProblem(warning)}\n`);
    if (problems.length > 0) throw new ConfigError(problems);
    io.out.write(json ? asJson(loaded, warnings) : asText(loaded, io));
    return EXIT.ok;
  } catch (error) {
    if (!json || !(error instanceof ConfigError)) throw error;
    const problems = error.problems.map((problem) => ({ ...problem, text: formatProblem(problem) }));
    io.out.write(`${JSON.stringify({ ok: false, problems }, null, 2)}\n`);
    return EXIT.config;
  }
}

function asJson(loaded: LoadedConfig, found: readonly Problem[]): string {
  const values = describeConfig(loaded).map(({ key, value, origin }) => ({ key, value: value ?? null, origin }));
  const warnings = found.map((warning) => ({ ...warning, text: formatProblem(warning) }));
  return `${JSON.stringify({ ok: true, warnings, values }, null, 2)}\n`;
}

/** TOML with the origin of each value as a comment; the output is a valid configuration file. */
function asText(loaded: LoadedConfig, io: Io): string {
  const { bold, dim } = styles(io.out, io.env);
  const lines: string[] = [];
  let current = "";
  const separate = keysWithContent(loaded.config);
  for (const { key, text, value, origin } of describeConfig(loaded)) {
    const [section = "", name = ""] = key.split(".");
    if (section !== current) {
      if (current !== "") lines.push("");
      lines.push(bold(`[${section}]`));
      current = section;
    }
    const set = separate.has(key) ? `# ${name} is in a file: ${text}` : `${name} = ${text}`;
    const setting = value === undefined ? `# ${name} is not set` : set;
    const comment = value === undefined && origin.kind === "default" ? "" : dim(`  # ${formatOrigin(origin)}`);
    lines.push(`${setting}${comment}`);
  }
  return `${lines.join("\n")}\n`;
}
