/** Commands that show sessions, and what flows through them. */
import { at, listAt } from "./api.ts";
import { bestRoute, countsText, routeState } from "./cells.ts";
import type { CommandSpec } from "./spec.ts";

export const MEDIA_COMMANDS: readonly CommandSpec[] = [
  {
    operation: "listSessions",
    name: "sessions",
    view: {
      tables: [
        {
          columns: [
            "id",
            "role",
            "address",
            "path",
            { field: "rate_in", title: "IN" },
            { field: "rate_out", title: "OUT" },
            "age_seconds",
          ],
          extra: [
            "rtt_ms",
            "queued_bytes",
            "packets_lost",
            { field: "subscriptions", title: "SUBS" },
            "broadcasts",
            "protocol",
            "tenant",
            "subject",
            "bytes_in",
            "bytes_out",
            "groups_in",
            "groups_out",
            "expires_at",
            "engine",
            "send_rate",
            "token_id",
            "key_id",
          ],
          empty: "no session fits",
        },
      ],
    },
    examples: ["sessions --sort rate_out --watch", "sessions --role viewer --tenant acme --json"],
  },
  { operation: "getSession", name: "sessions show", positionals: ["id"] },
  {
    operation: "listBroadcasts",
    name: "broadcasts",
    positionals: ["prefix"],
    view: {
      tables: [
        {
          columns: [
            "path",
            { field: "session", of: (row) => at(bestRoute(row), "session") ?? "mesh", title: "FROM" },
            { field: "tracks" },
            { field: "routes", of: (row) => listAt(row, "routes").length },
            { field: "hops", of: (row) => at(bestRoute(row), "hops") },
            { field: "cost", of: (row) => at(bestRoute(row), "cost") },
            { field: "state", of: (row) => routeState(bestRoute(row)) },
          ],
          extra: [{ field: "epoch", of: (row) => at(bestRoute(row), "epoch") }],
          empty: "no broadcast has a route here",
        },
      ],
    },
    examples: ["broadcasts live"],
  },
  {
    operation: "listTracks",
    name: "tracks",
    positionals: ["prefix"],
    view: {
      tables: [
        {
          columns: [
            "broadcast",
            "track",
            "viewers",
            { field: "cached_groups", title: "GROUPS" },
            { field: "cached_bytes", title: "CACHED" },
            { field: "newest_group", title: "NEWEST", unit: "number" },
            { field: "newest_group_age_ms", title: "AGE" },
          ],
          extra: [
            { field: "hit_ratio", title: "HITS" },
            "subscribed",
            "kept",
            { field: "oldest_group", title: "OLDEST", unit: "number" },
            "cache_hits",
            "cache_misses",
          ],
          empty: "no track is in use or in the cache",
        },
      ],
    },
  },
  {
    operation: "getTrackDiagnostics",
    name: "tracks show",
    positionals: ["broadcast", "track"],
    view: {
      facts: [
        "broadcast",
        "track",
        "viewers",
        "subscribed",
        "kept",
        ["Cache", (read) => `${read.many("cached_groups", "group")}, ${read.text("cached_bytes")}`],
        [
          "Groups",
          (read) =>
            read.value("newest_group") === undefined
              ? undefined
              : `${read.text("oldest_group", "number")} to ${read.text("newest_group", "number")}; the newest began ${read.text("newest_group_age_ms")} ago`,
        ],
        [
          "Hits",
          (read) =>
            `${read.text("hit_ratio")}: ${read.many("cache_hits", "hit")}, ${read.text("cache_misses")} not in the cache`,
        ],
        [
          "Hitless",
          (read) =>
            read.value("hitless") === undefined
              ? undefined
              : `${read.text("hitless.state")}: ${read.text("hitless.message")}${read.value("hitless.second") === undefined ? "" : ` (second relay: ${read.text("hitless.second")})`}`,
        ],
      ],
      tables: [
        {
          rows: "upstream",
          title: "From the publisher to this relay",
          columns: ["hop", "node", "session", "rtt_ms", "delay_ms"],
        },
        {
          rows: "viewer_list",
          title: "Viewers",
          columns: ["session", "address", "lag_ms", "queued_bytes", "groups_under_way", "lost_groups"],
          empty: "none",
        },
      ],
    },
    examples: ["tracks show live/room1 video --watch"],
  },
  {
    operation: "listSlow",
    name: "slow",
    view: {
      tables: [
        {
          columns: [
            { field: "last_at", title: "LAST" },
            "session",
            "address",
            "broadcast",
            "track",
            { field: "lost_groups", title: "LOST" },
            { field: "reasons", of: (row) => countsText(at(row, "reasons")) },
          ],
          extra: [
            { field: "first_at", title: "FIRST" },
            { field: "id", title: "ENTRY" },
          ],
          empty: "no viewer has lost groups",
        },
      ],
    },
  },
  {
    operation: "listRefusals",
    name: "refusals",
    view: {
      tables: [
        {
          columns: [{ field: "last_at", title: "LAST" }, "count", "code", "address", "path"],
          extra: ["session", "engine", "status", { field: "first_at", title: "FIRST" }, "message"],
          empty: "no client was refused",
        },
      ],
    },
  },
  {
    operation: "listPrefixes",
    name: "prefixes",
    positionals: ["prefix"],
    view: {
      tables: [
        {
          columns: [
            "prefix",
            "broadcasts",
            "viewers",
            "tracks",
            { field: "bytes_in", rate: true },
            { field: "bytes_out", rate: true },
          ],
          empty: "no broadcast has a route here",
        },
      ],
    },
    examples: ["prefixes --depth 2", "prefixes live --watch 5"],
  },
];
