/** The names that are live on a relay, updated by its announcements. */
import { Connection as MoqConnection } from "@moq/net";
import { Connection, type ConnectionState } from "../relay/connection.ts";
import type { Target } from "../relay/dial.ts";
import { VIEWER_PROTOCOLS } from "../relay/protocols.ts";

/** Milliseconds between the end of a session's announcements and the end of the session. */
const ENDING_MS = 1_000;

export interface AnnouncementsOptions {
  readonly target: Target;
  readonly onState: (state: ConnectionState) => void;
  /** All live names, sorted; called at every change. */
  readonly onNames: (names: readonly string[]) => void;
  /** The relay has stopped announcing although the session goes on: the list is incomplete and may be out of date. */
  readonly onCut: () => void;
}

/** Follows a relay's announcements until closed. */
export class Announcements {
  readonly #connection: Connection<MoqConnection.Established>;

  constructor({ target, onState, onNames, onCut }: AnnouncementsOptions) {
    this.#connection = new Connection({
      target,
      protocols: VIEWER_PROTOCOLS,
      handshake: (url, transport) => MoqConnection.connect(url, { transport }),
      onState,
      onSession: (session) => {
        if (session) void follow(session, onNames, onCut);
        else onNames([]);
      },
    });
  }

  close(): void {
    this.#connection.close();
  }
}

async function follow(
  session: MoqConnection.Established,
  onNames: (names: readonly string[]) => void,
  onCut: () => void,
): Promise<void> {
  const names = new Set<string>();
  const announced = session.announced();
  let over = false;
  void session.closed.then(
    () => (over = true),
    () => (over = true),
  );
  try {
    for (;;) {
      const event = await announced.next();
      if (!event) break;
      if (event.active) names.add(event.path);
      else names.delete(event.path);
      onNames([...names].sort((a, b) => a.localeCompare(b)));
    }
  } catch (error) {
    console.warn("The list of broadcasts is no longer updated.", error);
  }
  // When a session ends, its announcements end a moment earlier. A relay that ends only the list would also end the next one.
  setTimeout(() => {
    if (!over) onCut();
  }, ENDING_MS);
}
