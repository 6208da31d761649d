/** The names that are live on a relay, kept true by its announcements. */
import { Connection as MoqConnection } from "@moq/net";
import { Connection, type ConnectionState } from "../relay/connection.ts";
import type { Target } from "../relay/dial.ts";

/** What @moq/net speaks and the relay's announcements are read in, best first. */
const PROTOCOLS = ["moq-lite-05", "moq-lite-04", "moq-lite-03"];

export interface AnnouncementsOptions {
  readonly target: Target;
  readonly onState: (state: ConnectionState) => void;
  /** All live names, sorted; called at every change. */
  readonly onNames: (names: readonly string[]) => void;
}

/** Follows a relay's announcements until closed. */
export class Announcements {
  readonly #connection: Connection<MoqConnection.Established>;

  constructor({ target, onState, onNames }: AnnouncementsOptions) {
    this.#connection = new Connection({
      target,
      protocols: PROTOCOLS,
      handshake: (url, transport) => MoqConnection.connect(url, { transport }),
      onState,
      onSession: (session) => {
        if (session) void follow(session, onNames);
        else onNames([]);
      },
    });
  }

  close(): void {
    this.#connection.close();
  }
}

async function follow(session: MoqConnection.Established, onNames: (names: readonly string[]) => void): Promise<void> {
  const names = new Set<string>();
  const announced = session.announced();
  try {
    for (;;) {
      const event = await announced.next();
      if (!event) break;
      if (event.active) names.add(event.path);
      else names.delete(event.path);
      onNames([...names].sort((a, b) => a.localeCompare(b)));
    }
  } catch (error) {
    console.warn("The list of broadcasts is not followed any more.", error);
  }
  // Without its list the session is of no use; the connection opens a new one.
  session.close();
}
