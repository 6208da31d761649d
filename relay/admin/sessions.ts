import * as z from "zod";
import { isUnder } from "../../moq/path.ts";
import type { OpenSession, SessionHost } from "../host/index.ts";
import {
  ApiProblem,
  DONE,
  doneSchema,
  fromText,
  type Operation,
  operation,
  page,
  pageOf,
  pageShape,
  pathField,
  reasonField,
  withOneOf,
} from "../http/index.ts";
import { Rates } from "./rates.ts";

const ROLES = ["publisher", "viewer", "both", "idle", "relay"] as const;

const row = z.object({
  id: z.string(),
  address: z.string().describe("IP address and port."),
  role: z.enum(ROLES).describe("What the session does now; `relay` is a relay of the mesh."),
  engine: z.string(),
  protocol: z.string(),
  path: z.string().describe("The path of the session's URL."),
  tenant: z.string(),
  subject: z.string().optional().describe("The subject of its token."),
  token_id: z.string().optional(),
  key_id: z.string().optional(),
  peer_session: z.string().optional().describe("Of a relay: the id in its own log."),
  expires_at: z.iso.datetime().optional().describe("End of its token's life."),
  age_seconds: z.number(),
  idle_seconds: z
    .number()
    .describe("Since its last request, announcement or group, in either direction. The relay looks every 5 s."),
  bytes_in: z.int(),
  bytes_out: z.int(),
  rate_in: z.int().describe("Bits a second since the last look, or since the start."),
  rate_out: z.int(),
  queued_bytes: z.int(),
  rtt_ms: z.number().optional(),
  send_rate: z.number().optional().describe("The engine's estimate, in bits a second."),
  packets_lost: z.int().optional(),
  broadcasts: z.int().describe("Broadcasts that it announces now."),
  subscriptions: z.int().describe("Subscriptions that it has now."),
  groups_in: z.int(),
  groups_out: z.int(),
});
type Row = z.output<typeof row>;

const SORTS = ["age", "idle", "rate_in", "rate_out", "queued", "rtt", "lost"] as const;
const KEYS: Readonly<Record<(typeof SORTS)[number], (one: Row) => number>> = {
  age: (one) => one.age_seconds,
  idle: (one) => one.idle_seconds,
  rate_in: (one) => one.rate_in,
  rate_out: (one) => one.rate_out,
  queued: (one) => one.queued_bytes,
  rtt: (one) => one.rtt_ms ?? 0,
  lost: (one) => one.packets_lost ?? 0,
};

const seconds = z.number().min(0).max(1e9).optional();
const filters = {
  address: z.string().max(64).optional().describe("Addresses that begin so."),
  role: z.enum(ROLES).optional().describe("Sessions with this role."),
  engine: z.string().max(64).optional().describe("Sessions of this engine, such as `native` or `qmux`."),
  protocol: z.string().max(64).optional().describe("Sessions that speak this protocol, such as `moq-lite-05`."),
  tenant: z.string().max(256).optional().describe("Sessions of this tenant."),
  subject: z.string().max(256).optional().describe("Sessions whose token has this subject."),
  kid: z.string().max(256).optional().describe("Sessions whose token was signed with the key of this id."),
  path: pathField.optional().describe("Sessions whose path is this one or under it."),
  min_age: seconds.describe("At least so many seconds old."),
  min_idle: seconds.describe("Idle for at least so many seconds."),
};
const queried = {
  ...filters,
  min_age: fromText(seconds).describe("At least so many seconds old."),
  min_idle: fromText(seconds).describe("Idle for at least so many seconds."),
};
type Filters = z.output<z.ZodObject<typeof filters>>;
const FILTERS = Object.keys(filters) as (keyof Filters)[];

