import { choices, duration, integer, texts } from "./fields.ts";
import { programRule } from "./program-rule.ts";
import { section } from "./section.ts";

export const healthSection = section(
  "health",
  "What the relay checks about itself in the background. docs/operations.md says what each reason means and what to do.",
  {
    require: choices(["key_url", "auth_api", "registry"], {
      description:
        "Services without which the relay is not ready; for the others it only warns. `auth_api`: without it every session is refused. `key_url`: the last good keys stay in use for `[auth] key_url_keep`; after that the relay is not ready in any case. `registry`: a root goes on with what it knows.",
      default: ["auth_api"],
      live: true,
    }),
    probe_interval: duration({
      description:
        "Time between two sessions that the relay opens with its own UDP port and its own TCP port, to see that clients can. `0s`: it opens none.",
      default: "10s",
      min: "0s",
      max: "10m",
    }),
    probe_timeout: duration({
      description: "Longest time that such a session may take.",
      default: "3s",
      min: "100ms",
      max: "1m",
      live: true,
    }),
    failures: integer({
      description:
        "Probes that fail in a row until the relay is not ready. After the first one they follow each other within a second.",
      default: 3,
      min: 1,
      max: 100,
      live: true,
    }),
    successes: integer({
      description: "Probes that succeed in a row until the relay is ready again.",
      default: 2,
      min: 1,
      max: 100,
      live: true,
    }),
    event_loop: duration({
      description:
        "The relay is not ready (`event_loop_blocked`) when its event loop was blocked for this long, until 3 s have passed without that.",
      default: "1s",
      min: "50ms",
      max: "1m",
      live: true,
    }),
    stuck: duration({
      description:
        "Time after which a thread of the engine that does not answer counts as lost: `/health/live` is false then, because only a restart helps.",
      default: "30s",
      min: "10s",
      max: "1h",
    }),
    memory: integer({
      description:
        "Percent of the memory that the process may use (the limit of its cgroup, or the machine's memory) from which on the relay is not ready (`memory_high`).",
      default: 95,
      min: 10,
      max: 100,
      live: true,
    }),
    on_change: texts({
      description:
        'Command that the relay runs whenever it becomes ready or not ready, also at its start and its end, such as `["/usr/local/lib/moqmesh/anycast-bird.sh", "moqmesh"]`: the path of a program and its arguments, without a shell. It gets `MOQMESH_STATE` (`ready` or `not_ready`), `MOQMESH_REASONS` and `MOQMESH_NODE` in its environment. One run at a time; a run that fails is repeated while the state is the same.',
      default: [],
    }),
    on_change_timeout: duration({
      description: "Time after which a run of that command is killed.",
      default: "10s",
      min: "1s",
      max: "5m",
    }),
  },
  [
    programRule("on_change"),
    {
      keys: ["event_loop", "stuck"],
      broken: ({ event_loop, stuck }) =>
        event_loop < stuck
          ? undefined
          : "`event_loop` must be shorter than `stuck`: the relay is not ready before it is no longer live",
    },
  ],
);
