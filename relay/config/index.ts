export { ownSecretFile } from "./admin-secret.ts";
export { configuredBounds } from "./bounds.ts";
export { memoryLimit } from "./cache.ts";
export {
  type Config,
  ConfigError,
  type ConfigSources,
  type FileValues,
  filesToLoad,
  formatOrigin,
  formatProblem,
  type LoadedConfig,
  loadConfig,
  type Origin,
  type Problem,
  policiesFileOf,
  type RunTime,
  sections,
} from "./config.ts";
export { describeConfig } from "./describe.ts";
export { dialledNames, viewersUrl } from "./dialled-names.ts";
export { exposures, idleRole, productionProblems } from "./exposure.ts";
export type { FieldMeta } from "./fields.ts";
export { ADMIN_SECRET } from "./http.ts";
export { type AnySection, envName, fieldOf } from "./layers.ts";
export { type ChangedKey, changedKeys, liveKeys, withLiveLoaded } from "./live.ts";
export { serverIdBytes } from "./load-balancer.ts";
export { isLoopbackHost, isPlainElsewhere, listenAddress, onThisMachine } from "./loopback.ts";
export { nearest } from "./nearest.ts";
export {
  MAX_POLICIES,
  type PolicyChanges,
  policyPrefix,
  policySection,
  policyValues,
  type RawPolicy,
  rawPolicy,
} from "./policies.ts";
export { changedPolicies } from "./policy-file.ts";
export { isProblemCode, PROBLEM_MEANINGS, type ProblemCode } from "./problem-codes.ts";
export { publicPrefixes } from "./public-paths.ts";
export { RESET_KEY_TEXT } from "./quic.ts";
export { type RedisAddress, redisAddress } from "./registry.ts";
export { inlineSecrets, keysWithContent, type SecretPath, secretPaths } from "./secret-places.ts";
export { secretFileKeys } from "./secrets.ts";
export { PEM_PAIR, pemText } from "./tls.ts";
export {
  formatBytes,
  formatDuration,
  parseBytes,
  parseDuration,
  parseFraction,
  parseWhole,
  UnitError,
} from "./units.ts";
