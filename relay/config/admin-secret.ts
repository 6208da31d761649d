import { join } from "node:path";

/** Where a relay without `http.admin_token_file` keeps the secret of its admin API; `stateDir` is `tls.state_dir`. */
export function ownSecretFile(stateDir: string): string {
  return join(stateDir, "admin.token");
}
