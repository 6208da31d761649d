/** Commands that show the relay itself and its mesh. */
import { at, listAt } from "./api.ts";
import { agoText, countsText, LEVELS, listText, nodeState, originText, secondsToIso } from "./cells.ts";
import type { CommandSpec } from "./spec.ts";
import type { Column } from "./view.ts";

const REASON_COLUMNS: readonly Column[] = ["code", "since", "message"];

export const RELAY_COMMANDS: readonly CommandSpec[] = [
  {
    operation: "getStatus",
    name: "status",
    view: {
      facts: [
        ["State", (read) => [read.text("status"), ...listAt(read.value("reasons"), "")].join(": ")],
        ["Version", (read) => `${read.text("version")}, engine ${read.text("engine")}`],
        ["Uptime", (read) => read.text("uptime_seconds")],
        ["Sessions", (read) => `${read.text("sessions.active")} now, ${read.text("sessions.opened")} since the start`],
        "broadcasts",
        "tracks",
        "subscriptions",
        ["In", (read) => `${read.total("traffic.bytes_in")}, ${read.many("traffic.groups_in", "group")}`],
        ["Out", (read) => `${read.total("traffic.bytes_out")}, ${read.many("traffic.groups_out", "group")}`],
        ["Dropped", (read) => `${read.many("traffic.groups_dropped", "group")}`],
        [
          "Cache",
          (read) =>
            `${read.text("cache.bytes")} of ${read.text("cache.budget", "bytes")}, ${read.many("cache.groups", "group")}`,
        ],
        ["Memory", (read) => read.text("memory_bytes")],
        ["Bounds hit", (read) => countsText(read.value("bounds_hit"))],
        [
          "Certificate",
          (read) =>
            read.value("certificate") === undefined
              ? undefined
              : `${read.value("certificate.self_signed") === true ? "self-signed, " : ""}ends ${read.text("certificate.not_after")}`,
        ],
        "certificate.fingerprint",
      ],
      tables: [
        {
          rows: "sessions.by",
          title: "Sessions",
          columns: ["engine", "protocol", { field: "count", title: "SESSIONS" }],
        },
      ],
    },
  },
  { operation: "whoAmI", name: "whoami" },
  {
    operation: "getHealth",
    name: "health",
    view: {
      facts: ["ready", "live"],
      tables: [
        { rows: "reasons", title: "Not ready because of", columns: REASON_COLUMNS },
        { rows: "warnings", title: "Warnings", columns: REASON_COLUMNS },
        {
          rows: "checks",
          title: "Checks",
          columns: [
            "code",
            "state",
            { field: "severity", title: "WHEN FAILING" },
            { field: "age_seconds", title: "CHECKED", of: (row) => agoText(at(row, "age_seconds")) },
            "since",
            "message",
          ],
        },
      ],
    },
  },
  {
    operation: "listWorkers",
    name: "workers",
    view: {
      tables: [
        {
          rows: "workers",
          columns: [
            { field: "worker", unit: "number" },
            "alive",
            "links",
            "queued",
            "busy_share",
            "silent_ms",
            "busy_seconds",
          ],
          empty: "this engine does not show its threads",
        },
      ],
    },
  },
  {
    operation: "getCluster",
    name: "cluster",
    positionals: ["prefix"],
    view: {
      facts: [
        ["Relay", (read) => `${read.text("node")}: ${read.text("role")} in ${read.text("region")}`],
        ["Roots", (read) => `${read.text("roots.connected")} of ${read.text("roots.configured")} connected`],
        "known_nodes",
        [
          "Broadcasts",
          (read) =>
            `${read.text("remote_broadcasts")} from other relays, ${read.text("registered_broadcasts")} registered`,
        ],
        ["Upstreams", (read) => listText(listAt(read.value("upstreams"), "").map((one) => at(one, "node")))],
        [
          "Without a root",
          (read) =>
            !(Number(read.value("tiers.relays")) > 0)
              ? undefined
              : `asks ${read.many("tiers.relays", "relay")} for ${read.many("tiers.asks", "scope")}`,
        ],
        [
          "Failovers",
          (read) =>
            `${read.text("failovers")}, ${read.many("groups_resumed", "group")} resumed, ${read.text("groups_lost")} lost`,
        ],
        ["Namesakes", (read) => (Number(read.value("namesakes")) > 0 ? read.text("namesakes") : undefined)],
        [
          "Registry",
          (read) =>
            read.value("registry") === undefined
              ? undefined
              : `${read.many("registry.nodes", "relay")}, ${read.many("registry.broadcasts", "broadcast")}, in ${read.text("registry.backend")}${read.value("registry.up") === false ? ", which is down" : ""}`,
        ],
      ],
      tables: [
        {
          rows: "nodes",
          columns: ["node", "role", "region", { field: "state", of: nodeState }, "sessions", "subscriptions", "url"],
        },
        {
          rows: "broadcasts",
          columns: [
            { field: "path", title: "BROADCAST" },
            { field: "holders", title: "HELD BY" },
          ],
          empty: "no broadcasts",
        },
      ],
    },
  },
  {
    operation: "getConfig",
    name: "config",
    positionals: ["section"],
    view: {
      tables: [
        {
          rows: "values",
          columns: [
            "key",
            { field: "text", title: "VALUE" },
            { field: "origin", of: (row) => originText(at(row, "origin")) },
            "applies",
            "pending",
          ],
          empty: "there is no such section",
        },
      ],
    },
    examples: ["config limits"],
  },
  {
    operation: "listRevocations",
    name: "revocations",
    view: {
      tables: [
        {
          columns: [
            { field: "by", of: (row) => ["jti", "kid", "sub"].find((name) => at(row, name) !== undefined) },
            { field: "name", of: (row) => at(row, "jti") ?? at(row, "kid") ?? at(row, "sub") },
            { field: "until", of: (row) => secondsToIso(at(row, "until")), unit: "when" },
            { field: "from", title: "MADE AT" },
          ],
          empty: "nothing is revoked",
        },
      ],
    },
  },
  {
    operation: "listAudit",
    name: "audit",
    view: {
      tables: [
        {
          columns: [
            { field: "at", title: "UTC", unit: "date" },
            "actor",
            "action",
            "target",
            "about",
            { field: "status", unit: "number" },
            "code",
          ],
          extra: ["address"],
          empty: "no operator has acted since the start",
        },
      ],
    },
  },
  {
    operation: "getLogLevel",
    name: "log-level",
    view: LEVELS,
  },
];
