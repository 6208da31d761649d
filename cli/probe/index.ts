export { probeCommand } from "./command.ts";
