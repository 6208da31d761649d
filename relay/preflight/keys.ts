/** Keys that verify tokens, and revocations. */
import type { FileAdvice } from "../../auth/index.ts";
import { systemClock } from "../../transport/shared/index.ts";
import type { Config, ProblemCode } from "../config/index.ts";
import { AuthGate, ClusterPlane } from "../host/index.ts";
import type { FindingList } from "./findings.ts";

/** Opens each file as the relay's gate does, separately, so that one problem hides no other. Sources on the network are not opened. */
export async function inspectKeys(found: FindingList, config: Config, wallNow: () => number): Promise<void> {
  const { key, keyFile, keyDir, revocations } = config.auth;
  const none = {
    key: undefined,
    keyFile: undefined,
    keyDir: undefined,
    keyUrl: undefined,
    api: undefined,
    revocations: undefined,
  };
  const open = async (
    name: string,
    settings: Partial<Config["auth"]>,
    given: string | undefined,
    code: ProblemCode,
  ) => {
    if (given === undefined) return;
    const gate = new AuthGate({
      config: { ...config, auth: { ...config.auth, ...settings } },
      cluster: new ClusterPlane(config.cluster),
      clock: systemClock,
      wallNow,
      warn: (message, _error, advice: FileAdvice = "key_not_used") => found.warnLogged(advice, name, message),
      changed: () => {},
    });
    await found.load(() => gate.open(), code, [[name, given]]);
    gate.close();
  };
  await open("auth.key", { ...none, key }, key, "keys_invalid");
  await open("auth.key_file", { ...none, keyFile }, keyFile, "keys_invalid");
  await open("auth.key_dir", { ...none, keyDir }, keyDir, "keys_invalid");
  await open("auth.revocations", { ...none, revocations }, revocations, "revocations_invalid");
}
