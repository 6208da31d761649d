import { LazySet } from "../lazy.ts";
import type { RecvStream } from "../link.ts";
import type { SubgroupStart, SubgroupWriter } from "../model/index.ts";
import type { Reason } from "../reason.ts";
import type { SessionDeps, SessionTotals } from "./contract.ts";

/** A subscription of ours, as far as its groups are concerned. */
export interface Receiver {
  subgroup(start: SubgroupStart): SubgroupWriter | Reason;
}

export interface ReceivedGroupsDeps {
  readonly deps: Pick<SessionDeps, "broadcasts" | "quota">;
  readonly totals: SessionTotals;
  readonly codeOf: (reason: Reason) => number;
}

/** The groups that the peer is sending, and the bytes that it has sent. */
export class ReceivedGroups {
  readonly #deps: ReceivedGroupsDeps;
  readonly #open = new LazySet<SubgroupWriter>();
  #bytes = 0;

  constructor(deps: ReceivedGroupsDeps) {
    this.#deps = deps;
  }

  /** Bytes of groups and datagrams that were read. */
  get bytes(): number {
    return this.#bytes;
  }

  count(bytes: number): void {
    this.#bytes += bytes;
  }

  /** Starts a subgroup of one of our subscriptions. Where it is refused its stream is stopped, and there is nothing to write to. */
  begin(stream: RecvStream, subscription: Receiver | undefined, start: SubgroupStart): SubgroupWriter | undefined {
    const { totals, codeOf } = this.#deps;
    const writer = this.#mayReceive() ? (subscription?.subgroup(start) ?? "cancelled") : "limit";
    if (typeof writer === "string") {
      stream.stop(codeOf(writer));
      return undefined;
    }
    totals.groupsReceived++;
    writer.onStop((reason) => stream.stop(codeOf(reason)));
    this.#open.add(writer);
    return writer;
  }

  /** The stream of the subgroup has ended. */
  end(writer: SubgroupWriter): void {
    this.#open.delete(writer);
  }

  /** What ends each subgroup that has no end when the session is over. */
  closers(): (() => void)[] {
    return [...this.#open].map((writer) => () => writer.reset("upstream"));
  }

  #mayReceive(): boolean {
    const { quota, broadcasts } = this.#deps.deps;
    const over = quota?.over("ingress");
    if (over === undefined) return true;
    broadcasts.counters.boundsHit[over]++;
    return false;
  }
}
