import assert from "node:assert/strict";
import { test } from "node:test";
import { UsageError } from "../../bench/flags.ts";
import { parseScrape } from "../../bench/scrape/options.ts";
import { scrapeJson } from "../../bench/scrape/report.ts";
import { scrapeFigures } from "../../bench/scrape/scrape.ts";

test("the scrape bench opens 1,000 sessions and 200 broadcasts by default", () => {
  assert.deepEqual(parseScrape([]), { sessions: 1_000, broadcasts: 200, scrapes: 20, json: false });
  assert.throws(() => parseScrape(["--sessions", "2", "--broadcasts", "3"]), UsageError);
});

test("the scrape bench measures a relay with open sessions", async () => {
  const found = scrapeJson(await scrapeFigures({ sessions: 4, broadcasts: 2, scrapes: 1, json: true }));
  assert.equal(found.sessions, 4);
  assert.ok(found.lines > 100 && found.bytes > 10_000);
  assert.ok(found.scrape_ms > 0 && found.longest_stall_ms > 0);
});
