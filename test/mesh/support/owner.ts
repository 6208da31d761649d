/** Starts one relay of a mesh, reports its process id and its folder, and keeps running. */
import { Mesh } from "../../../lab/mesh.ts";

const mesh = await Mesh.make({ shape: { origins: 1, regionals: 0, edges: 0 }, engine: "auto", say: () => {} });
const [origin] = mesh.role("origin");
await origin?.start();
process.send?.({ pid: origin?.pid, folder: mesh.workspace.folder });
