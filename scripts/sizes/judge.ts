/** How large files and rooms may be. */

export const CEILINGS = {
  /** Lines of a source file that are not blank. */
  fileLines: 400,
  /** The same, of a test. */
  testLines: 600,
  /** Half of the source files have at most this many lines. */
  median: 100,
  /** Nine of ten source files have at most this many lines. */
  p90: 250,
  /** Part of all source lines that the largest room may hold. */
  room: 0.25,
};

/** A file with its path from the root of the repository and its lines that are not blank. */
export interface SizedFile {
  readonly path: string;
  readonly lines: number;
}

export interface Sizes {
  readonly files: number;
  readonly median: number;
  readonly p90: number;
  readonly largestRoom: string;
  /** Part of all lines, 0 to 1. */
  readonly largestPart: number;
}

/** Lines that are not blank. */
export function linesOf(text: string): number {
  return text.split("\n").filter((line) => line.trim() !== "").length;
}

/** Measures source files; tests do not count. The room of a file is the first folder of its path. */
export function measure(files: readonly SizedFile[]): Sizes {
  const sources = files.filter((file) => !isTest(file));
  const lines = sources.map((file) => file.lines).sort((a, b) => a - b);
  const rooms = new Map<string, number>();
  for (const file of sources) rooms.set(roomOf(file), (rooms.get(roomOf(file)) ?? 0) + file.lines);
  const [largestRoom, largest] = [...rooms].reduce((a, b) => (b[1] > a[1] ? b : a), ["", 0]);
  const total = lines.reduce((sum, each) => sum + each, 0);
  return {
    files: sources.length,
    median: at(lines, 0.5),
    p90: at(lines, 0.9),
    largestRoom,
    largestPart: total === 0 ? 0 : largest / total,
  };
}

/** Everything that is over its ceiling, one sentence each. */
export function judge(files: readonly SizedFile[]): string[] {
  const problems: string[] = [];
  for (const file of files) {
    const most = isTest(file) ? CEILINGS.testLines : CEILINGS.fileLines;
    if (file.lines > most) problems.push(`${file.path} has ${file.lines} lines; split it: at most ${most} are allowed`);
  }
  const { median, p90, largestRoom, largestPart } = measure(files);
  if (median > CEILINGS.median) problems.push(`the median of the files is ${median} lines, over ${CEILINGS.median}`);
  if (p90 > CEILINGS.p90) problems.push(`one file in ten has more than ${p90} lines, over ${CEILINGS.p90}`);
  if (largestPart > CEILINGS.room) {
    problems.push(`${largestRoom}/ holds ${percent(largestPart)} of all lines, over ${percent(CEILINGS.room)}`);
  }
  return problems;
}

export function percent(part: number): string {
  return `${Math.round(part * 1000) / 10} %`;
}

function isTest({ path }: SizedFile): boolean {
  return path.startsWith("test/");
}

function roomOf({ path }: SizedFile): string {
  return path.split("/", 1)[0] ?? "";
}

/** The smallest value that at least `part` of the values do not exceed. */
function at(sorted: readonly number[], part: number): number {
  return sorted[Math.max(0, Math.ceil(sorted.length * part) - 1)] ?? 0;
}
