/** The certificates of the relay's listeners, and the authorities for those of clients. */
import {
  type CertificateState,
  type ChainFault,
  certificatesIn,
  checkServerChain,
  dnsNames,
  loadCertificate,
  type PemFiles,
  pemName,
  readAuthorities,
  readPem,
} from "../../transport/tls/index.ts";
import { type Config, dialledNames } from "../config/index.ts";
import { certificateChecks } from "../health/index.ts";
import { pemPairs } from "../host/index.ts";
import type { FindingList, KeyWithFile } from "./findings.ts";

export interface CertificateSources {
  /** Milliseconds since 1970. */
  readonly wallNow: () => number;
  /** PEM file of authorities that clients of this relay trust besides the public ones. */
  readonly authorities?: string | undefined;
}

const REMEDIES: Readonly<Record<ChainFault["fault"], string>> = {
  certificate_self_signed:
    "get one from an authority, or remove `cert` and `key`: then the relay makes one and renews it",
  certificate_chain_incomplete:
    "append the certificate of the signer to the file (`fullchain.pem` of ACME clients has it); for an authority of your own use `check --ca FILE`",
  certificate_chain_order: "put the server's own certificate first, and behind each one that of its signer",
  certificate_chain_expired: "get the present chain from the authority",
  certificate_purpose: "get a certificate for TLS servers",
  certificate_untrusted: "for an authority of your own, which clients are given, use `check --ca FILE`",
};

/** Loads each pair as a relay does. Then: names, the time that is left, and what a client's TLS says about the chain. */
export async function inspectCertificates(
  found: FindingList,
  config: Config,
  sources: CertificateSources,
): Promise<void> {
  const extra = await authoritiesOfClients(found, config, sources);
  const seen = new Map<string, string>();
  for (const [index, files] of pemPairs(config).entries()) {
    const main = config.tls.cert !== undefined && index === 0;
    const pair: Pair = {
      files,
      main,
      certKey: main ? "tls.cert" : "tls.certificates",
      keyKey: main ? "tls.key" : "tls.certificates",
    };
    const state = await loadPair(found, config, sources, pair);
    if (state === undefined) continue;
    await inspectPair(found, config, sources, { ...pair, state, extra });
    for (const name of certificatesIn(state.certificate.cert).slice(0, 1).flatMap(dnsNames)) {
      const first = seen.get(name);
      if (first === undefined) seen.set(name, pemName(files.cert));
      else if (!main) {
        const message = `${pemName(files.cert)} is for ${name}, and so is ${first}, which clients get`;
        found.warn("certificate_name_twice", pair.certKey, message);
      }
    }
  }
}

/** A certificate of the configuration, and the keys that name it. */
interface Pair {
  readonly files: PemFiles;
  /** That of `tls.cert`; the others are for further names. */
  readonly main: boolean;
  readonly certKey: string;
  readonly keyKey: string;
}

async function loadPair(
  found: FindingList,
  { tls }: Config,
  { wallNow }: CertificateSources,
  { files, main, certKey, keyKey }: Pair,
): Promise<CertificateState | undefined> {
  const texts = await Promise.all([
    found.load(() => readPem(files.cert, "certificate"), "certificate_invalid", [[certKey, pemName(files.cert)]]),
    found.load(() => readPem(files.key, "key"), "key_invalid", [[keyKey, pemName(files.key)]]),
  ]);
  if (texts.includes(undefined)) return undefined;
  const { stateDir, hosts } = tls;
  const options = { files, further: main ? [] : [files], stateDir, hosts, wallNow };
  return await found.load(() => loadCertificate(options), "certificate_invalid", [
    [keyKey, pemName(files.key)],
    [certKey, pemName(files.cert)],
  ]);
}

/** `extra`: authorities that clients trust besides the public ones, PEM. */
async function inspectPair(
  found: FindingList,
  config: Config,
  { wallNow }: CertificateSources,
  pair: Pair & { readonly state: CertificateState; readonly extra: readonly string[] },
): Promise<void> {
  const { files, main, certKey, state, extra } = pair;
  const { certificate, selfSigned } = state;
  const served = { certificate, generated: false, selfSigned };
  const names = main ? [...dialledNames(config).keys()] : [];
  checkDates(found, certKey, { served: () => served, wallNow, warnDays: () => config.tls.warnDays, names });
  const fault = await checkServerChain(certificate, extra);
  if (fault !== undefined) {
    found.warn(
      fault.fault,
      certKey,
      `the certificate in ${pemName(files.cert)} ${fault.message}`,
      REMEDIES[fault.fault],
    );
  }
}

/** The same checks as of a relay that runs. */
function checkDates(found: FindingList, key: string, deps: Parameters<typeof certificateChecks>[0]): void {
  for (const check of certificateChecks(deps)) {
    const { code } = check;
    const text = check.run();
    if (typeof text !== "string") continue;
    if (code === "certificate_name_mismatch") {
      found.warn(code, key, text, "get a certificate with these names, or correct `[cluster] url` and `public_url`");
    } else if (code === "certificate_expires_soon") {
      found.warn(code, key, text, "renew it; a relay that runs loads the new files by itself");
    }
  }
}

async function authoritiesOfClients(found: FindingList, { cluster, tls }: Config, sources: CertificateSources) {
  if (tls.cert === undefined && tls.certificates.length === 0) return [];
  const read = async (file: string | undefined) =>
    file === undefined ? [] : [await readAuthorities(file).catch(() => "")].filter((pem) => pem !== "");
  const given = sources.authorities;
  if (given !== undefined) await found.load(() => readAuthorities(given), "authorities_invalid", [["", given]]);
  return [...(await read(cluster.ca)), ...(await read(given))];
}

/** Files of authorities, each by itself. */
export async function inspectAuthorities(
  found: FindingList,
  files: readonly KeyWithFile[],
  wallNow: () => number,
): Promise<void> {
  await Promise.all(
    files.map(async ([key, file]) => {
      if (file === undefined) return;
      const pem = await found.load(() => readAuthorities(file), "authorities_invalid", [[key, file]]);
      for (const one of certificatesIn(pem ?? "")) {
        const name = JSON.stringify(one.subject.replaceAll("\n", ", "));
        if (one.validToDate.getTime() < wallNow()) {
          const message = `${file} has the authority ${name}, which expired on ${one.validToDate.toISOString()}`;
          found.warn(
            "authority_expired",
            key,
            message,
            "remove this certificate from the file, or replace it by the new one of the authority",
          );
        } else if (!one.ca && one.subject !== one.issuer) {
          const message = `${file} has ${name}, which is no authority: it cannot sign other certificates`;
          found.warn("authority_not_ca", key, message, "name the certificate of the authority that signed it");
        }
      }
    }),
  );
}
