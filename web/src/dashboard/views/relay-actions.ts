import type { JsonObject } from "../api.ts";
import { button, text } from "../table.ts";
import type { Desk } from "../view.ts";

/** What can be done to the relay as a whole. */
export function relayActions(status: JsonObject, desk: Desk): HTMLElement {
  const bar = text("div", "", "filters");
  if (status["status"] === "draining") bar.append(button("Undrain", () => act(desk, "/undrain")));
  else bar.append(button("Drain", () => void drain(desk)));
  bar.append(button("Purge the cache", () => void purge(desk)));
  return bar;
}

async function drain(desk: Desk): Promise<void> {
  const reason = await desk.confirm(
    "Drain this relay?",
    "It takes no new sessions, asks those that are open to leave, and closes the rest after the grace time. It keeps running, and a drain can be taken back.",
  );
  if (reason !== undefined) act(desk, "/drain", reason === "" ? {} : { reason });
}

async function purge(desk: Desk): Promise<void> {
  const answer = await desk.confirm(
    "Purge the whole cache?",
    "Every cached group is evicted. New viewers wait for the next group of their track.",
  );
  if (answer !== undefined) act(desk, "/cache/purge", { prefix: "" });
}

function act(desk: Desk, path: string, body?: JsonObject): void {
  desk.api.act("POST", path, body).then(
    () => desk.refresh(),
    (error: unknown) => desk.failed(error),
  );
}
