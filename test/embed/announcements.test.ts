import assert from "node:assert/strict";
import { test } from "node:test";
import { announcements } from "../../embed/announcements.ts";
import type { AnnouncedChange, Following } from "../../relay/client/index.ts";

test("a slow reader of announcements gets the last state of each path, and nothing of what began and ended unseen", async () => {
  let tell: (change: Pick<AnnouncedChange, "path" | "active">) => void = () => {};
  const follow = (onChange: (change: AnnouncedChange) => void): Following => {
    tell = (change) => onChange({ hops: [], ...change });
    return { ready: Promise.resolve(true), cut: new Promise(() => {}), close() {} };
  };
  const reader = announcements(follow, new Promise(() => {}), undefined);
  const first = reader.next();
  tell({ path: "a", active: true });
  assert.deepEqual((await first).value, { path: "a", active: true });
  for (let at = 0; at < 10_000; at++) {
    tell({ path: `passing ${at}`, active: true });
    tell({ path: `passing ${at}`, active: false });
  }
  tell({ path: "a", active: false });
  tell({ path: "b", active: true });
  assert.deepEqual((await reader.next()).value, { path: "a", active: false });
  assert.deepEqual((await reader.next()).value, { path: "b", active: true });
  await reader.return();
});
