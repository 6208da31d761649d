/** Notices of a cloud that the machine will end. */
import type { Clock } from "../../moq/clock.ts";
import { awsNotices } from "./aws.ts";
import { azureNotices } from "./azure.ts";
import type { NoticeSource, SourceDeps } from "./contract.ts";
import { googleNotices } from "./google.ts";
import { askMetadata, METADATA_URL } from "./metadata.ts";

export { NOTICE_KINDS, type Notice } from "./contract.ts";
export { isMetadataUrl, METADATA_URL } from "./metadata.ts";
export { NoticeWatch } from "./watch.ts";

const SOURCES = { aws: awsNotices, google: googleNotices, azure: azureNotices } as const;

/** Clouds whose notices the relay reads. */
export const CLOUDS = ["aws", "google", "azure"] as const satisfies readonly (keyof typeof SOURCES)[];

export interface NoticesOptions extends Pick<SourceDeps, "wallNow" | "everyMs"> {
  readonly cloud: (typeof CLOUDS)[number];
  /** Of the metadata service; default {@link METADATA_URL}. */
  readonly url?: string | undefined;
  readonly clock: Clock;
}

/** The metadata service of a cloud. */
export function noticesOf({ cloud, url = METADATA_URL, clock, ...deps }: NoticesOptions): NoticeSource {
  return SOURCES[cloud]({ ...deps, ask: askMetadata(url, clock) });
}
