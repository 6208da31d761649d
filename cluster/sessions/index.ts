/** Sessions between relays: how one is dialled, admitted, renewed and served. */

export { meshLimits } from "./limits.ts";
export {
  MeshRefusal,
  meshSessionPolicy,
  type SessionPolicy,
  type Visitor,
} from "./policy.ts";
export {
  type MeshDial,
  type MeshSessionEvents,
  MeshSessions,
  type MeshSessionsDeps,
  peerSessionOf,
} from "./sessions.ts";
export { whyUnreachable } from "./unreachable.ts";
