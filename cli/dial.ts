import { TransportError } from "../moq/link.ts";
import type { Client, SessionEndedError } from "../relay/client/index.ts";
import { CommandError, UsageError } from "./command.ts";
import { EXIT } from "./exit-codes.ts";
import { exitFor, explainDial, type Library, refusal, verdictOf } from "./explain.ts";
import type { Target } from "./target.ts";

/** Connects, asks for announcements under `prefix`, runs `use`, and closes the connection whether or not `use` succeeds. */
export async function withClient<T>(target: Target, prefix: string, use: (client: Client) => Promise<T>): Promise<T> {
  const library = await import("../relay/client/index.ts");
  const client = await openClient(target, prefix, library);
  try {
    return await use(client);
  } catch (error) {
    throw error instanceof library.SessionEndedError ? await explainEnd(error, target, library) : error;
  } finally {
    await client.close();
  }
}

/** Connects and asks for announcements under `prefix`. Rejects with an error that says what to do. */
export async function openClient(target: Target, prefix: string, library: Library): Promise<Client> {
  const { url, trust, timeoutMs, protocols } = target;
  checkProtocols(target, library.PROTOCOLS);
  const options = { trust, timeoutMs, announcePrefix: prefix, ...(protocols === undefined ? {} : { protocols }) };
  try {
    return await library.connect(url, options);
  } catch (error) {
    throw await explainDial(error, target, library);
  }
}

/**
 * For a `http:` URL the `https:` one, with trust in the fingerprint that the relay gives over plain HTTP; any other target as it is. Rejects
 * with `TransportError`.
 */
export async function overTls(target: Target, library: Library): Promise<Target> {
  const { url, trust, timeoutMs } = target;
  if (url.protocol !== "http:") return target;
  const read = trust.kind === "system" ? await library.fetchTrust(url, timeoutMs) : trust;
  return { ...target, trust: read, url: new URL(url.href.replace(/^http:/, "https:")) };
}

/** Turns the end of a session into an error that says what to do. */
export async function explainEnd(error: SessionEndedError, target: Target, library: Library): Promise<unknown> {
  const { message, reason, status } = error;
  const { url } = target;
  if (status === undefined) {
    const exit = exitFor(reason);
    const verdict = exit === EXIT.refused ? await verdictOf(target, library) : undefined;
    return verdict?.allowed === false ? refusal(url, verdict) : new CommandError(message, exit, reason);
  }
  const text = `${url.host} answered ${status}`;
  return await explainDial(new TransportError("dial_rejected", text, { cause: error, status }), target, library);
}

/** Throws {@link UsageError} when `--protocol` names one that the client does not speak. */
export function checkProtocols({ protocols = [] }: Pick<Target, "protocols">, known: readonly string[]): void {
  const unknown = protocols.filter((name) => !known.includes(name));
  if (unknown.length === 0) return;
  throw new UsageError(`--protocol: this client speaks ${known.join(", ")}, not ${unknown.join(", ")}`);
}
