/** The right to act at the admin listeners of relays under test. */
import { writeFile } from "node:fs/promises";
import { join } from "node:path";

export const ADMIN_SECRET = "0123456789abcdef0123456789abcdef";

/** Writes the secret into `folder`. Gives the path of the file, for `http.admin_token_file`. */
export async function writeAdminSecret(folder: string): Promise<string> {
  const file = join(folder, "test.token");
  await writeFile(file, `${ADMIN_SECRET}\n`, { mode: 0o600 });
  return file;
}

/** Asks the admin listener of one relay to revoke. */
export async function revokeAt(port: number | undefined, entry: object, secret = ADMIN_SECRET): Promise<Response> {
  return await fetch(`http://127.0.0.1:${port}/api/v1/revocations`, {
    method: "POST",
    headers: { "Content-Type": "application/json", Authorization: `Bearer ${secret}` },
    body: JSON.stringify(entry),
  });
}
