import * as z from "zod";
import type { Broadcast, Broadcasts, Source } from "../../moq/model/index.ts";
import type { OpenSession, SessionHost } from "../host/index.ts";
import { ApiProblem, type Operation, operation, pageOf, pageShape, pathField, reasonField } from "../http/index.ts";

const route = z.object({
  epoch: z.string().describe("Generation of the content, a whole number; 0 when the publisher assigns none."),
  hops: z.int().describe("Relays between the publisher and this one."),
  cost: z.number(),
  ended: z.boolean().describe("Complete content that is only fetched."),
  leaving: z.boolean().describe("Its session has been asked to leave."),
  session: z.string().optional().describe("The session that announces it here; absent for a broadcast of the mesh."),
});

const row = z.object({
  path: z.string(),
  tracks: z.int().describe("Tracks in use or kept."),
  routes: z.array(route).describe("Best first."),
});

/** Broadcasts that this relay knows: see them, end them. */
export function broadcastOperations(parts: {
  readonly broadcasts: Broadcasts;
  readonly host: Pick<SessionHost, "list">;
}): Operation[] {
  const { broadcasts, host } = parts;
  return [
    operation(
      {
        method: "get",
        path: "/broadcasts",
        right: "read",
        tag: "broadcasts",
        id: "listBroadcasts",
        summary: "Broadcasts that have a route here, by path.",
        query: z.strictObject({ prefix: pathField.default("").describe("By whole segments."), ...pageShape }),
        answer: pageOf(row),
      },
      ({ query: { prefix, limit, offset } }) => {
        const ids = sessionsBySource(host);
        const items: z.output<typeof row>[] = [];
        let total = 0;
        for (const broadcast of broadcasts.list(prefix)) {
          if (total >= offset && items.length < limit) items.push(describe(broadcast, ids));
          total += 1;
        }
        return { total, items };
      },
    ),
    operation(
      {
        method: "post",
        path: "/broadcasts/kick",
        right: "write",
        tag: "broadcasts",
        id: "kickBroadcast",
        summary:
          "End the sessions that publish a broadcast here. They may come back: revoke their token to keep them away.",
        body: z.strictObject({ path: pathField.describe("Path of the broadcast."), reason: reasonField }),
        answer: z.object({ closed: z.int().describe("Sessions that were ended.") }),
      },
      ({ body: { path, reason } }) => {
        const broadcast = broadcasts.broadcast(path);
        if (broadcast === undefined)
          throw new ApiProblem(404, "no_such_broadcast", "this relay knows no such broadcast");
        const sources = new Set(broadcast.routes.map(({ source }) => source));
        const publishers = [...host.list()].filter(({ session, cluster }) => !cluster && sources.has(session.source));
        if (publishers.length === 0) {
          throw new ApiProblem(
            409,
            "published_elsewhere",
            "it is published at another relay: kick it there, or revoke its token",
          );
        }
        for (const { session } of publishers) session.end("closed", reason ?? "the broadcast was ended by an operator");
        return { closed: publishers.length };
      },
    ),
  ];
}

function sessionsBySource(host: Pick<SessionHost, "list">): ReadonlyMap<Source, OpenSession> {
  return new Map([...host.list()].map((one) => [one.session.source, one]));
}

function describe(broadcast: Broadcast, ids: ReadonlyMap<Source, OpenSession>): z.output<typeof row> {
  return {
    path: broadcast.path,
    tracks: broadcast.tracks,
    routes: broadcast.routes.map(({ source, advertisement, leaving }) => {
      const { epoch, hops, cost, ended } = advertisement;
      const session = ids.get(source)?.opened.session;
      return {
        epoch: String(epoch),
        hops: hops.length,
        cost,
        ended,
        leaving: leaving ?? false,
        ...(session !== undefined && { session }),
      };
    }),
  };
}
