/**
 * Which room may import which; docs/design.md has the picture. Every rule says what a folder MAY import: what is not
 * named is refused. Types count like values, also in cycles.
 */

/** Everything that is not a package or a builtin. */
const OURS =
  "^(relay|embed|machine|auth|cluster|transport|moq|bench|lab|test|web|scripts|bin|configs|package\\.json|\\.dependency-cruiser)";

/** Contracts, which every floor above may name. They import nothing, but for the counters, whose metrics are declared. */
const LEAVES =
  "^moq/(link|engine-figures|transport-error|clock|lazy|path|printable|reason|counters|metrics|series)\\.ts$";
const METRICS = "^moq/metrics\\.ts$";
const CLOCK = "^moq/clock\\.ts$";
const LINK = "^moq/link\\.ts$";

/** Folders with one door, `index.ts`: what is outside imports the door alone. Tests may look inside. */
const DOORS = [
  "auth",
  "auth/keys",
  "auth/limits",
  "cluster",
  "cluster/control",
  "cluster/failover",
  "cluster/links",
  "cluster/pushed",
  "cluster/registry",
  "cluster/registry/redis",
  "cluster/rootless",
  "cluster/routes",
  "cluster/sessions",
  "lab/network",
  "lab/path",
  "lab/sim",
  "lab/soak",
  "machine",
  "moq/model",
  "moq/session",
  "moq/session/lite",
  "moq/wire/codec",
  "moq/wire/lite",
  "relay/admin",
  "cli/admin",
  "cli/completion",
  "relay/client",
  "relay/config",
  "relay/health",
  "relay/host",
  "relay/http",
  "relay/log",
  "relay/mesh",
  "relay/preflight",
  "transport/fails-components",
  "transport/native",
  "transport/proxied",
  "transport/qmux",
  "transport/rwebtransport",
  "transport/shared",
  "transport/tls",
];

/** Free of I/O: a clock and a transport are arguments. */
const PURE = "^(moq|cluster)/";

/** What tests of one room may use of another room's: what supports tests, and no test. */
const TEST_SUPPORT = "(^|/)(support|fixtures|qmux-sim|redis-server)(/|\\.ts$)";

/**
 * A folder may import itself and the paths given; packages and builtins are other rules' business.
 * @param {string} name
 * @param {string} from
 * @param {string[]} may
 * @returns {import("dependency-cruiser").IForbiddenRuleType}
 */
function room(name, from, may) {
  return {
    name: `${name}-imports-only-its-own`,
    severity: "error",
    from: { path: from },
    to: { path: OURS, pathNot: [from, ...may] },
  };
}

/**
 * @param {string} folder
 * @returns {import("dependency-cruiser").IForbiddenRuleType}
 */
function door(folder) {
  return {
    name: `${folder.replaceAll("/", "-")}-has-one-door`,
    severity: "error",
    from: { pathNot: [`^${folder}/`, "^test/"] },
    to: { path: `^${folder}/(?!index\\.ts$)` },
  };
}

