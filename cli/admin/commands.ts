import { ACTING_COMMANDS } from "./act.ts";
import { KEY_COMMANDS } from "./keys.ts";
import { POLICY_COMMANDS } from "./policies.ts";
import { MEDIA_COMMANDS } from "./see-media.ts";
import { RELAY_COMMANDS } from "./see-relay.ts";
import type { CommandSpec } from "./spec.ts";

const all = [...RELAY_COMMANDS, ...MEDIA_COMMANDS, ...KEY_COMMANDS, ...POLICY_COMMANDS, ...ACTING_COMMANDS];

/**
 * Every command of `moqmesh admin`, in the order of the help text: those with one first word stand together. An operation that is added to
 * the API gets one entry.
 */
export const COMMAND_SPECS: readonly CommandSpec[] = [
  ...Map.groupBy(all, ({ name }) => name.split(" ", 1)[0]).values(),
].flat();
