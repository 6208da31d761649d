/** Prometheus and Alertmanager beside a mesh, with the rules of `deploy/alerts`. */
export { monitor, notificationText } from "./beside.ts";
export { divided, fasterExpression, fasterRules } from "./faster.ts";
export { Monitoring } from "./monitoring.ts";
export type { Alert } from "./receiver.ts";
