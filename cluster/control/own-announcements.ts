import type { Advertisement, Route } from "../../moq/model/index.ts";
import type { Announced, AnnounceTable, AnnounceWatcher } from "../../moq/session/index.ts";
import type { Holding, MeshRevocation, NodeInfo, NodeLoad } from "../contract.ts";
import { holdingPath, loadPath, nodePath, REVOCATIONS, reportPath, revocationPath } from "../control-paths.ts";
import type { TenantReport } from "../tenants/index.ts";
import { NULL_SOURCE } from "./null-source.ts";
import { withMark } from "./prefix-mark.ts";

const NO_COST: Advertisement = { epoch: 0n, hops: [], cost: 0, ended: false };

/** What a relay announces to every root: itself, its load and the broadcasts that it holds. */
export class OwnAnnouncements {
  readonly #announced = new Map<string, Announced>();
  readonly #watchers = new Set<AnnounceWatcher>();
  #info: NodeInfo;
  #load: NodeLoad | undefined;

  constructor(self: NodeInfo) {
    this.#info = self;
    this.#announce(nodePath(self), NO_COST);
  }

  setInfo(info: NodeInfo): void {
    const before = nodePath(this.#info);
    this.#info = info;
    const now = nodePath(info);
    if (before === now) return;
    // The new one first, so that the relay is registered all the time.
    this.#announce(now, NO_COST);
    this.#withdraw(before);
  }

  setLoad(load: NodeLoad): void {
    if (this.#load !== undefined) this.#withdraw(loadPath(this.#info.node, this.#load));
    this.#load = load;
    this.#announce(loadPath(this.#info.node, load), NO_COST);
  }

  hold(holding: Holding): void {
    const { path, node, epoch, cost, ended } = holding;
    // The root adds this relay's hop itself.
    this.#announce(holdingPath("b", path, node), { epoch, hops: withMark(holding).slice(0, -1), cost, ended });
  }

  release(path: string): void {
    this.#withdraw(holdingPath("b", path, this.#info.node));
  }

  revoke(revocation: MeshRevocation): void {
    this.#announce(revocationPath(revocation), NO_COST);
  }

  endRevocation(revocation: MeshRevocation): void {
    this.#withdraw(revocationPath(revocation));
  }

  reportTenant(report: TenantReport, before: TenantReport | undefined): void {
    const path = reportPath(this.#info.node, report);
    this.#announce(path, NO_COST);
    const old = before && reportPath(this.#info.node, before);
    if (old !== undefined && old !== path) this.#withdraw(old);
  }

  withdrawTenant(report: TenantReport): void {
    this.#withdraw(reportPath(this.#info.node, report));
  }

  withdrawAll(): void {
    // Revocations outlive the relay that made them.
    for (const path of [...this.#announced.keys()]) if (!path.startsWith(`${REVOCATIONS}/`)) this.#withdraw(path);
  }

  /** The table of a session with a root. */
  table(): AnnounceTable {
    return {
      // The relay itself first: a root refuses holdings of a relay that has not registered.
      list: () => [...this.#announced.values()].sort((a, b) => Number(isNode(b)) - Number(isNode(a))),
      watch: (_prefix, watcher) => {
        this.#watchers.add(watcher);
        watcher.complete?.();
        return () => void this.#watchers.delete(watcher);
      },
      publish: () => "unauthorized",
    };
  }

  #announce(path: string, advertisement: Advertisement): void {
    const route: Route = { advertisement, source: NULL_SOURCE };
    const announced: Announced = { path, route: () => (this.#announced.get(path) === announced ? route : undefined) };
    this.#announced.set(path, announced);
    for (const watcher of [...this.#watchers]) watcher.changed(announced);
  }

  #withdraw(path: string): void {
    const announced = this.#announced.get(path);
    if (announced === undefined) return;
    this.#announced.delete(path);
    for (const watcher of [...this.#watchers]) watcher.changed(announced);
  }
}

function isNode({ path }: Announced): boolean {
  return path.startsWith("n/");
}