/** Open sessions: see them, end them. */
export function sessionOperations({ host }: { readonly host: Pick<SessionHost, "list"> }): Operation[] {
  const rates = new Rates();
  const find = (id: string): OpenSession => {
    for (const one of host.list()) if (one.opened.session === id) return one;
    throw new ApiProblem(404, "no_such_session", "there is no such session: it may have ended");
  };
  const params = z.strictObject({ id: z.string().max(64).describe("Id of the session, as in the log.") });
  return [
    operation(
      {
        method: "get",
        path: "/sessions",
        right: "read",
        tag: "sessions",
        id: "listSessions",
        summary:
          "Open sessions, filtered and sorted; oldest first unless `sort` says otherwise, largest first with it.",
        query: z.strictObject({ ...queried, sort: z.enum(SORTS).optional().describe("Largest first."), ...pageShape }),
        answer: pageOf(row),
      },
      ({ query }) => {
        const rows: Row[] = [];
        for (const one of host.list()) {
          const shown = describe(one, rates);
          if (fits(shown, query)) rows.push(shown);
        }
        const key = query.sort === undefined ? undefined : KEYS[query.sort];
        if (key !== undefined) rows.sort((a, b) => key(b) - key(a));
        return page(rows, query);
      },
    ),
    operation(
      {
        method: "get",
        path: "/sessions/{id}",
        right: "read",
        tag: "sessions",
        id: "getSession",
        summary: "One session.",
        params,
        answer: row,
      },
      ({ params: { id } }) => describe(find(id), rates),
    ),
    operation(
      {
        method: "delete",
        path: "/sessions/{id}",
        right: "write",
        tag: "sessions",
        id: "closeSession",
        summary: "End a session. Its client may come back: revoke its token to keep it away.",
        params,
        query: z.strictObject({ reason: reasonField }),
        answer: doneSchema,
      },
      ({ params: { id }, query }) => {
        find(id).session.end("closed", query.reason ?? "closed by an operator");
        return DONE;
      },
    ),
    operation(
      {
        method: "post",
        path: "/sessions/close",
        right: "write",
        tag: "sessions",
        id: "closeSessions",
        summary: "End every session that fits the filters, of which there must be at least one.",
        body: withOneOf({ ...filters, reason: reasonField }, FILTERS),
        answer: z.object({ closed: z.int() }),
      },
      ({ body: { reason, ...asked } }) => {
        const fitting = [...host.list()].filter((one) => fits(describe(one, rates), asked));
        for (const { session } of fitting) session.end("closed", reason ?? "closed by an operator");
        return { closed: fitting.length };
      },
    ),
  ];
}

function describe(one: OpenSession, rates: Rates): Row {
  const { opened, cluster, tenant, expiresAt, session } = one;
  const figures = session.figures();
  const rate = rates.of(session, { at: figures.ageMs, sent: figures.bytesSent, received: figures.bytesReceived });
  return {
    id: opened.session,
    address: opened.peer,
    role: cluster ? "relay" : roleOf(figures.broadcastsNow > 0, figures.subscriptionsNow > 0),
    engine: opened.engine,
    protocol: opened.protocol,
    path: opened.path,
    tenant,
    ...(opened.subject !== undefined && { subject: opened.subject }),
    ...(opened.tokenId !== undefined && { token_id: opened.tokenId }),
    ...(opened.keyId !== undefined && { key_id: opened.keyId }),
    ...(opened.peerSession !== undefined && { peer_session: opened.peerSession }),
    ...(expiresAt !== undefined && { expires_at: new Date(expiresAt).toISOString() }),
    age_seconds: Math.round(figures.ageMs) / 1000,
    idle_seconds: Math.round(one.idleMs()) / 1000,
    bytes_in: figures.bytesReceived,
    bytes_out: figures.bytesSent,
    rate_in: rate.received,
    rate_out: rate.sent,
    queued_bytes: figures.queuedBytes,
    ...(figures.rttMs !== undefined && { rtt_ms: figures.rttMs }),
    ...(figures.sendRate !== undefined && { send_rate: figures.sendRate }),
    ...(figures.packetsLost !== undefined && { packets_lost: figures.packetsLost }),
    broadcasts: figures.broadcastsNow,
    subscriptions: figures.subscriptionsNow,
    groups_in: figures.groupsReceived,
    groups_out: figures.groupsSent,
  };
}

function roleOf(publishes: boolean, watches: boolean): Row["role"] {
  if (publishes) return watches ? "both" : "publisher";
  return watches ? "viewer" : "idle";
}

function fits(one: Row, asked: Filters): boolean {
  return (
    one.address.startsWith(asked.address ?? "") &&
    one.age_seconds >= (asked.min_age ?? 0) &&
    one.idle_seconds >= (asked.min_idle ?? 0) &&
    (asked.kid === undefined || one.key_id === asked.kid) &&
    (asked.path === undefined || isUnder(one.path.replace(/^\/+/, ""), asked.path)) &&
    (["role", "engine", "protocol", "tenant", "subject"] as const).every(
      (name) => asked[name] === undefined || one[name] === asked[name],
    )
  );
}
