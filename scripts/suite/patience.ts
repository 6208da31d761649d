/**
 * Longer time limits where tests run on a slow machine: `MOQMESH_TEST_PATIENCE=4` makes four times as long each limit that only
 * ends what hangs. What a test promises, such as a gap in milliseconds, stays as it is.
 */
const factor = Number(process.env["MOQMESH_TEST_PATIENCE"] ?? "1");
if (!(factor >= 1))
  throw new Error("MOQMESH_TEST_PATIENCE: want a number from 1 on, by which the tests' time limits are multiplied");

/** `ms` milliseconds, longer where the machine is slow. */
export const patient = (ms: number): number => ms * factor;
