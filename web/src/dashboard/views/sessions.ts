import { type JsonObject, objectsOf, textOf } from "../api.ts";
import { count } from "../format.ts";
import { card, table, text } from "../table.ts";
import type { Desk, View } from "../view.ts";

const COLUMNS = [
  "id",
  "role",
  "address",
  "path",
  "subject",
  "protocol",
  "age_seconds",
  "idle_seconds",
  "rate_in",
  "rate_out",
  "queued_bytes",
  "rtt_ms",
  "packets_lost",
  "broadcasts",
  "subscriptions",
].map((field) => ({ field }));

const filters = { role: "", sort: "", path: "" };

export const sessions: View = {
  id: "sessions",
  title: "Sessions",
  path: "/sessions",
  query: () => {
    const query = new URLSearchParams({ limit: "200" });
    for (const [name, value] of Object.entries(filters)) if (value !== "") query.set(name, value);
    return `/sessions?${query}`;
  },
  controls: (desk) => {
    const bar = text("div", "", "filters");
    bar.append(
      choice("Role", "role", ["", "publisher", "viewer", "both", "idle", "relay"], desk),
      choice("Largest first", "sort", ["", "age", "idle", "rate_in", "rate_out", "queued", "rtt", "lost"], desk),
      pathField(desk),
    );
    return bar;
  },
  show: (answer, host, desk) => {
    const close = {
      name: "Close",
      run: async (row: JsonObject) => {
        const reason = await desk.confirm(
          "Close this session?",
          `${textOf(row["address"])}, ${textOf(row["role"])} at ${textOf(row["path"])}. Its client may come back.`,
        );
        if (reason === undefined) return;
        const query = reason === "" ? "" : `?${new URLSearchParams({ reason })}`;
        desk.api
          .act("DELETE", `/sessions/${encodeURIComponent(textOf(row["id"]))}${query}`)
          .then(() => desk.refresh(), desk.failed);
      },
    };
    const rows = objectsOf(answer["items"]);
    const title = `${count(Number(answer["total"]))} sessions`;
    host.append(
      card(title, table(rows, { columns: COLUMNS, actions: desk.mayAct ? [close] : [], empty: "No session fits." })),
    );
  },
};

function choice(title: string, name: "role" | "sort", values: readonly string[], desk: Desk): HTMLElement {
  const field = text("label", title);
  const select = document.createElement("select");
  for (const value of values) select.append(new Option(value === "" ? "any" : value.replaceAll("_", " "), value));
  select.value = filters[name];
  select.addEventListener("change", () => {
    filters[name] = select.value;
    desk.refresh();
  });
  field.append(select);
  return field;
}

function pathField(desk: Desk): HTMLElement {
  const field = text("label", "Path");
  const input = document.createElement("input");
  input.value = filters.path;
  input.placeholder = "at or under";
  input.addEventListener("change", () => {
    filters.path = input.value;
    desk.refresh();
  });
  field.append(input);
  return field;
}
