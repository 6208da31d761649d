import { createHmac } from "node:crypto";

/** A secret in the form of Standard Webhooks: its bytes in base64 after this prefix. */
const PREFIX = "whsec_";

/** Shortest secret in characters. */
export const MIN_WEBHOOK_SECRET = 24;

/** The bytes of a secret: base64 after `whsec_`, else its text in UTF-8. */
export function secretKey(secret: string): Buffer {
  return secret.startsWith(PREFIX) ? Buffer.from(secret.slice(PREFIX.length), "base64") : Buffer.from(secret, "utf8");
}

/** Header fields of a request, as Standard Webhooks has them (standardwebhooks.com). Without a key there is no signature. */
export function webhookHeaders(id: string, seconds: number, body: string, key: Buffer | undefined) {
  const headers = { "content-type": "application/json", "webhook-id": id, "webhook-timestamp": String(seconds) };
  if (key === undefined) return headers;
  const mac = createHmac("sha256", key).update(`${id}.${seconds}.${body}`).digest("base64");
  return { ...headers, "webhook-signature": `v1,${mac}` };
}
