import { type JsonObject, objectsOf, textOf } from "../api.ts";
import { count } from "../format.ts";
import { card, table } from "../table.ts";
import type { Desk, View } from "../view.ts";

const COLUMNS = [
  { field: "path" },
  { field: "tracks" },
  { field: "from", title: "From" },
  { field: "hops" },
  { field: "cost" },
  { field: "routes", title: "Routes" },
];

export const broadcasts: View = {
  id: "broadcasts",
  title: "Broadcasts",
  path: "/broadcasts",
  query: () => "/broadcasts?limit=200",
  show: (answer, host, desk) => {
    const rows = objectsOf(answer["items"]).map(rowOf);
    const title = `${count(Number(answer["total"]))} broadcasts`;
    const actions = desk.mayAct
      ? [
          {
            name: "Kick",
            when: (row: JsonObject) => row["here"] === true,
            run: (row: JsonObject) => void kick(row, desk),
          },
          { name: "Purge", run: (row: JsonObject) => void purge(row, desk) },
        ]
      : [];
    host.append(card(title, table(rows, { columns: COLUMNS, actions, empty: "No broadcast is known here." })));
  },
};

function rowOf({ path, tracks, routes }: JsonObject): JsonObject {
  const all = objectsOf(routes);
  const [best] = all;
  const session = best?.["session"];
  return {
    path: path ?? "",
    tracks: tracks ?? 0,
    from: session === undefined ? "the mesh" : `session ${textOf(session)}`,
    hops: best?.["hops"] ?? 0,
    cost: best?.["cost"] ?? 0,
    routes: all.length,
    here: session !== undefined,
  };
}

async function kick({ path }: JsonObject, desk: Desk): Promise<void> {
  const reason = await desk.confirm(
    "End this broadcast?",
    `The session that publishes ${textOf(path)} is ended. Its client may come back.`,
  );
  if (reason === undefined) return;
  const body = { path: path ?? "", ...(reason !== "" && { reason }) };
  desk.api.act("POST", "/broadcasts/kick", body).then(() => desk.refresh(), desk.failed);
}

async function purge({ path }: JsonObject, desk: Desk): Promise<void> {
  const reason = await desk.confirm(
    "Purge its cache?",
    `The cached groups of ${textOf(path)} are evicted. New viewers wait for the next group.`,
  );
  if (reason === undefined) return;
  desk.api.act("POST", "/cache/purge", { prefix: path ?? "" }).then(() => desk.refresh(), desk.failed);
}
