import type { Clock } from "../../moq/clock.ts";
import { type Attach, TransportError } from "../../moq/link.ts";
import type { Broadcasts } from "../../moq/model/index.ts";
import {
  type AnnounceTable,
  type ChannelRegistry,
  MESH_PROTOCOLS,
  openAccess,
  protocols,
  type Session,
  type SessionDeps,
  type SessionLimits,
  type SessionReport,
  startSession,
} from "../../moq/session/index.ts";
import type { NodeInfo } from "../contract.ts";
import type { SessionEvents } from "../renewable-session.ts";
import { Admission } from "./admission.ts";
import { meshLimits } from "./limits.ts";
import { CONTROL_PATH } from "./policy.ts";
import { Renewal } from "./renewal.ts";
import { whyUnreachable } from "./unreachable.ts";

/** Milliseconds that a dialled relay has to identify itself. */
const IDENTIFY_MS = 3_000;

/** The field of the query in which a relay names the id of its session. */
const SESSION_FIELD = "session";

/** Longer ids, and other characters, are not those of a relay. */
const SESSION_ID = /^[A-Za-z0-9-]{1,64}$/;

/** The id that the relay which opened the session with this query has for it. */
export function peerSessionOf(query: string): string | undefined {
  const id = new URLSearchParams(query).get(SESSION_FIELD);
  return id !== null && SESSION_ID.test(id) ? id : undefined;
}

/** A link that a relay wants to have. */
interface DialRequest {
  readonly url: URL;
  /** IP address to dial in place of what the URL's host resolves to. */
  readonly address: string | undefined;
  readonly protocols: readonly string[];
  /** The other end is a relay of this mesh, so the link presents this relay's token. */
  readonly member: boolean;
}

/**
 * Opens a link and attaches it. Resolves with the expiry of the token that the link presented, in milliseconds since 1970; absent where
 * it presented none, or one that does not expire. Rejects with a `TransportError`.
 */
export type MeshDial = (request: DialRequest, attach: Attach) => Promise<{ readonly expiresAt: number | undefined }>;

/** What happens to sessions with other relays, for the log. */
export interface MeshSessionEvents {
  /** `id`: of the session, as the other relay knows it as well. */
  readonly rootReached: (url: string, id: string) => void;
  readonly relayReached: (node: string, protocol: string, id: string) => void;
  /** A link for media could not be opened; it is dialled again for as long as the relay has something that is wanted here. */
  readonly relayUnreachable: (info: NodeInfo, error: unknown) => void;
  readonly sessionClosed: (report: SessionReport, id: string) => void;
  /** The token of the session with `peer` expires then, in milliseconds since 1970, and there is no newer one. */
  readonly tokenExpires: (peer: string, expiresAt: number) => void;
  /** A session threw. It is closed. */
  readonly sessionDefect: (error: unknown) => void;
}

export interface MeshSessionsDeps {
  readonly self: NodeInfo;
  /** URLs of the roots, as they are configured. */
  readonly roots: readonly string[];
  readonly broadcasts: Broadcasts;
  readonly channels: ChannelRegistry;
  /** Of a client's session. */
  readonly limits: SessionLimits;
  readonly clock: Clock;
  /** Milliseconds since 1970. */
  readonly wallNow: () => number;
  /** From 0 to 1. */
  readonly random: () => number;
  readonly dial: MeshDial;
  /** Ids of the sessions that this relay opens, for the logs of both relays. */
  readonly nextId: () => string;
  /** As {@link Renewal} has it. */
  readonly tokenExpiry: () => Promise<number | undefined>;
  /** Experimental versions that relays outside the mesh are offered besides the stable ones. Absent: none. */
  readonly experimental?: readonly string[];
  readonly events: MeshSessionEvents;
}

/** What happens to the control session of a root. */
export interface RootEvents {
  /** Announcements, both ways. */
  readonly table: AnnounceTable;
  readonly gone: () => void;
  /** The session ends soon, and a second one can be opened now. */
  readonly renew: () => void;
  /** The root is this relay. */
  readonly itself: () => void;
}

/** What happens to a link to another relay. */
export interface PeerEvents extends SessionEvents {
  /** The relay has that id in the hops of announcements. */
  readonly met: (hop: bigint) => void;
}

/** Opens sessions with roots and other relays, and has each renewed before its token expires. */
export class MeshSessions {
  readonly #deps: MeshSessionsDeps;
  readonly #ids = new WeakMap<Session, string>();
  /** Why roots cannot be asked now, by their URLs. */
  readonly #trouble = new Map<string, string>();
  /** The newest session with each root, by its URL. */
  readonly #roots = new Map<string, Session>();
  readonly #renewals = new Set<Renewal>();

  constructor(deps: MeshSessionsDeps) {
    this.#deps = deps;
  }

  /** Roots that cannot be asked now, each with the reason. */
  get trouble(): string[] {
    const away = this.#deps.roots.filter((root) => !this.#roots.has(root));
    return away.map((root) => `${root} ${this.#trouble.get(root) ?? "has not answered yet"}`);
  }

