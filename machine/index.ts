/** The machine that a relay runs on: its service manager, the notices of its cloud, and commands of its operator. */
export { CLOUD_METRICS, CloudNotices } from "./cloud-notices.ts";
export { HOOK_METRICS, Hooks } from "./hooks.ts";
export { CLOUDS, isMetadataUrl, METADATA_URL } from "./notices/index.ts";
export { openServiceSocket, ServiceState, serviceStatus } from "./service/index.ts";
