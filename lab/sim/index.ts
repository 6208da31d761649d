export { badNetwork } from "./bad-network.ts";
/** Whole meshes in one process, over a simulated network, with a clock turned by hand. */
export { growthOf, SIZES } from "./growth.ts";
export { Ordeal } from "./ordeal.ts";
