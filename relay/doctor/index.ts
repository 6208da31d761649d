/** Examines the machine and the network of a relay. */
export { type ExaminationOptions, examine } from "./doctor.ts";
export { sysctlFile } from "./kernel.ts";
