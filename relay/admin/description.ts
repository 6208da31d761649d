import { Audit, openApiDocument } from "../http/index.ts";
import { type AdminParts, operations } from "./operations.ts";

/** Stands for every part of a relay: operations are described without one, and cannot run. */
const NOTHING: object = new Proxy({}, { get: () => NOTHING });

/** The OpenAPI document of the admin API, made without a relay. */
export function apiDescription(version: string): ReturnType<typeof openApiDocument> {
  const parts = NOTHING as AdminParts;
  return openApiDocument(operations(parts, new Audit({ wallNow: () => 0, log: () => {} })), version);
}
