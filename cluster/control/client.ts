import type { AnnounceTable } from "../../moq/session/index.ts";
import {
  CLOSE_LEAVING,
  type Holding,
  type MeshRevocation,
  type NodeInfo,
  type NodeLoad,
  type Registrar,
  type Scope,
  type ScopeSink,
} from "../contract.ts";
import { loadPrefix, parseControlPath } from "../control-paths.ts";
import type { LeasedAnswer } from "../leased-answer.ts";
import type { RevocationWatcher } from "../registry/index.ts";
import type { TenantReport } from "../tenants/index.ts";
import { type ControlTable, LocalSession } from "./local.ts";
import { MeshRevocations } from "./mesh-revocations.ts";
import { Namesakes } from "./namesakes.ts";
import { OwnAnnouncements } from "./own-announcements.ts";
import { RootLink, type RootLinkDeps, type RootLinkEvents } from "./root-link.ts";
import { type RootStatement, type ScopeAnswerDeps, scopeAnswer } from "./scope-answer.ts";
import { type GrantEvents, TenantGrants } from "./tenant-grants.ts";

export type ControlDeps = RootLinkDeps &
  Omit<ScopeAnswerDeps, "namesakes"> & {
    readonly self: NodeInfo;
    /** URLs; the first one that is up is asked. */
    readonly roots: readonly string[];
    /**
     * Present where the relay is a root itself: what that root keeps for it. The relay always registers there, and asks there in place
     * of a session with the root that has its own URL, or where no root is configured.
     */
    readonly local?: () => ControlTable;
    /** Milliseconds after which another relay of this relay's name is not an earlier start of this relay. */
    readonly namesakeMs: number;
    /** Another relay has this relay's name. */
    readonly namesake: (info: NodeInfo) => void;
    /** Revocations of other relays. */
    readonly revocations: RevocationWatcher;
    /** There are too many revocations, so one is ignored. */
    readonly revocationRefused: () => void;
    /** What roots let tenants use here; absent: the limits of tenants hold at this relay alone. */
    readonly grants?: GrantEvents | undefined;
    /** Something threw that should not have, outside of any session. */
    readonly defect: (error: unknown) => void;
    /** Whether a root can be asked. Called at the start, when the last root is lost, and when one is up. */
    readonly rooted: (up: boolean) => void;
  };

/**
 * A relay's sessions with the roots. It registers at all of them and asks the first one that is up. What a root announced stays known
 * after the root is gone, until another root has answered and a lease is over: the loss of a root changes nothing.
 */
export class ControlClient implements Registrar, RootLinkEvents {
  readonly #deps: ControlDeps;
  readonly #own: OwnAnnouncements;
  readonly #roots: RootLink[];
  readonly #answers = new Set<LeasedAnswer<RootStatement>>();
  readonly #namesakes: Namesakes;
  readonly #revocations: MeshRevocations;
  readonly #grants: TenantGrants | undefined;
  /** The root that is asked. */
  #primary: RootLink | undefined;
  #local: LocalSession | undefined;
  #reached = false;
  #left = false;

  constructor(deps: ControlDeps) {
    const { self, roots } = deps;
    this.#deps = deps;
    this.#own = new OwnAnnouncements(self);
    this.#revocations = new MeshRevocations({ ...deps, events: deps.revocations, refused: deps.revocationRefused });
    this.#grants = deps.grants && new TenantGrants({ ...deps, events: deps.grants });
    this.#namesakes = new Namesakes({ ...deps, found: deps.namesake });
    this.#roots = (this.#isOnlyRoot ? [self.url] : roots).map((url) => new RootLink(url, deps, this));
  }

