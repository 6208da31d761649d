import * as z from "zod";
import type { Broadcasts } from "../../moq/model/index.ts";
import { ApiProblem, DONE, doneSchema, type Operation, operation, pathField, reasonField } from "../http/index.ts";
import { LOG_LEVELS, LOG_MODULES, type LogLevels } from "../log/index.ts";
import type { HeapSnapshots } from "./heap-snapshots.ts";

/** What operators do to a relay as a whole. */
export interface RelayControl {
  readonly logLevels: LogLevels;
  /** Ends the relay in good order. */
  drain(reason: string): Promise<void>;
  /** Drains without ending: the relay takes no new sessions and asks its sessions to leave. False when it ends, or an operator has drained it already. */
  standDown(reason: string): boolean;
  /** Takes back every drain without end. False when the relay does not stand by. */
  resume(): boolean;
}

/** Drain and undrain. */
export function drainOperations(control: RelayControl): Operation[] {
  const described = { method: "post", right: "write", tag: "drain" } as const;
  return [
    operation(
      {
        ...described,
        path: "/drain",
        id: "drain",
        summary:
          "Take no new sessions and ask those that are open to leave; with `exit` the relay ends when they have left.",
        body: z.strictObject({
          exit: z.boolean().default(false).describe("End the relay as well."),
          reason: reasonField,
        }),
        answer: doneSchema,
      },
      ({ body: { exit, reason = "drained by an operator" } }) => {
        if (exit) void control.drain(reason);
        else if (!control.standDown(reason))
          throw new ApiProblem(409, "not_serving", "the relay drains already, or ends");
        return DONE;
      },
    ),
    operation(
      {
        ...described,
        path: "/undrain",
        id: "undrain",
        summary: "Serve again after a drain without `exit`.",
        answer: doneSchema,
      },
      () => {
        if (!control.resume())
          throw new ApiProblem(409, "not_drained", "the relay does not stand by: it serves, or it ends");
        return DONE;
      },
    ),
  ];
}

const levels = z.object({
  level: z.enum(LOG_LEVELS),
  modules: z.partialRecord(z.enum(LOG_MODULES), z.enum(LOG_LEVELS)).describe("Parts with a level of their own."),
});

/** The level of the log. */
export function logOperations({ logLevels }: RelayControl): Operation[] {
  const now = () => ({ level: logLevels.current.level, modules: { ...logLevels.current.modules } });
  return [
    operation(
      {
        method: "get",
        path: "/log-level",
        right: "read",
        tag: "log",
        id: "getLogLevel",
        summary: "The levels of the log.",
        answer: levels,
      },
      now,
    ),
    operation(
      {
        method: "put",
        path: "/log-level",
        right: "write",
        tag: "log",
        id: "setLogLevel",
        summary: "Set the level of the log or of one part of the relay, until the next reload or restart.",
        body: z.strictObject({
          level: z.enum(LOG_LEVELS).describe("Lines of this level and above are written."),
          module: z.enum(LOG_MODULES).optional().describe("Only for this part of the relay."),
        }),
        answer: levels,
      },
      ({ body: { level, module } }) => {
        logLevels.set(level, module);
        return now();
      },
    ),
  ];
}

/** The cache of groups. */
export function cacheOperations(broadcasts: Broadcasts): Operation[] {
  return [
    operation(
      {
        method: "post",
        path: "/cache/purge",
        right: "write",
        tag: "cache",
        id: "purgeCache",
        summary:
          'Evict the cached groups of a track, a broadcast, everything under a prefix (`""`: all). Running viewers notice nothing.',
        body: z.strictObject({
          prefix: pathField.describe("A broadcast, or a prefix by whole segments."),
          track: z.string().max(1_024).optional().describe("Only tracks of this name."),
        }),
        answer: z.object({ groups: z.int(), bytes: z.int() }).describe("What became free."),
      },
      ({ body: { prefix, track } }) => broadcasts.purge(prefix, track),
    ),
  ];
}

/** For those who search where memory goes. */
export function heapOperations(snapshots: HeapSnapshots): Operation[] {
  return [
    operation(
      {
        method: "post",
        path: "/heap-snapshot",
        right: "write",
        tag: "heap",
        id: "takeHeapSnapshot",
        summary:
          "Write a snapshot of the JavaScript heap into `[http] snapshot_dir`. The relay stands still meanwhile, about a second for 100 MB.",
        answer: z.object({ file: z.string(), bytes: z.int() }),
      },
      () => snapshots.take(),
    ),
  ];
}
