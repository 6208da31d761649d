/** Prefix of the subject of tokens and certificates that a relay makes for itself; other subjects are just a name. */
const MADE_BY_RELAY = "relay ";

/** The `sub` of a token that the relay makes for itself. Revocations name it. */
export function subjectOf(node: string): string {
  return `${MADE_BY_RELAY}${node}`;
}

/** The relay's name in a subject. Where the subject names something else, such as a person, no relay's name equals the result. */
export function nodeOf(subject: string): string {
  return subject.startsWith(MADE_BY_RELAY) ? subject.slice(MADE_BY_RELAY.length) : subject;
}
