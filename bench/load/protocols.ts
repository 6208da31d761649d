import { capabilities, STABLE_PROTOCOLS } from "../../moq/wire/lite/index.ts";

/**
 * Versions of moq-lite in which a viewer sees one track that goes on when its publisher is replaced. In moq-lite 06 the subscription would end,
 * which would count as a loss though the relay does as the text says.
 */
export const LASTING_PROTOCOLS: readonly string[] = STABLE_PROTOCOLS.filter(
  (protocol) => capabilities(protocol)?.firstHopIdentity !== true,
);
