/** Schemes of URLs for QUIC without HTTP: `moqt:` as moq-transport has it, and `moql:` as moq-lite's programs have it. */
const SCHEMES: readonly string[] = ["moqt:", "moql:"];

/** Whether a URL asks for QUIC without HTTP. */
export function isRawQuic({ protocol }: URL): boolean {
  return SCHEMES.includes(protocol);
}
