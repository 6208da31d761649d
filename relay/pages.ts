import { fileURLToPath } from "node:url";

/** Folders of the built pages. Their paths are the same from `relay/` in a checkout and from `dist/` in a package. */
export const PAGE_FOLDER = fileURLToPath(new URL("../web/dist/demo/", import.meta.url));
export const DASHBOARD_FOLDER = fileURLToPath(new URL("../web/dist/dashboard/", import.meta.url));
