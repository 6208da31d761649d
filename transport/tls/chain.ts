/** What a client's TLS says about a certificate chain. */

import type { X509Certificate } from "node:crypto";
import { once } from "node:events";
import { duplexPair } from "node:stream";
import type { TLSSocket } from "node:tls";
import type { KeyPairPem } from "../../moq/link.ts";
import { tls } from "../shared/index.ts";
import { certificatesIn } from "./pem.ts";

/** A chain that a client does not trust, or that works in some clients only. */
export interface ChainFault {
  readonly fault:
    | "certificate_self_signed"
    | "certificate_chain_incomplete"
    | "certificate_chain_order"
    | "certificate_chain_expired"
    | "certificate_purpose"
    | "certificate_untrusted";
  /** The end of a sentence that begins with the file's name. */
  readonly message: string;
}

/** Milliseconds for a handshake in memory; far more than one takes. */
const HANDSHAKE_MS = 5_000;

/** By OpenSSL's names. */
const FAULTS: ReadonlyMap<string, ChainFault["fault"]> = new Map([
  ["DEPTH_ZERO_SELF_SIGNED_CERT", "certificate_self_signed"],
  ["UNABLE_TO_VERIFY_LEAF_SIGNATURE", "certificate_chain_incomplete"],
  ["UNABLE_TO_GET_ISSUER_CERT", "certificate_chain_incomplete"],
  ["UNABLE_TO_GET_ISSUER_CERT_LOCALLY", "certificate_chain_incomplete"],
  ["CERT_HAS_EXPIRED", "certificate_chain_expired"],
  ["CERT_NOT_YET_VALID", "certificate_chain_expired"],
  ["INVALID_PURPOSE", "certificate_purpose"],
]);

/**
 * Shows the chain of a server to a TLS client in this process that trusts the public authorities, those of this system, and `authorities`
 * (PEM). Names are not compared. Undefined when the client trusts the chain and it is in order. A self-signed certificate is trusted where it
 * is one of `authorities`: one that this system trusts is nothing to clients on other machines.
 */
export async function checkServerChain(
  pair: KeyPairPem,
  authorities: readonly string[],
): Promise<ChainFault | undefined> {
  const chain = certificatesIn(pair.cert);
  let verdict = await shownToClient(pair, [...authorities]);
  // Node keeps the authorities of the system for ever once it has read them: 4 MB of the process.
  if (verdict !== undefined && !isSelfSigned(chain)) {
    verdict = await shownToClient(pair, undefined);
    if (verdict !== undefined)
      verdict = await shownToClient(pair, [...tls.getCACertificates("system"), ...authorities]);
  }
  return verdict === undefined ? disorder(chain) : explained(verdict, chain, "serverAuth");
}

/** Not by `checkIssued`, which says no where the certificate may not sign others. */
function isSelfSigned([leaf]: readonly X509Certificate[]): boolean {
  return leaf !== undefined && leaf.subject === leaf.issuer && leaf.verify(leaf.publicKey);
}

/** Shows the chain of a client to a TLS server that trusts `authorities` alone. Undefined when it trusts the chain. */
export async function checkClientChain(pair: KeyPairPem, authorities: string): Promise<ChainFault | undefined> {
  const verdict = await shownToServer(pair, authorities);
  return verdict === undefined ? undefined : explained(verdict, certificatesIn(pair.cert), "clientAuth");
}

function explained(verdict: string, chain: readonly X509Certificate[], use: string): ChainFault {
  const fault = FAULTS.get(verdict) ?? "certificate_untrusted";
  const last = chain.at(-1);
  const ended = chain.find(({ validToDate }) => validToDate.getTime() < Date.now());
  const texts: Record<ChainFault["fault"], string> = {
    certificate_self_signed: "is self-signed: clients trust it by its fingerprint only",
    certificate_chain_incomplete: `ends with a certificate of ${nameOf(last?.issuer)}, and neither the file nor the authorities that clients trust have the certificate of that authority`,
    certificate_chain_order: "",
    certificate_chain_expired: `has a certificate in its chain, ${nameOf(ended?.subject)}, that is not valid now`,
    certificate_purpose: `is not for this use: its extended key usage lacks ${use}`,
    certificate_untrusted: `leads to ${nameOf(last?.subject)}, which is no authority that clients trust (${verdict})`,
  };
  return { fault, message: texts[fault] };
}

/** Clients that build no paths themselves need each certificate to be that of the signer of the one before. */
function disorder(chain: readonly X509Certificate[]): ChainFault | undefined {
  const at = chain.findIndex((one, index) => index > 0 && chain[index - 1]?.checkIssued(one) === false);
  if (at < 0) return undefined;
  const message = `has number ${at + 1}, ${nameOf(chain[at]?.subject)}, behind a certificate that it did not sign: some clients do not trust such a chain`;
  return { fault: "certificate_chain_order", message };
}

function nameOf(subject: string | undefined): string {
  return JSON.stringify((subject ?? "").replaceAll("\n", ", "));
}

/** OpenSSL's name of what a client does not like about a server's chain. `authorities`: those that it trusts; undefined: the public ones. */
async function shownToClient(
  { cert, key }: KeyPairPem,
  authorities: string[] | undefined,
): Promise<string | undefined> {
  const server = tls.createServer({ cert, key });
  const [near, far] = duplexPair();
  const client = tls.connect({ socket: far, ...UNJUDGED, ...(authorities && { ca: authorities }) });
  const signal = AbortSignal.timeout(HANDSHAKE_MS);
  try {
    server.emit("connection", near);
    await once(client, "secureConnect", { signal });
    return verdictOf(client);
  } finally {
    client.destroy();
    near.destroy();
  }
}

/** OpenSSL's name of what a server does not like about a client's chain. */
async function shownToServer({ cert, key }: KeyPairPem, authorities: string): Promise<string | undefined> {
  const server = tls.createServer({ cert, key, ca: authorities, requestCert: true, rejectUnauthorized: false });
  const [near, far] = duplexPair();
  const client = tls.connect({ socket: far, cert, key, ...UNJUDGED });
  const { promise, resolve, reject } = Promise.withResolvers<TLSSocket>();
  server.once("secureConnection", resolve);
  server.once("tlsClientError", reject);
  client.once("error", reject);
  try {
    server.emit("connection", near);
    return verdictOf(await promise);
  } finally {
    client.destroy();
    near.destroy();
  }
}

/** The handshake goes on to its end, so that its verdict can be read. */
const UNJUDGED = { rejectUnauthorized: false, checkServerIdentity: () => undefined };

/** Node has OpenSSL's name where its types say that there is an error. */
function verdictOf({ authorized, authorizationError }: TLSSocket): string | undefined {
  if (authorized) return undefined;
  return authorizationError instanceof Error ? authorizationError.message : String(authorizationError);
}