  /** No session is renewed any more. */
  close(): void {
    for (const renewal of this.#renewals) renewal.stop();
    this.#renewals.clear();
  }

  /** The id of a session that this relay opened. */
  idOf(session: Session): string | undefined {
    return this.#ids.get(session);
  }

  /** The control session of a root. */
  async root(root: string, { table, gone, renew, itself }: RootEvents): Promise<Session> {
    const { self, events, clock } = this.#deps;
    let session: Session | undefined;
    // A root that drains is asked no more: the next root is, or this one when it is back.
    const leaving = () => session?.close(0, "");
    const renewal = this.#renewal(`the root ${new URL(root).host}`, renew);
    const identified = (hop: bigint) => {
      if (hop === self.hop) itself();
    };
    const admission = new Admission();
    const terms = { access: openAccess(""), table, announcePrefix: "", leaving, identified };
    const closed = (why: string) => {
      this.#stop(renewal);
      if (session !== undefined && this.#roots.get(root) === session) {
        this.#roots.delete(root);
        this.#trouble.set(root, `is gone: ${why}`);
      }
      gone();
    };
    try {
      session = await this.#open(member(controlUrl(root, self)), terms, { closed, admission, renewal });
      await admission.done(clock);
    } catch (error) {
      this.#stop(renewal);
      this.#trouble.set(root, whyUnreachable(error));
      throw error;
    }
    this.#trouble.delete(root);
    this.#roots.set(root, session);
    events.rootReached(root, this.idOf(session) ?? "");
    return session;
  }

  /** A link for media to another relay of the mesh. */
  async peer(info: NodeInfo, on: PeerEvents): Promise<Session> {
    const { self, events, clock } = this.#deps;
    const renewal = this.#renewal(info.node, on.renew);
    const admission = new Admission();
    const terms = { access: NOTHING, leaving: on.leaving, identified: on.met };
    const closed = () => {
      this.#stop(renewal);
      on.gone();
    };
    try {
      const request = member(mediaUrl(info, self), info.address);
      const session = await this.#open(request, terms, { closed, admission, renewal });
      await admission.done(clock);
      events.relayReached(info.node, session.info.protocol, this.idOf(session) ?? "");
      return session;
    } catch (error) {
      this.#stop(renewal);
      events.relayUnreachable(info, error);
      throw error;
    }
  }

  /** A relay outside the mesh, whose token is in the URL; `table` is for its announcements, both ways. */
  async external(url: string, table: AnnounceTable, closed: () => void): Promise<Session> {
    const offered = protocols(this.#deps.experimental ?? []);
    const request = { url: new URL(url), address: undefined, protocols: offered, member: false };
    return await this.#open(request, { access: openAccess(""), table, announcePrefix: "" }, { closed });
  }

  /** Asks a relay for its id in the hops of announcements. Rejects when the relay does not answer. */
  async identify(info: NodeInfo): Promise<bigint> {
    const { clock, self } = this.#deps;
    const { promise, resolve, reject } = Promise.withResolvers<bigint>();
    // It is not awaited when the dial fails.
    promise.catch(() => {});
    const closed = () => reject(new Error("the session ended at once"));
    const request = member(mediaUrl(info, self), info.address);
    const session = await this.#open(request, { access: NOTHING, identified: resolve }, { closed });
    const cancel = clock.timer(IDENTIFY_MS, () => reject(new Error("the relay did not identify itself")));
    try {
      return await promise;
    } finally {
      cancel();
      session.close(0, "");
    }
  }

  #renewal(peer: string, renew: () => void): Renewal {
    const { clock, wallNow, random, tokenExpiry, events } = this.#deps;
    const late = (expiresAt: number) => events.tokenExpires(peer, expiresAt);
    const renewal = new Renewal({ clock, wallNow, random, tokenExpiry, late }, renew);
    this.#renewals.add(renewal);
    return renewal;
  }

  #stop(renewal: Renewal): void {
    renewal.stop();
    this.#renewals.delete(renewal);
  }

  async #open(request: DialRequest, terms: Terms, { closed, admission, renewal }: Opening): Promise<Session> {
    const { broadcasts, clock, channels, self, limits, events, dial, nextId } = this.#deps;
    const id = nextId();
    // Relays outside the mesh get no more than they ask for.
    if (request.member) request.url.searchParams.set(SESSION_FIELD, id);
    let session: Session | undefined;
    const attach = startSession(
      {
        broadcasts,
        clock,
        channels,
        hop: self.hop,
        limits: meshLimits(limits),
        ...terms,
        identified: (hop) => {
          admission?.identified();
          terms.identified?.(hop);
        },
        defect: events.sessionDefect,
        closed: (report) => {
          if (admission?.closed(report) === false) return;
          events.sessionClosed(report, id);
          closed(report.message === "" ? report.reason : report.message);
        },
      },
      (started) => {
        session = started;
        this.#ids.set(started, id);
      },
    );
    const { expiresAt } = await dial(request, attach);
    if (session === undefined) throw new TransportError("dial_failed", `no session at ${request.url.origin}`);
    renewal?.begin(expiresAt);
    return session;
  }
}

type Terms = Pick<SessionDeps, "access"> &
  Partial<Pick<SessionDeps, "table" | "announcePrefix" | "leaving" | "identified">>;

interface Opening {
  readonly closed: (why: string) => void;
  readonly admission?: Admission;
  readonly renewal?: Renewal;
}

/** This relay offers nothing to a relay that it dialled for media. */
const NOTHING: SessionDeps["access"] = {
  root: "",
  mayPublish: () => true,
  maySubscribe: () => false,
  watchable: () => [],
};

function member(url: URL, address?: string): DialRequest {
  return { url, address, protocols: MESH_PROTOCOLS, member: true };
}

/** With this relay's name, so that a root refuses the token of another relay at once, with the reason. */
function controlUrl(root: string, { node }: NodeInfo): URL {
  const url = new URL(root);
  url.pathname = `${url.pathname.replace(/\/+$/, "")}/${CONTROL_PATH}`;
  url.search = new URLSearchParams({ node }).toString();
  return url;
}

function mediaUrl({ url: text }: Pick<NodeInfo, "url">, { node, role, region, parent }: NodeInfo): URL {
  const url = new URL(text);
  const regions = role === "regional" && parent !== undefined ? { region, parent } : {};
  url.search = new URLSearchParams({ node, role, ...regions }).toString();
  return url;
}
