/**
 * Which room may import which; docs/design.md has the picture. Every rule says what a folder MAY import: what is not
 * named is refused. Types count like values.
 */

/**
 * A folder may import itself and the paths given; packages and builtins are other rules' business.
 * @param {string} name
 * @param {string} from
 * @param {string[]} may
 * @returns {import("dependency-cruiser").IForbiddenRuleType}
 */
function room(name, from, may) {
  const allowed = [from, ...may];
  return {
    name: `${name}-imports-only-its-own`,
    severity: "error",
    from: { path: from },
    to: { path: OURS, pathNot: allowed },
  };
}

/** Everything that is not a package or a builtin. */
const OURS = "^(relay|auth|cluster|bench|test|web|scripts|bin|configs|package\\.json)";

const CLOCK = "^relay/clock\\.ts$";
const TRANSPORT_CONTRACT = "^relay/transport/contract\\.ts$";
const SESSION_CONTRACT = "^relay/session/contract\\.ts$";
const MODEL = "^relay/model/";
/** Free of I/O: a clock and a transport are arguments. */
const PURE = "^relay/(model|wire|session)/|^relay/clock\\.ts$|^cluster/";

/** @type {import("dependency-cruiser").IConfiguration & { options: import("dependency-cruiser").ICruiseOptions }} */
export default {
  forbidden: [
    {
      name: "no-cycles",
      severity: "error",
      from: {},
      to: { circular: true, viaOnly: { dependencyTypesNot: ["type-only"] } },
    },
    { name: "nothing-missing", severity: "error", from: {}, to: { couldNotResolve: true } },
    room("model", MODEL, [CLOCK]),
    room("wire", "^relay/wire/", []),
    room("session", "^relay/session/", [MODEL, "^relay/wire/", TRANSPORT_CONTRACT, CLOCK]),
    room("transport", "^relay/transport/", [CLOCK]),
    room("http", "^relay/http/", ["^relay/model/counters\\.ts$", "^relay/log\\.ts$"]),
    room("config", "^relay/config", ["^relay/log\\.ts$", "^cluster/contract\\.ts$"]),
    room("cli", "^relay/cli/", [
      "^relay/(main|client|config|log|redact|version)\\.ts$",
      "^relay/config/",
      "^relay/model/reason\\.ts$",
      "^auth/index\\.ts$",
      TRANSPORT_CONTRACT,
    ]),
    room("auth", "^auth/", []),
    room("cluster", "^cluster/", [MODEL, SESSION_CONTRACT, CLOCK]),
    {
      name: "pure-has-no-builtins",
      comment: "relay/model, relay/wire, relay/session and cluster get their clock and their transport as arguments.",
      severity: "error",
      from: { path: PURE },
      to: { dependencyTypes: ["core"] },
    },
    {
      name: "pure-has-no-packages",
      severity: "error",
      from: { path: PURE },
      to: { dependencyTypes: ["npm", "npm-dev", "npm-optional", "npm-peer", "npm-no-pkg", "npm-unknown"] },
    },
    {
      name: "engines-are-known-to-transport-only",
      comment: "Whoever assembles a relay or a client may name an engine's entry; nobody else may.",
      severity: "error",
      from: { path: "^(relay|auth|cluster)/", pathNot: ["^relay/transport/", "^relay/(main\\.ts$|assemble/|client)"] },
      to: { path: ["^relay/transport/(?!tls/)[^/]+/", "node_modules/(rwebtransport|@fails-components)/"] },
    },
    {
      name: "engines-have-one-door",
      severity: "error",
      from: { path: "^relay/(main\\.ts$|assemble/|client)" },
      to: { path: "^relay/transport/(?!tls/)[^/]+/(?!index\\.ts$)" },
    },
    {
      name: "program-without-dev-dependencies",
      severity: "error",
      from: { path: "^(relay|auth|cluster)/" },
      to: { dependencyTypes: ["npm-dev"], dependencyTypesNot: ["type-only"], pathNot: "node_modules/@types/" },
    },
    {
      name: "nobody-imports-the-program",
      comment: "relay/main.ts and relay/cli are the end of all arrows.",
      severity: "error",
      from: { path: "^(relay|auth|cluster)/", pathNot: "^relay/(cli/|main\\.ts$)" },
      to: { path: "^relay/(cli/|main\\.ts$)" },
    },
  ],
  options: {
    tsPreCompilationDeps: true,
    tsConfig: { fileName: "tsconfig.json" },
    doNotFollow: { path: "node_modules" },
    enhancedResolveOptions: {
      exportsFields: ["exports"],
      conditionNames: ["import", "node", "default", "types"],
      extensions: [".ts", ".js", ".d.ts"],
    },
  },
};
