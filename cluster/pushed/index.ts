export type { PushedLinks } from "./asked-relay.ts";
export { type AskedPlace, PushedElsewhere } from "./elsewhere.ts";