/** @type {import("dependency-cruiser").IConfiguration & { options: import("dependency-cruiser").ICruiseOptions }} */
export default {
  forbidden: [
    {
      name: "no-cycles",
      comment: "Cycles of types count as well.",
      severity: "error",
      from: {},
      to: { circular: true },
    },
    { name: "nothing-missing", severity: "error", from: {}, to: { couldNotResolve: true } },
    ...DOORS.map(door),
    room("leaves", LEAVES, [METRICS]),
    room("model", "^moq/model/", [LEAVES]),
    room("wire-codec", "^moq/wire/codec/", [LEAVES]),
    room("wire-lite", "^moq/wire/lite/", [LEAVES, "^moq/wire/codec/"]),
    room("session-neutral", "^moq/session/(?!index\\.ts$)[^/]+\\.ts$", [LEAVES, "^moq/(model|wire/codec)/"]),
    room("session-lite", "^moq/session/lite/", [LEAVES, "^moq/(model|wire/(codec|lite))/", "^moq/session/[^/]+\\.ts$"]),
    room("session", "^moq/session/", [LEAVES, "^moq/(model|wire)/"]),
    room("transport-engine", "^transport/(?!shared/|tls/)[^/]+/", [LINK, CLOCK, "^transport/(shared|tls)/"]),
    room("transport", "^transport/", [LINK, CLOCK]),
    room("auth", "^auth/", []),
    room("cluster", "^cluster/", ["^moq/"]),
    room("machine", "^machine/", [LEAVES]),
    room("relay-config", "^relay/config/", [
      "^relay/(log|webhooks)/",
      "^machine/index\\.ts$",
      "^cluster/",
      "^moq/(model|session)/",
      LEAVES,
      "^transport/(engines|proxied/index)\\.ts$",
    ]),
    room("relay-http", "^relay/http/", [LEAVES, "^relay/(config|health|log)/", "^transport/shared/index\\.ts$"]),
    room("relay-health", "^relay/health/", ["^(transport|moq)/", "^relay/(client|config|log)/"]),
    room("relay-client", "^relay/client/", ["^(moq|transport)/", "^relay/(host|config|log)/"]),
    room("cli", "^cli/", [
      "^relay/(main|version)\\.ts$",
      "^relay/(client|config|log)/",
      "^relay/doctor/codes\\.ts$",
      LEAVES,
      "^auth/",
    ]),
    room("embed", "^embed/", [
      "^relay/main\\.ts$",
      "^relay/(client|config|host|http|log)/",
      "^moq/model/",
      "^transport/shared/",
      LEAVES,
    ]),
    room("relay", "^relay/", ["^(machine|cluster|transport|auth|moq)/", "^package\\.json$"]),
    room("web", "^web/", ["^moq/printable\\.ts$"]),
    room("bench", "^bench/", [
      "^(relay|cli|cluster|transport|auth|moq|lab)/",
      "^scripts/(flags|bundle/checkout)\\.ts$",
    ]),
    room("lab", "^lab/", ["^(relay|cli|cluster|transport|auth|moq|bench)/", "^scripts/(flags|build-web)\\.ts$"]),
    room("scripts", "^scripts/", [
      "^(relay|cli|cluster|transport|auth|moq|bench|lab)/",
      "^\\.dependency-cruiser",
      "^test/fuzz/",
    ]),
    {
      name: "tests-are-imported-by-tests-alone",
      severity: "error",
      from: { pathNot: "^(test/|scripts/fuzz\\.ts$)" },
      to: { path: "^test/" },
    },
    {
      name: "no-file-imports-a-test",
      severity: "error",
      from: {},
      to: { path: "\\.test\\.ts$" },
    },
    {
      name: "tests-share-their-support-alone",
      severity: "error",
      from: { path: "^test/([^/]+)/" },
      to: { path: "^test/", pathNot: ["^test/$1/", TEST_SUPPORT] },
    },
    {
      name: "the-page-is-for-browser-tests",
      comment: "web/ is compiled with the DOM library, every other room without.",
      severity: "error",
      from: { pathNot: "^(web|test/browser)/" },
      to: { path: "^web/" },
    },
    {
      name: "the-simulated-network-is-for-tests-and-lab",
      severity: "error",
      from: { pathNot: "^(test|lab|scripts)/" },
      to: { path: "^lab/(network|sim)/" },
    },
    {
      name: "pure-has-no-builtins",
      comment: "moq and cluster get their clock and their transport as arguments.",
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
      comment: "The rooms that assemble a relay or a client may name an engine's entry.",
      severity: "error",
      from: { path: "^(relay|cli|embed|auth|cluster|moq)/", pathNot: "^relay/(main\\.ts$|host/|mesh/|client/)" },
      to: { path: ["^transport/(?!tls/|shared/|proxied/)[^/]+/", "node_modules/(rwebtransport|@fails-components)/"] },
    },
    {
      name: "program-without-dev-dependencies",
      severity: "error",
      from: { path: "^(relay|cli|embed|machine|auth|cluster|moq|transport)/" },
      to: { dependencyTypes: ["npm-dev"], dependencyTypesNot: ["type-only"], pathNot: "node_modules/@types/" },
    },
    {
      name: "nothing-imports-the-program",
      comment: "relay/main.ts, cli/ and embed/ are the end of all arrows.",
      severity: "error",
      from: { path: "^(relay|machine|auth|cluster|moq|transport)/", pathNot: "^relay/main\\.ts$" },
      to: { path: "^(cli/|embed/|relay/main\\.ts$)" },
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
