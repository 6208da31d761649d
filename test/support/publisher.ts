/** A publisher of groups that are known before it starts. */
import type { Trust } from "../../moq/link.ts";
import type { Source, SubgroupWriter } from "../../moq/model/contract.ts";
import { GroupIntoFetch } from "../../moq/model/fetched-group.ts";
import { wholeGroup } from "../../moq/model/locations.ts";
import type { Session } from "../../moq/session/index.ts";
import { patient } from "../../scripts/suite/patience.ts";
import { clientBroadcasts, dialling, openClient, type SessionEnd } from "./client.ts";

const TIMEOUT_MS = patient(5_000);

export interface GroupsPublisher {
  readonly session: Session;
  readonly closed: Promise<SessionEnd>;
  /** Announces one more broadcast with the same groups. */
  publish(path: string): void;
}

/** Publishes `path` with groups of `track` at the relay at `url`; the last group is the newest. */
export async function publishTo(
  url: URL,
  path: string,
  track: string,
  groups: readonly (readonly string[])[],
  trust: Trust = { kind: "system" },
): Promise<GroupsPublisher> {
  const broadcasts = clientBroadcasts();
  const source = sourceOf(track, groups);
  const publish = (at: string) => void broadcasts.publish(at, { epoch: 0n, hops: [], cost: 0, ended: false }, source);
  publish(path);
  // The newest version without SETUP, unless the path is in SETUP.
  const protocol = url.protocol === "moql:" ? "moq-lite-05" : "moq-lite-04";
  const dial = dialling(url, { trust, protocol, timeoutMs: TIMEOUT_MS });
  const { client, ended } = await openClient(dial, { broadcasts });
  return { session: client.session, closed: ended, publish };
}

function sourceOf(name: string, groups: readonly (readonly string[])[]): Source {
  const info = { priority: 0, ordered: false, maxLatency: 10_000, timescale: 1_000 };
  const send = (writer: SubgroupWriter, frames: readonly string[]) => {
    for (const frame of frames) {
      const bytes = Buffer.from(frame);
      writer.object(bytes.length, undefined);
      if (bytes.length > 0) writer.payload(bytes);
      writer.end();
    }
    writer.finish();
  };
  return {
    hasInfo: false,
    info: () => () => {},
    subscribe(_path, track, _options, sink) {
      queueMicrotask(() => {
        if (track !== name) return sink.closed("not_found");
        sink.info(info);
        const newest = groups.length - 1;
        const writer = sink.subgroup(wholeGroup(newest));
        if (typeof writer !== "string") send(writer, groups[newest] ?? []);
      });
      return { update: () => {}, cancel: () => {} };
    },
    fetch(_path, track, { start }, _priority, writer) {
      const frames = groups[start.group];
      if (track !== name || frames === undefined) writer.reset("not_found");
      else send(new GroupIntoFetch(start.group, writer), frames);
      return () => {};
    },
  };
}
