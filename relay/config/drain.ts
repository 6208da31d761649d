import { duration, texts } from "./fields.ts";
import { programRule } from "./program-rule.ts";
import { section } from "./section.ts";

export const drainSection = section(
  "drain",
  "How the relay ends on SIGTERM or SIGINT, and how it drains for an operator or because its machine ends.",
  {
    delay: duration({
      description:
        "Time between the moment at which the relay is no longer ready and GOAWAY. It still accepts sessions meanwhile, until load balancers, routers and DNS lead clients elsewhere.",
      default: "0s",
      min: "0s",
      max: "10m",
      live: true,
    }),
    grace: duration({
      description: "How long sessions may stay after GOAWAY, which asks them to go elsewhere.",
      default: "10s",
      min: "0s",
      max: "1h",
      live: true,
    }),
    spread: duration({
      description:
        "Time over which the relay closes the sessions that are still open after `grace`. It keeps them from reconnecting all at once.",
      default: "1s",
      min: "0s",
      max: "10m",
      live: true,
    }),
    on_drained: texts({
      description:
        'Command that the relay runs when its sessions have left, such as `["/usr/local/lib/moqmesh/complete-lifecycle.sh"]`: the path of a program and its arguments, without a shell. It gets `MOQMESH_STATE` (`drained`), `MOQMESH_REASON` and `MOQMESH_NODE` in its environment. The relay ends after it.',
      default: [],
    }),
    on_drained_timeout: duration({
      description: "Time after which that command is killed.",
      default: "30s",
      min: "1s",
      max: "10m",
    }),
  },
  [programRule("on_drained")],
);
