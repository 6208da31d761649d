/** Which relay a token or a certificate is of: its subject is `relay NAME` where the relay made it itself, or just the name. */
const MADE_BY_RELAY = "relay ";

/** The `sub` of a token that the relay makes for itself; it is what such a token is revoked by. */
export function subjectOf(node: string): string {
  return `${MADE_BY_RELAY}${node}`;
}

/** The name that a subject gives; of one that names no relay, such as a person, no relay's name is equal to it. */
export function nodeOf(subject: string): string {
  return subject.startsWith(MADE_BY_RELAY) ? subject.slice(MADE_BY_RELAY.length) : subject;
}
