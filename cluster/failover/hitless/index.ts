export { Hitless } from "./hitless.ts";
export { HITLESS_METRICS, PROTECTION_TEXTS, PROTECTIONS, type ProtectionCode } from "./metrics.ts";
export { HitlessTrack, type HitlessTrackDeps } from "./track.ts";
