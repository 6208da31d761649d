import { bodyOf, type MetadataAnswer, type Notice, type NoticeSource, type SourceDeps } from "./contract.ts";

const HEADERS = { "Metadata-Flavor": "Google" };
const PATH = "/computeMetadata/v1/instance";

/** Milliseconds from the notice to the end of a spot or preemptible machine, and to the begin of the maintenance of one that cannot move. */
const PREEMPTION_MS = 30_000;
const MAINTENANCE_MS = 60_000;

/** Milliseconds beyond the wait that an answer may take. */
const SLACK_MS = 5_000;

/** Notices of Google Compute Engine: preemption, and maintenance of the host for which the machine is stopped. */
export function googleNotices({ ask, wallNow, everyMs }: SourceDeps): NoticeSource {
  /** The version of the value that was read last: the service answers when there is another one. */
  let etag: string | undefined;
  /** When each notice was seen first, in milliseconds since 1970: the service does not say it. */
  const since = new Map<string, number>();

  const notice = (what: Omit<Notice, "endsAt">, lastsMs: number): Notice => {
    const at = since.get(what.id) ?? wallNow();
    since.set(what.id, at);
    return { ...what, endsAt: at + lastsMs };
  };

  return {
    async poll() {
      const wait = Math.max(1, Math.round(everyMs / 1_000));
      const query =
        etag === undefined ? "" : `?wait_for_change=true&timeout_sec=${wait}&last_etag=${encodeURIComponent(etag)}`;
      const timeoutMs = wait * 1_000 + SLACK_MS;
      const preempted = await ask(`${PATH}/preempted${query}`, { headers: HEADERS, timeoutMs });
      const isPreempted = read("preempted", preempted) === "TRUE";
      etag = preempted.headers.get("etag") ?? undefined;
      const maintenance = read("maintenance-event", await ask(`${PATH}/maintenance-event`, { headers: HEADERS }));
      const found: Notice[] = [];
      if (isPreempted) {
        const text = "Google Cloud preempts this machine";
        found.push(notice({ kind: "interruption", id: "preempted", text }, PREEMPTION_MS));
      } else since.delete("preempted");
      if (maintenance === "TERMINATE_ON_HOST_MAINTENANCE") {
        const text = "Google Cloud will stop this machine for maintenance of its host";
        found.push(notice({ kind: "maintenance", id: "maintenance", text }, MAINTENANCE_MS));
      } else since.delete("maintenance");
      return found;
    },
  };
}

/** Throws for an answer that is not of the metadata service. */
function read(what: string, answer: MetadataAnswer): string {
  const text = bodyOf(what, answer);
  if (answer.headers.get("metadata-flavor") !== "Google") throw new Error(`${what}: the answer is not Google's`);
  return text.trim();
}
