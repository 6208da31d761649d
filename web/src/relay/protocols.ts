/**
 * Protocols that the page offers to a relay, preferred first. The page's libraries decide which: the relay may support more. Their draft 18 of
 * moq-transport is not offered: that of @moq/watch 0.4 writes a parameter in SUBSCRIBE that this draft does not have, for which a relay must end the
 * session, and that of @moq/publish 0.2 cannot read a SUBSCRIBE of it. They speak draft 14 only where no protocol was offered.
 * `test/browser/protocols.test.ts` checks that the relay supports each of them.
 */

/** Of @moq/net and @moq/watch. */
export const VIEWER_PROTOCOLS: readonly string[] = ["moq-lite-05", "moq-lite-04", "moq-lite-03"];

/** Of @moq/publish, which has an older @moq/net of its own. */
export const PUBLISHER_PROTOCOLS: readonly string[] = ["moq-lite-04", "moq-lite-03"];

/** Protocols that both libraries have besides, offered where the page's address names one of them. */
export const NAMED_PROTOCOLS: readonly string[] = ["moqt-16"];

/** What is offered where the page's address names one protocol: that one, if the library has it. */
export function offered(supported: readonly string[], only: string | undefined): readonly string[] {
  return only === undefined ? supported : [...supported, ...NAMED_PROTOCOLS].filter((name) => name === only);
}
