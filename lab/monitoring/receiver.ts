import { once } from "node:events";
import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { json } from "node:stream/consumers";
import * as z from "zod";

const ALERT = z.object({
  status: z.enum(["firing", "resolved"]),
  labels: z.record(z.string(), z.string()),
  annotations: z.record(z.string(), z.string()),
});

/** What Alertmanager sends to a webhook, as far as it is used here. */
const NOTIFICATION = z.object({ alerts: z.array(ALERT) });

/** One alert of a notification. */
export type Alert = z.infer<typeof ALERT>;

/** The alerts of one notification. */
export type Notification = readonly Alert[];

/** A webhook on loopback, to which Alertmanager sends its notifications. */
export class Receiver {
  readonly #server: Server;

  private constructor(server: Server) {
    this.#server = server;
  }

  static async start(notified: (alerts: Notification) => void): Promise<Receiver> {
    const server = createServer((request, response) => {
      const answer = async () => {
        const parsed = NOTIFICATION.safeParse(await json(request).catch(() => undefined));
        response.writeHead(parsed.success ? 200 : 400).end();
        if (parsed.success) notified(parsed.data.alerts);
      };
      void answer();
    });
    server.listen(0, "127.0.0.1");
    await once(server, "listening");
    // It waits for others, and keeps no process alive by itself.
    server.unref();
    return new Receiver(server);
  }

  get url(): string {
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}/`;
  }

  async stop(): Promise<void> {
    const closed = once(this.#server, "close");
    this.#server.close();
    this.#server.closeAllConnections();
    await closed;
  }
}
