/** A metadata service of a cloud on this machine, which answers what a test sets. */
import { once } from "node:events";
import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";

export interface MetadataReply {
  readonly status?: number;
  readonly headers?: Readonly<Record<string, string>>;
  readonly text?: string;
}

export interface SeenRequest {
  readonly method: string;
  readonly target: string;
  readonly headers: IncomingMessage["headers"];
  readonly body: string;
}

export class MetadataServer {
  readonly url: string;
  readonly seen: SeenRequest[] = [];
  /** Decides on each request; default: there is no such entry. */
  reply: (request: SeenRequest) => MetadataReply | Promise<MetadataReply> = () => ({ status: 404 });
  readonly #server: Server;

  private constructor(server: Server) {
    this.#server = server;
    this.url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
    server.on("request", (request, response) => void this.#answer(request, response));
  }

  static async open(): Promise<MetadataServer> {
    const server = createServer();
    server.listen(0, "127.0.0.1");
    await once(server, "listening");
    return new MetadataServer(server);
  }

  async #answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    let body = "";
    for await (const chunk of request) body += String(chunk);
    const seen = { method: request.method ?? "", target: request.url ?? "", headers: request.headers, body };
    this.seen.push(seen);
    const { status = 200, headers = {}, text = "" } = await this.reply(seen);
    response.writeHead(status, headers).end(text);
  }

  close(): void {
    this.#server.close();
    this.#server.closeAllConnections();
  }
}

/** A metadata service of AWS with the entries of `meta-data` that are there; it needs a token. */
export function awsReply(entries: ReadonlyMap<string, string>): MetadataServer["reply"] {
  return ({ method, target, headers }) => {
    if (
      method === "PUT" &&
      target === "/latest/api/token" &&
      headers["x-aws-ec2-metadata-token-ttl-seconds"] === "21600"
    )
      return { text: "the-token" };
    if (headers["x-aws-ec2-metadata-token"] !== "the-token") return { status: 401 };
    const text = entries.get(target.replace("/latest/meta-data/", ""));
    return text === undefined ? { status: 404 } : { text };
  };
}