  start(): void {
    const { local, self, rooted, clock, defect } = this.#deps;
    rooted(false);
    if (local !== undefined) {
      this.#local = new LocalSession(local(), this.table(), self.hop, clock, defect);
      this.#revocations.follow(this.#local, this.#local);
    }
    for (const root of this.#roots) {
      const isSelf = this.#isOnlyRoot || sameOrigin(root.url, self.url);
      if (this.#local !== undefined && isSelf) root.useLocal(this.#local);
      else root.start();
    }
  }

  /** The root at that URL has turned out to be this relay. */
  itself(url: string): void {
    for (const root of this.#roots) if (root.url === url && this.#local !== undefined) root.useLocal(this.#local);
  }

  /** Configured roots. */
  get known(): number {
    return this.#roots.length;
  }

  /** Roots that are up. */
  get connected(): number {
    return this.#roots.filter(({ session }) => session !== undefined).length;
  }

  /** The roots have registered another relay under this relay's name, and not this one. */
  get nameTaken(): boolean {
    return this.#namesakes.taken;
  }

  /** A root has been up at least once. */
  get reached(): boolean {
    return this.#reached;
  }

  /** Something of the relay itself changed. */
  inform(info: NodeInfo): void {
    this.#own.setInfo(info);
  }

  setLoad(load: NodeLoad): void {
    this.#own.setLoad(load);
  }

  hold(holding: Holding): void {
    this.#own.hold(holding);
  }

  release(path: string): void {
    this.#own.release(path);
  }

  /** This relay revoked something: all relays of the mesh obey. */
  revoke(revocation: MeshRevocation): void {
    this.#own.revoke(revocation);
  }

  /** A revocation of this relay has ended. */
  endRevocation(revocation: MeshRevocation): void {
    this.#own.endRevocation(revocation);
  }

  /** What a tenant uses here; `before` is the report that this one replaces. */
  reportTenant(report: TenantReport, before: TenantReport | undefined): void {
    this.#own.reportTenant(report, before);
  }

  /** This relay has no session of the tenant any more. */
  withdrawTenant(report: TenantReport): void {
    this.#own.withdrawTenant(report);
  }

  /** An operator ends a revocation of another relay here. */
  forgetRevocation(revocation: MeshRevocation): void {
    this.#revocations.forget(revocation);
  }

  /** Forgets revocations that have expired. `now`: seconds since 1970. */
  sweepRevocations(now: number): void {
    this.#revocations.sweep(now);
  }

  ask(scope: Scope, sink: ScopeSink): () => void {
    const answer = scopeAnswer(scope, sink, { ...this.#deps, namesakes: this.#namesakes });
    this.#answers.add(answer);
    this.#follow(answer);
    return () => {
      this.#answers.delete(answer);
      answer.stop();
    };
  }

  /**
   * What another relay last reported to the root that is asked. Undefined where no root is up or that root does not know; a root of an earlier
   * version knows no load.
   */
  async loadOf(node: string): Promise<NodeLoad | undefined> {
    const session = this.#primary?.session;
    if (session === undefined) return undefined;
    let found: NodeLoad | undefined;
    const following = session.follow(loadPrefix(node), {
      list: () => [],
      watch: () => () => {},
      publish: (path) => {
        const parsed = parseControlPath(path);
        if (parsed?.kind === "load" && parsed.node === node) found = parsed.load;
        return { update: () => {}, end: () => {} };
      },
    });
    await following.complete;
    following.stop();
    return found;
  }

  close(): void {
    this.#namesakes.close();
    this.#revocations.close();
    this.#grants?.close();
    for (const answer of this.#answers) answer.close();
    const code = this.#left ? CLOSE_LEAVING : 0;
    for (const root of this.#roots) root.close(code);
    this.#local?.close(code);
  }

  /** Withdraws everything, so that no root keeps it for a lease. */
  leave(): void {
    this.#left = true;
    this.#own.withdrawAll();
  }

  table(): AnnounceTable {
    return this.#own.table();
  }

  up(root: RootLink): void {
    this.#reached = true;
    this.#followRevocations(root);
    if (this.#primary === undefined) this.#choose();
  }

  renewed(root: RootLink): void {
    this.#followRevocations(root);
    if (root === this.#primary) this.#askAgain();
  }

  down(root: RootLink): void {
    this.#revocations.lost(root);
    if (root === this.#primary) this.#choose();
  }

  /** A root for which no other is configured asks itself, even where no relay can dial it. */
  get #isOnlyRoot(): boolean {
    return this.#deps.local !== undefined && this.#deps.roots.length === 0;
  }

  /** Every root is asked: each may know revocations that the others do not. */
  #followRevocations(root: RootLink): void {
    if (root.session !== undefined && root.session !== this.#local) this.#revocations.follow(root, root.session);
  }

  #choose(): void {
    this.#primary = this.#roots.find(({ session }) => session !== undefined);
    this.#deps.rooted(this.#primary !== undefined);
    this.#askAgain();
  }

  /** Asks the primary root everything. What was known stays known until that root has answered. */
  #askAgain(): void {
    for (const answer of this.#answers) {
      answer.detach();
      this.#follow(answer);
    }
    this.#grants?.detach();
    const session = this.#primary?.session;
    if (session !== undefined) this.#grants?.follow(session);
  }

  #follow(answer: LeasedAnswer<RootStatement>): void {
    const session = this.#primary?.session;
    if (session !== undefined) answer.follow(session);
  }
}

/** Whether both URLs are one relay's: the rest of a URL that is dialled may differ. */
function sameOrigin(a: string, b: string): boolean {
  return URL.canParse(a) && URL.canParse(b) && placeOf(new URL(a)) === placeOf(new URL(b));
}

/** Host and port; `moql:` and `https:` of one port are one relay. */
function placeOf({ protocol, hostname, port }: URL): string {
  return `${hostname}:${port || (protocol === "ws:" ? "80" : "443")}`;
}
