import uPlot from "uplot";

/** Points of a plot: five minutes at one point in two seconds. */
const POINTS = 150;

export interface Series {
  readonly name: string;
  /** A colour of the style sheet, such as `--accent`. */
  readonly color: string;
}

/** A plot of the last five minutes. It keeps its points while other views are open. */
export class LivePlot {
  readonly #series: readonly Series[];
  readonly #format: (value: number) => string;
  readonly #floor: number;
  readonly #times: number[] = [];
  readonly #values: (number | null)[][];
  #plot: uPlot | undefined;
  #resize: ResizeObserver | undefined;

  /** `floor`: the top of the axis is at least this. */
  constructor(series: readonly Series[], format: (value: number) => string, floor: number) {
    this.#series = series;
    this.#format = format;
    this.#floor = floor;
    this.#values = series.map(() => []);
  }

  /** `values` in the order of the series. */
  add(values: readonly (number | undefined)[]): void {
    this.#times.push(Date.now() / 1000);
    for (const [n, list] of this.#values.entries()) list.push(values[n] ?? null);
    if (this.#times.length > POINTS) for (const list of [this.#times, ...this.#values]) list.shift();
    this.#plot?.setData([this.#times, ...this.#values]);
  }

  /** Draws into `host`, in the colours of the theme. */
  draw(host: HTMLElement): void {
    this.close();
    const style = getComputedStyle(document.documentElement);
    const colorOf = (name: string) => resolveColor(host, style.getPropertyValue(name));
    const axis = { stroke: colorOf("--quiet"), grid: { stroke: colorOf("--line"), width: 1 }, ticks: { show: false } };
    const format = this.#format;
    this.#plot = new uPlot(
      {
        width: Math.max(200, host.clientWidth),
        height: 180,
        cursor: { y: false },
        scales: { y: { range: (_, __, max) => [0, Math.max(this.#floor, max * 1.1)] } },
        axes: [
          { ...axis, space: 70 },
          { ...axis, size: 84, values: (_, splits) => splits.map((value) => format(value)) },
        ],
        series: [
          {},
          ...this.#series.map(({ name, color }) => ({
            label: name,
            stroke: colorOf(color),
            width: 2,
            value: (_: uPlot, value: number | null) => (value === null ? "–" : format(value)),
          })),
        ],
      },
      [this.#times, ...this.#values],
      host,
    );
    this.#resize = new ResizeObserver(() =>
      this.#plot?.setSize({ width: Math.max(200, host.clientWidth), height: 180 }),
    );
    this.#resize.observe(host);
  }

  close(): void {
    this.#resize?.disconnect();
    this.#plot?.destroy();
    this.#plot = undefined;
  }
}

/** A canvas does not know `light-dark()`, so an element of the page resolves it. */
function resolveColor(host: HTMLElement, value: string): string {
  const probe = document.createElement("span");
  probe.style.color = value;
  host.append(probe);
  const { color } = getComputedStyle(probe);
  probe.remove();
  return color;
}
