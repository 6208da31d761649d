import * as z from "zod";
import { DROP_REASONS } from "../../moq/counters.ts";
import type { SessionHost, SlowLog } from "../host/index.ts";
import { type Operation, operation, page, pageOf, pageShape } from "../http/index.ts";

const when = z.iso.datetime();

const slow = z.object({
  id: z.int().describe("Rises with each entry."),
  session: z.string(),
  address: z.string(),
  broadcast: z.string(),
  track: z.string(),
  lost_groups: z.int().describe("Since `first_at`."),
  reasons: z.partialRecord(z.enum(DROP_REASONS), z.int()).describe("Lost groups by reason."),
  first_at: when,
  last_at: when,
});

const refusal = z.object({
  code: z.string(),
  status: z.int(),
  address: z.string(),
  count: z.int().describe("Refusals of this address with this code, since `first_at`."),
  first_at: when,
  last_at: when,
  session: z.string().describe("Id that the last one has in the log."),
  path: z.string().describe("Of the last one."),
  engine: z.string(),
  message: z.string(),
});

/** What went wrong lately for viewers and clients. */
export function slowOperations(parts: {
  readonly slow: SlowLog;
  readonly host: Pick<SessionHost, "refusals">;
}): Operation[] {
  const { slow: log, host } = parts;
  return [
    operation(
      {
        method: "get",
        path: "/slow",
        right: "read",
        tag: "slow",
        id: "listSlow",
        summary:
          "Viewers that lost groups lately, the newest first; `[log] slow_groups` and `slow_length` bound the list.",
        query: z.strictObject(pageShape),
        answer: pageOf(slow).extend({
          threshold: z.int().describe("Groups that a viewer must lose within 10 s to be listed."),
          length: z.int().describe("Most entries that are kept."),
        }),
      },
      ({ query }) => ({ ...page(log.entries.map(slowRow), query), threshold: log.threshold, length: log.length }),
    ),
    operation(
      {
        method: "delete",
        path: "/slow",
        right: "write",
        tag: "slow",
        id: "resetSlow",
        summary: "Empty the list of slow viewers.",
        query: z.strictObject({}),
        answer: z.object({ removed: z.int() }),
      },
      () => ({ removed: log.reset() }),
    ),
    operation(
      {
        method: "get",
        path: "/refusals",
        right: "read",
        tag: "refusals",
        id: "listRefusals",
        summary: "Clients that were refused lately, one entry for each code and address, the newest first.",
        query: z.strictObject(pageShape),
        answer: pageOf(refusal),
      },
      ({ query }) =>
        page(
          host
            .refusals()
            .map(({ firstAt, lastAt, ...rest }) => ({ ...rest, first_at: at(firstAt), last_at: at(lastAt) })),
          query,
        ),
    ),
  ];
}

function slowRow({
  id,
  session,
  peer,
  broadcast,
  track,
  groups,
  reasons,
  firstAt,
  lastAt,
}: SlowLog["entries"][number]) {
  return {
    id,
    session,
    address: peer,
    broadcast,
    track,
    lost_groups: groups,
    reasons,
    first_at: at(firstAt),
    last_at: at(lastAt),
  };
}

function at(milliseconds: number): string {
  return new Date(milliseconds).toISOString();
}
