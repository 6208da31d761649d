/** What operators see of a relay and do to it: the operations of the admin API, and its listener. */
export { ownSecretFile, readSecret } from "./authority.ts";
export { openAdmin } from "./open.ts";
