/**
 * Loaded into the process of each test file (`npm test`). A file whose tests are over must end by itself: resources that it left
 * open would keep its process, and the whole run, for ever. The file then fails, and the error names what is open.
 */
import { after } from "node:test";
import { patient } from "../../scripts/suite/patience.ts";

/** Milliseconds from the last test of a file to the end of its process. */
const LEAVE_MS = patient(30_000);

// The runner's own process runs no tests.
if (process.env["NODE_TEST_CONTEXT"] !== undefined) {
  after(() => {
    setTimeout(() => {
      console.error(`still open after the last test: ${process.getActiveResourcesInfo().join(", ")}`);
      process.exit(1);
    }, LEAVE_MS).unref();
  });
}
