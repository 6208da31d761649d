import type { ChangedKey, Config, Origin, PolicyChanges, RawPolicy } from "../config/index.ts";

/** The outcome of a reload. When `failed` has an entry, nothing was applied. */
export interface ReloadReport {
  /** Values that the relay uses from now on. */
  readonly applied: readonly ChangedKey[];
  /** Values that differ from those in use and need a restart. */
  readonly restart: readonly ChangedKey[];
  /** Groups of files, such as `[tls]`, whose new content is in use from now on. */
  readonly files: readonly string[];
  /** What cannot be used, by the dotted path of the key; the path is empty for the configuration as a whole. */
  readonly failed: Readonly<Record<string, string>>;
  /** What was set or removed through the API and no file has: it stays in use until the relay ends, whatever a reload reads. */
  readonly unsaved: readonly Unsaved[];
}

export interface Unsaved {
  readonly kind: "key" | "policy";
  /** The `kid`, or the prefix. */
  readonly name: string;
  readonly change: "set" | "removed";
}

/** One value of a running relay. */
export interface RunningValue {
  readonly key: string;
  /** As the file would write it; credentials are hidden. */
  readonly text: string;
  /** As the program uses it: milliseconds, bytes. Null when it is not set and has no default. */
  readonly value: unknown;
  readonly origin: Origin;
  /** `live`: a reload applies a new value. `restart`: it needs a restart. */
  readonly applies: "live" | "restart";
  /** The value that a restart would use, where the last reload found another one. */
  readonly pending?: string;
}

/** The configuration that a relay uses, in the order of the reference page. */
export interface RunningConfig {
  readonly values: readonly RunningValue[];
}

/** Sees and changes the configuration of a running relay. */
export interface RunningSettings {
  /** With the live values of the last reload. */
  readonly config: Config;
  configuration(): RunningConfig;
  /** Loads configuration and files again and uses all live values, or none. Never rejects. */
  reload(): Promise<ReloadReport>;
  /** Sets live keys until the relay ends; null removes such a value. Never rejects. */
  set(changes: Readonly<Record<string, string | null>>): Promise<ReloadReport>;
  /** Policies that were set or removed and are not in their file. */
  readonly unsavedPolicies: PolicyChanges;
  /** Sets the policy of a normalised prefix, as the file writes it, until the relay ends or it is saved; null removes it. Never rejects. */
  setPolicy(prefix: string, policy: RawPolicy | null): Promise<ReloadReport>;
  /** Writes what was set into the file of policies, and returns its path. Rejects with `PoliciesNotSaved`; the file is as it was then. */
  savePolicies(): Promise<string>;
}
