import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { parse } from "yaml";
import { divided, fasterExpression, fasterRules } from "../../lab/monitoring/index.ts";

describe("times of rules", () => {
  it("are divided", () => {
    assert.equal(divided("5m", 30), "10000ms");
    assert.equal(divided("1h30m", 60), "90000ms");
    assert.equal(divided("500ms", 1), "500ms");
    assert.equal(divided("1s", 10_000), "1ms");
  });

  it("are refused when they are none", () => {
    for (const text of ["", "5", "m", "5 m", "5x"]) assert.throws(() => divided(text, 2), /is no duration/);
  });

  it("are divided in windows, subqueries and offsets, and nowhere else", () => {
    assert.equal(
      fasterExpression("rate(a_5m[5m]) > 3 * avg_over_time(b:rate5m[1h] offset 15m) + 7 * 86400", 60),
      "rate(a_5m[5000ms]) > 3 * avg_over_time(b:rate5m[60000ms] offset 15000ms) + 7 * 86400",
    );
    assert.equal(
      fasterExpression("max_over_time(up[1h:1m] offset -1h)", 60),
      "max_over_time(up[60000ms:1000ms] offset -60000ms)",
    );
    assert.equal(fasterExpression('x{code=~"[a-z]+"}', 60), 'x{code=~"[a-z]+"}');
  });

  it("are divided in a whole file, which is else as it was", () => {
    const text = `
groups:
  - name: one
    interval: 30s
    rules:
      - { alert: A, expr: "rate(a[5m]) > 1", for: 2m, labels: { severity: critical } }
      - { record: r, expr: b }
`;
    assert.deepEqual(parse(fasterRules(text, 10)), {
      groups: [
        {
          name: "one",
          interval: "3000ms",
          rules: [
            { alert: "A", expr: "rate(a[30000ms]) > 1", for: "12000ms", labels: { severity: "critical" } },
            { record: "r", expr: "b" },
          ],
        },
      ],
    });
  });
});
