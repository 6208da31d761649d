import * as z from "zod";
import { describeRelay, type Operation, operation, type RelayView, RIGHTS, relayDescription } from "../http/index.ts";

/** The relay as a whole. */
export function statusOperations(view: RelayView): Operation[] {
  return [
    operation(
      {
        method: "get",
        path: "/status",
        right: "read",
        tag: "status",
        id: "getStatus",
        summary: "State, version, engine, certificate and totals of the relay.",
        query: z.strictObject({}),
        answer: relayDescription,
      },
      () => describeRelay(view),
    ),
    operation(
      {
        method: "get",
        path: "/whoami",
        right: "read",
        tag: "status",
        id: "whoAmI",
        summary: "The right of the credential that the request shows.",
        answer: z.object({ name: z.string(), right: z.enum(RIGHTS) }),
      },
      ({ actor: { name, right } }) => ({ name, right }),
    ),
  ];
}
