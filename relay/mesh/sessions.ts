import type { LinkEvents, NodeInfo } from "../../cluster/index.ts";
import {
  type AnnounceTable,
  liteSession,
  openAccess,
  protocols,
  type Session,
  type SessionDeps,
} from "../../moq/session/index.ts";
import { Admission } from "./admission.ts";
import type { MeshCredentials } from "./credentials.ts";
import { MeshDialler, type SessionStart } from "./dial.ts";
import { Renewal } from "./renewal.ts";
import type { MeshRuntimeDeps } from "./runtime.ts";
import { meshLimits } from "./session-policy.ts";
import { facts, whyUnreachable } from "./unreachable.ts";

/** Milliseconds until a relay that was reached must have said who it is. */
const IDENTIFY_MS = 3_000;

export interface MeshSessionsDeps extends Omit<MeshRuntimeDeps, "resolver"> {
  readonly credentials: MeshCredentials;
  readonly self: NodeInfo;
}

/** What happens to the control session of a root. */
export interface RootEvents {
  /** Announcements, both ways. */
  readonly table: AnnounceTable;
  readonly gone: () => void;
  /** It will end before long, and another one may be had by now. */
  readonly renew: () => void;
  /** The root is this relay. */
  readonly itself: () => void;
}

/** What happens to a link to another relay. */
export interface PeerEvents extends LinkEvents {
  /** It has that id in the hops of announcements. */
  readonly met: (hop: bigint) => void;
}

/** Opens sessions with roots and other relays, looks after their tokens, and logs how each went. */
export class MeshSessions {
  readonly #deps: MeshSessionsDeps;
  readonly #dialler: MeshDialler;
  /** Why roots cannot be asked now, by their URLs. */
  readonly #trouble = new Map<string, string>();
  /** The newest session with each root, by its URL. */
  readonly #roots = new Map<string, Session>();

  constructor(deps: MeshSessionsDeps) {
    const { config, limits } = deps;
    this.#deps = deps;
    this.#dialler = new MeshDialler({
      ...deps,
      peerTimeoutMs: config.peerTimeoutMs,
      heartbeatMs: config.heartbeatMs,
      queueMark: meshLimits(limits).sessionQueueMark,
    });
  }

  /** Roots that cannot be asked now, each with the reason. */
  get trouble(): string[] {
    const { root: roots } = this.#deps.config;
    const away = roots.filter((root) => !this.#roots.has(root));
    return away.map((root) => `${root} ${this.#trouble.get(root) ?? "has not answered yet"}`);
  }

  async root(root: string, { table, gone, renew, itself }: RootEvents): Promise<Session> {
    const { self, log } = this.#deps;
    let session: Session | undefined;
    // A root that drains is asked nothing any more: the next one is, or this one when it is back.
    const leaving = () => session?.close(0, "");
    const renewal = this.#renewal(`of the root ${new URL(root).host}`, renew);
    const identified = (hop: bigint) => {
      if (hop === self.hop) itself();
    };
    const terms = { access: openAccess(""), table, announcePrefix: "", leaving, identified };
    const admission = new Admission();
    const start = this.#start(terms, admission, (why) => {
      renewal.stop();
      if (session !== undefined && this.#roots.get(root) === session) {
        this.#roots.delete(root);
        this.#trouble.set(root, `is gone: ${why}`);
      }
      gone();
    });
    try {
      session = await this.#dialler.root(root, start, renewal);
      await admission.done(this.#deps.clock);
    } catch (error) {
      renewal.stop();
      this.#trouble.set(root, whyUnreachable(error));
      throw error;
    }
    this.#trouble.delete(root);
    this.#roots.set(root, session);
    log.info({ root }, "root reached");
    return session;
  }

  async peer(info: NodeInfo, on: PeerEvents): Promise<Session> {
    const { node, url } = info;
    const { log } = this.#deps;
    const renewal = this.#renewal(`of ${node}`, on.renew);
    const admission = new Admission();
    const start = this.#start({ access: NOTHING, leaving: on.leaving, identified: on.met }, admission, () => {
      renewal.stop();
      on.gone();
    });
    try {
      const session = await this.#dialler.node(info, start, renewal);
      await admission.done(this.#deps.clock);
      log.info({ node, protocol: session.info.protocol }, "relay reached");
      return session;
    } catch (error) {
      renewal.stop();
      // Tried again with back-off for as long as something is to be had there.
      log.warn({ node, url, ...facts(error) }, `the relay ${node} at ${url} ${whyUnreachable(error)}`);
      throw error;
    }
  }

  /** A relay outside the mesh; `table` is for its announcements, both ways. */
  async stranger(url: string, table: AnnounceTable, gone: () => void): Promise<Session> {
    const terms = { access: openAccess(""), table, announcePrefix: "" };
    return await this.#dialler.stranger(url, protocols([]), this.#start(terms, undefined, gone));
  }

  /** Asks a relay who it is: its id in the hops of announcements. */
  async identify(info: NodeInfo): Promise<bigint> {
    const { promise, resolve, reject } = Promise.withResolvers<bigint>();
    // It is not awaited when the dial fails.
    promise.catch(() => {});
    const gone = () => reject(new Error("the session ended at once"));
    const session = await this.#dialler.node(
      info,
      this.#start({ access: NOTHING, identified: resolve }, undefined, gone),
    );
    const cancel = this.#deps.clock.timer(IDENTIFY_MS, () => reject(new Error("it does not say who it is")));
    try {
      return await promise;
    } finally {
      cancel();
      session.close(0, "");
    }
  }

  /** Opens a second session in time, before the token of the first expires. */
  #renewal(whose: string, renew: () => void): Renewal {
    const { clock, wallNow, log, credentials } = this.#deps;
    return new Renewal(
      {
        clock,
        wallNow,
        random: Math.random,
        token: () => credentials.token(),
        late: (at) => {
          const expires = new Date(at).toISOString();
          log.warn(
            { code: "cluster_token_ends", expires },
            `the cluster token that the session ${whose} has ends, and there is no newer one`,
          );
        },
      },
      renew,
    );
  }

  #start(
    terms: Pick<SessionDeps, "access"> &
      Partial<Pick<SessionDeps, "table" | "announcePrefix" | "leaving" | "identified">>,
    admission: Admission | undefined,
    gone: (why: string) => void,
  ): SessionStart {
    const { broadcasts, clock, channels, hop, limits, log, defects } = this.#deps;
    return (started) =>
      liteSession(
        {
          broadcasts,
          clock,
          channels,
          hop,
          limits: meshLimits(limits),
          ...terms,
          identified: (hop) => {
            admission?.identified();
            terms.identified?.(hop);
          },
          defect: (error) => defects.report("in a session with a relay", error),
          closed: (report) => {
            const { reason, message, info } = report;
            if (admission?.closed(report) === false) return;
            log.info({ reason, text: message, host: info.authority }, "session with a relay closed");
            gone(message === "" ? reason : message);
          },
        },
        started,
      );
  }
}

/** A relay that we dialled for media has nothing to get from us. */
const NOTHING: SessionDeps["access"] = {
  root: "",
  mayPublish: () => true,
  maySubscribe: () => false,
  watchable: () => [],
};
