import type { AdminOptions, AdminServer } from "./admin.ts";

/**
 * Opens the listener for operators. A relay without one does not load the libraries for it. Rejects with the system's error when the port
 * cannot be bound.
 */
export async function listenAdmin(options: AdminOptions): Promise<AdminServer> {
  const admin = await import("./admin.ts");
  return await admin.AdminServer.listen(options);
}
