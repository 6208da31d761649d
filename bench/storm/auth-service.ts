import { once } from "node:events";
import { createServer, type Server } from "node:http";
import { setTimeout as sleep } from "node:timers/promises";

/** Who may do what: everything, wherever the session's path is. */
const ANSWER = JSON.stringify({ alias: "", public: { subscribe: [""], publish: [""] } });

/** A service that decides on sessions (`[auth] api`), on loopback; it can be slow. */
export class AuthService {
  /** Milliseconds that an answer takes. */
  delayMs = 0;
  readonly #server: Server;

  static async open(): Promise<AuthService> {
    const service = new AuthService();
    service.#server.listen(0, "127.0.0.1");
    await once(service.#server, "listening");
    return service;
  }

  private constructor() {
    this.#server = createServer((_, response) => {
      void sleep(this.delayMs).then(() => response.setHeader("content-type", "application/json").end(ANSWER));
    });
  }

  get url(): string {
    const address = this.#server.address();
    if (address === null || typeof address === "string") throw new Error("the service does not listen");
    return `http://127.0.0.1:${address.port}/`;
  }

  close(): void {
    this.#server.close();
    this.#server.closeAllConnections();
  }
}
