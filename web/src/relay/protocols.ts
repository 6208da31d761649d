/**
 * Protocols that the page offers to a relay, preferred first. The page's libraries decide which: the relay may support more.
 * `test/browser/protocols.test.ts` checks that the relay supports each of them.
 */

/** Of @moq/net and @moq/watch. */
export const VIEWER_PROTOCOLS: readonly string[] = ["moq-lite-05", "moq-lite-04", "moq-lite-03", "moqt-18"];

/** Of @moq/publish, which has an older @moq/net of its own. */
export const PUBLISHER_PROTOCOLS: readonly string[] = ["moq-lite-04", "moq-lite-03", "moqt-18"];

/** What is offered where the page's address names one protocol: that one, if the library has it. */
export function offered(supported: readonly string[], only: string | undefined): readonly string[] {
  return only === undefined ? supported : supported.filter((name) => name === only);
}
