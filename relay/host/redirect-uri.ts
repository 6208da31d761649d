/** The URI to which a session is redirected: its own path at another relay, without its query, which may contain a token. */
export function redirectUri(uri: string, path: string): string {
  const at = new URL(uri);
  at.pathname = `${at.pathname.replace(/\/+$/, "")}${path === "" ? "/" : path}`;
  return at.href;
}
