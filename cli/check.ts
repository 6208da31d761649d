import {
  ConfigError,
  describeConfig,
  formatOrigin,
  formatProblem,
  inlineSecrets,
  keysWithContent,
  type LoadedConfig,
  PROBLEM_MEANINGS,
  type Problem,
  type ProblemCode,
  productionProblems,
} from "../relay/config/index.ts";
import type { Command, Invocation } from "./command.ts";
import { loadConfigured } from "./configured.ts";
import { EXIT, type ExitCode } from "./exit-codes.ts";
import { type Io, styles } from "./io.ts";

/** Warnings that `--production` refuses: strangers do not trust such a certificate. */
const NOT_FOR_PRODUCTION: ReadonlySet<ProblemCode> = new Set([
  "certificate_self_signed",
  "certificate_chain_incomplete",
  "certificate_chain_expired",
  "certificate_untrusted",
  "certificate_purpose",
  "certificate_name_mismatch",
]);

export const checkCommand: Command = {
  name: "check",
  summary: "Check a configuration and show what would run.",
  description: [
    "Prints every value of the merged configuration and its origin, or every problem with its file and line, its key and a code. It reads the same environment and flags as serve and opens everything that the configuration names, as serve does: certificates, keys, tokens, folders, ports. Nothing is changed, and nothing is sent to other machines without --network.",
    "Warnings are on standard error. They are about what works and should not be used, and about settings that contradict each other. The exit code is 3 for a configuration with problems, else 0.",
  ],
  positionals: [{ name: "FILE", required: false, description: "Configuration file; without it, the defaults." }],
  options: [
    { name: "json", description: "Print one JSON object." },
    {
      name: "production",
      description:
        "Also refuse what a relay in production must not have: public access to everything, no keys, a self-signed certificate or one that clients do not trust, plaintext, tools of developers.",
    },
    { name: "strict", description: "Warnings are problems." },
    {
      name: "running",
      description: "The relay of this configuration runs, so its ports are in use: do not test them.",
    },
    {
      name: "network",
      description:
        "Also resolve the names in the configuration, and connect to key servers, auth API, webhooks and Redis.",
    },
    {
      name: "ca",
      value: "FILE",
      description: "Authorities, PEM, that clients of this relay trust besides the public ones and `[cluster] ca`.",
    },
  ],
  takesConfig: true,
  codes: PROBLEM_MEANINGS,
  examples: [
    "check configs/dev.toml",
    "check relay.toml --production",
    "check relay.toml --running --network",
    "check relay.toml --json",
    "check relay.toml --server.port 443",
  ],
  run,
};

async function run(invocation: Invocation, io: Io): Promise<ExitCode> {
  const { switches, values } = invocation;
  const json = switches.has("json");
  let warnings: readonly Problem[] = [];
  try {
    const loaded = loadConfigured(invocation, io);
    const { inspect } = await import("../relay/main.ts");
    const asked = { running: switches.has("running"), network: switches.has("network"), authorities: values.get("ca") };
    const found = await inspect(loaded, asked);
    const refused = (warning: Problem) =>
      switches.has("strict") || (switches.has("production") && NOT_FOR_PRODUCTION.has(warning.code));
    const [production, inline] = switches.has("production")
      ? [productionProblems(loaded), inlineSecrets(loaded)]
      : [[], []];
    const all = [...found.warnings, ...inline];
    const problems = [...found.problems, ...production, ...all.filter(refused)];
    warnings = all.filter((warning) => !refused(warning));
    for (const warning of json ? [] : warnings) io.err.write(`moqmesh: warning: ${formatProblem(warning)}\n`);
    if (problems.length > 0) throw new ConfigError(problems);
    io.out.write(json ? asJson(loaded, warnings) : asText(loaded, io));
    return EXIT.ok;
  } catch (error) {
    if (!json || !(error instanceof ConfigError)) throw error;
    const report = { ok: false, problems: error.problems.map(shown), warnings: warnings.map(shown) };
    io.out.write(`${JSON.stringify(report, null, 2)}\n`);
    return EXIT.config;
  }
}

function asJson(loaded: LoadedConfig, warnings: readonly Problem[]): string {
  const values = describeConfig(loaded).map(({ key, value, origin }) => ({ key, value: value ?? null, origin }));
  return `${JSON.stringify({ ok: true, warnings: warnings.map(shown), values }, null, 2)}\n`;
}

function shown(problem: Problem) {
  const { code, key, message, hint, origin } = problem;
  return { code, key, message, hint, origin, text: formatProblem(problem) };
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
