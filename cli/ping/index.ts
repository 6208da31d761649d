export { pingCommand } from "./command.ts";
