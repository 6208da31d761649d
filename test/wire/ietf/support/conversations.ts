import type fc from "fast-check";
import type { Capabilities } from "../../../../moq/wire/ietf/index.ts";
import { type Conversation, streamConversations } from "./arbitraries.ts";
import { multiplexedConversations } from "./multiplexed.ts";

/** Any stream with control messages. */
export function conversations(caps: Capabilities): fc.Arbitrary<Conversation> {
  return caps.requestStreams ? streamConversations(caps) : multiplexedConversations(caps);
}
