/** Requests to programs of the operator that say what happens at this relay. docs/webhooks.md describes them. */
export { WEBHOOK_EVENTS } from "./events.ts";
export { type EventSink, SessionEvents } from "./session-events.ts";
export { MIN_WEBHOOK_SECRET } from "./signature.ts";
export { WEBHOOK_METRICS, Webhooks } from "./webhooks.ts";
