/** What operators see of a relay and do to it: the operations of the admin API, and its listener. */
export { readSecret } from "./authority.ts";
export { apiDescription } from "./description.ts";
export { type OpenedAdmin, openAdmin } from "./open.ts";
