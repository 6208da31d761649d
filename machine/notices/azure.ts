import * as z from "zod";
import { bodyOf, type Notice, type NoticeSource, type SourceDeps } from "./contract.ts";

const HEADERS = { Metadata: "true" };
const EVENTS = "/metadata/scheduledevents?api-version=2020-07-01";
const NAME = "/metadata/instance/compute/name?api-version=2021-02-01&format=text";

/** Milliseconds for the first answer: the service for events starts with the first question, which may take two minutes. */
const FIRST_TIMEOUT_MS = 125_000;

/** Events that end the machine or its programs. `Freeze` pauses it for seconds, which sessions outlive. */
const ENDS: Readonly<Record<string, Pick<Notice, "kind" | "text">>> = {
  Preempt: { kind: "interruption", text: "Azure will evict this spot machine" },
  Terminate: { kind: "scale_in", text: "Azure will delete this machine" },
  Reboot: { kind: "maintenance", text: "Azure will restart this machine" },
  Redeploy: { kind: "maintenance", text: "Azure will move this machine to another host" },
};

const events = z.object({
  Events: z.array(
    z.object({
      EventId: z.string(),
      EventType: z.string(),
      EventStatus: z.string(),
      Resources: z.array(z.string()),
      /** Empty once the event has begun. */
      NotBefore: z.string(),
    }),
  ),
});

/** Scheduled events of Azure. The list has those of all machines of a scale set. */
export function azureNotices({ ask, wallNow }: SourceDeps): NoticeSource {
  let name: string | undefined;
  let asked = false;
  return {
    async poll() {
      name ??= bodyOf("the name of the machine", await ask(NAME, { headers: HEADERS })).trim();
      const slow = asked ? {} : { timeoutMs: FIRST_TIMEOUT_MS };
      const { Events } = events.parse(
        JSON.parse(bodyOf("scheduled events", await ask(EVENTS, { headers: HEADERS, ...slow }))),
      );
      asked = true;
      const own = name;
      return Events.filter(({ Resources }) => Resources.includes(own)).flatMap((event) => {
        const what = ENDS[event.EventType];
        if (what === undefined) return [];
        const at = Date.parse(event.NotBefore);
        const endsAt = Number.isNaN(at) ? wallNow() : at;
        return [{ ...what, id: event.EventId, endsAt }];
      });
    },
    async acknowledge({ id }) {
      const body = JSON.stringify({ StartRequests: [{ EventId: id }] });
      bodyOf("the start of an event", await ask(EVENTS, { method: "POST", headers: HEADERS, body }));
    },
  };
}
