import type { Clock } from "../../moq/clock.ts";
import type { Advertisement } from "../../moq/model/index.ts";
import type { Reason } from "../../moq/reason.ts";
import { type Holding, type NodeInfo, type Scope, type ScopeSink, SESSION_COST } from "../contract.ts";
import { parseControlPath, scopePrefix } from "../control-paths.ts";
import { LeasedAnswer } from "../leased-answer.ts";
import type { Namesakes } from "./namesakes.ts";
import { readMark } from "./prefix-mark.ts";

export interface ScopeAnswerDeps {
  readonly clock: Clock;
  /** Milliseconds that what a root announced stays known after it is gone, or after another root has answered. */
  readonly leaseMs: number;
  /** The root ended its answer for the scope of `prefix` before its session; the scope is asked for again after a lease. */
  readonly cut: (prefix: string, reason: Reason) => void;
  readonly namesakes: Namesakes;
}

/** What one announcement of a root says. */
export type RootStatement =
  | { readonly kind: "node"; readonly info: NodeInfo }
  | { readonly kind: "holding"; readonly holding: Holding }
  /** It is not for relays, or not understood. */
  | { readonly kind: "other" };

/** What the roots answer for one scope, put into `sink`. */
export function scopeAnswer(scope: Scope, sink: ScopeSink, deps: ScopeAnswerDeps): LeasedAnswer<RootStatement> {
  const { clock, leaseMs, namesakes } = deps;
  const prefix = scopePrefix(scope);
  const gone = (path: string, statement: RootStatement) => {
    if (statement.kind === "node") {
      namesakes.gone(path);
      // A changed relay is announced under another path first, so the end of the old path is not the relay's.
      const { node } = statement.info;
      const others = [...answer.values()].some((other) => other.kind === "node" && other.info.node === node);
      if (!others) sink.nodeGone(node);
    } else if (statement.kind === "holding") sink.holdingGone(statement.holding.path, statement.holding.node);
  };
  const answer = new LeasedAnswer<RootStatement>({
    clock,
    leaseMs,
    prefix,
    read,
    events: {
      announced: (path, statement) => {
        if (statement.kind === "node") {
          namesakes.announced(path, statement.info);
          sink.node(statement.info);
        } else if (statement.kind === "holding") sink.holding(statement.holding);
      },
      withdrawn: gone,
      expired: gone,
      complete: () => sink.complete(),
      cut: (reason) => deps.cut(prefix, reason),
    },
  });
  return answer;
}

function read(path: string, { epoch, hops, cost, ended }: Advertisement): RootStatement {
  const parsed = parseControlPath(path);
  if (parsed?.kind === "node") return { kind: "node", info: parsed.info };
  if (parsed?.kind !== "holding") return { kind: "other" };
  // The last hop is the root, which carries no media. Two sessions, the holder's and ours, have added to the cost.
  const holding = { path: parsed.path, node: parsed.node, epoch, ...readMark(hops.slice(0, -1)), ended };
  return { kind: "holding", holding: { ...holding, cost: Math.max(0, cost - 2 * SESSION_COST) } };
}
