import * as z from "zod";
import type { Broadcasts } from "../../moq/model/index.ts";
import { fromText, type Operation, operation, page, pageOf, pageShape, pathField } from "../http/index.ts";

const row = z.object({
  prefix: z.string(),
  broadcasts: z.int(),
  viewers: z.int().describe("Subscriptions of viewers now."),
  tracks: z.int().describe("Tracks in use or kept."),
  bytes_in: z.int().describe("Payload received since each broadcast is known here, counted when a group ends."),
  bytes_out: z.int().describe("Payload sent to viewers, counted likewise."),
});

/** Sums over the broadcasts of this relay by the first segments of their paths; the first segment is the tenant of most. */
export function prefixOperations({ broadcasts }: { readonly broadcasts: Broadcasts }): Operation[] {
  return [
    operation(
      {
        method: "get",
        path: "/prefixes",
        right: "read",
        tag: "broadcasts",
        id: "listPrefixes",
        summary: "Broadcasts, viewers and bytes by prefix, the prefixes with most bytes sent first.",
        query: z.strictObject({
          depth: fromText(z.int().min(1).max(16).default(1)).describe("Segments of a prefix."),
          prefix: pathField.default("").describe("Only broadcasts at or under it."),
          ...pageShape,
        }),
        answer: pageOf(row),
      },
      ({ query: { depth, prefix, ...asked } }) => {
        const rows = new Map<string, z.output<typeof row>>();
        for (const { path, usage, tracks } of broadcasts.list(prefix)) {
          const key = path.split("/", depth).join("/");
          const sums = rows.get(key) ?? {
            prefix: key,
            broadcasts: 0,
            viewers: 0,
            tracks: 0,
            bytes_in: 0,
            bytes_out: 0,
          };
          sums.broadcasts += 1;
          sums.viewers += usage.viewers;
          sums.tracks += tracks;
          sums.bytes_in += usage.receivedBytes;
          sums.bytes_out += usage.sentBytes;
          rows.set(key, sums);
        }
        return page(
          [...rows.values()].toSorted((a, b) => b.bytes_out - a.bytes_out || b.viewers - a.viewers),
          asked,
        );
      },
    ),
  ];
}
