import { TransportError } from "../../moq/link.ts";
import type { Client } from "../client/index.ts";
import { CommandError, UsageError } from "./command.ts";
import { exitFor, explainDial } from "./explain.ts";
import type { Target } from "./target.ts";

/** Connects, asks for announcements under `prefix`, runs `use`, and closes the connection whether or not `use` succeeds. */
export async function withClient<T>(target: Target, prefix: string, use: (client: Client) => Promise<T>): Promise<T> {
  const { url, trust, timeoutMs, protocols } = target;
  const library = await import("../client/index.ts");
  const unknown = (protocols ?? []).filter((name) => !library.PROTOCOLS.includes(name));
  if (unknown.length > 0) {
    throw new UsageError(`--protocol: this client speaks ${library.PROTOCOLS.join(", ")}, not ${unknown.join(", ")}`);
  }
  const options = { trust, timeoutMs, announcePrefix: prefix, ...(protocols === undefined ? {} : { protocols }) };
  let client: Client;
  try {
    client = await library.connect(url, options);
  } catch (error) {
    throw await explainDial(error, target, library);
  }
  try {
    return await use(client);
  } catch (error) {
    if (!(error instanceof library.SessionEndedError)) throw error;
    const { message, reason, status } = error;
    if (status === undefined) throw new CommandError(message, exitFor(reason));
    const refused = new TransportError("dial_rejected", `${url.host} answered ${status}`, { cause: error, status });
    throw await explainDial(refused, target, library);
  } finally {
    await client.close();
  }
}
