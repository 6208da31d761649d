import { adminCommand, clusterCommand } from "./admin/index.ts";
import { checkCommand } from "./check.ts";
import type { Command } from "./command.ts";
import { completionCommand } from "./completion/index.ts";
import { doctorCommand } from "./doctor.ts";
import { fetchCommand } from "./fetch.ts";
import { healthCommand } from "./health.ts";
import { lsCommand } from "./ls.ts";
import { pingCommand } from "./ping/index.ts";
import { planCommand } from "./plan/index.ts";
import { probeCommand } from "./probe/index.ts";
import { serveCommand } from "./serve.ts";
import { tokenCommand } from "./token.ts";

/** In the order of the help text. */
export const COMMANDS: readonly Command[] = [
  serveCommand,
  checkCommand,
  doctorCommand,
  healthCommand,
  pingCommand,
  probeCommand,
  lsCommand,
  fetchCommand,
  tokenCommand,
  planCommand,
  adminCommand,
  clusterCommand,
  completionCommand(() => COMMANDS),
];
