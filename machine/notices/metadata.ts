import { isIP } from "node:net";
import ipaddr from "ipaddr.js";
import type { Clock } from "../../moq/clock.ts";
import type { AskMetadata, MetadataAnswer } from "./contract.ts";

/** Where all three clouds have their metadata service. */
export const METADATA_URL = "http://169.254.169.254";

const TIMEOUT_MS = 5_000;

/** Most bytes of an answer. Lists of events are a few kilobytes. */
const MAX_ANSWER_BYTES = 65_536;

/** Metadata services at unique local addresses of IPv6: those of AWS and Google. */
const LOCAL_SERVICES = ["fd00:ec2::254", "fd20:ce::254"];

/**
 * True for an address that never leaves this machine or its hypervisor. Answers of a metadata service decide whether the relay serves, so
 * nothing else may be asked.
 */
export function isMetadataUrl(text: string): boolean {
  const url = URL.parse(text);
  if (url === null || url.protocol !== "http:" || url.username !== "" || url.search !== "") return false;
  const host = url.hostname.replace(/^\[|\]$/g, "");
  if (isIP(host) === 0) return false;
  const address = ipaddr.process(host);
  return ["loopback", "linkLocal"].includes(address.range()) || LOCAL_SERVICES.includes(address.toString());
}

/** Asks the metadata service at `base`. Rejects after a time limit, for a redirection and for an answer that is too long. */
export function askMetadata(base: string, clock: Clock): AskMetadata {
  return async (target, { method = "GET", headers, body, timeoutMs = TIMEOUT_MS }) => {
    const abort = new AbortController();
    const late = () => abort.abort(new Error(`no answer within ${timeoutMs} ms`));
    const cancel = clock.timer(timeoutMs, late);
    try {
      const response = await fetch(new URL(target, base), {
        method,
        headers,
        redirect: "error",
        signal: abort.signal,
        ...(body !== undefined && { body }),
      });
      const text = await bounded(response);
      return { status: response.status, headers: response.headers, text } satisfies MetadataAnswer;
    } finally {
      cancel();
    }
  };
}

async function bounded({ body }: Response): Promise<string> {
  const chunks: Uint8Array[] = [];
  let size = 0;
  const parts: AsyncIterable<Uint8Array> | readonly Uint8Array[] = body ?? [];
  for await (const chunk of parts) {
    size += chunk.length;
    if (size > MAX_ANSWER_BYTES) throw new Error(`an answer has more than ${MAX_ANSWER_BYTES} bytes`);
    chunks.push(chunk);
  }
  return Buffer.concat(chunks).toString();
}
