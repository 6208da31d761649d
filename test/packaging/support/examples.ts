/** The examples of docs/embed.md, as files beside the installed package. */
import { execFile } from "node:child_process";
import { mkdir, readFile, symlink, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";

const run = promisify(execFile);
const root = fileURLToPath(new URL("../../../", import.meta.url));

/** A program's settings, as `tsc --init` recommends them and stricter. */
const TSCONFIG = {
  compilerOptions: {
    target: "es2024",
    lib: ["es2024", "esnext.disposable"],
    module: "nodenext",
    types: ["node"],
    strict: true,
    exactOptionalPropertyTypes: true,
    noUncheckedIndexedAccess: true,
    noPropertyAccessFromIndexSignature: true,
    skipLibCheck: false,
    noEmit: true,
  },
};

export interface Example {
  readonly file: string;
  readonly language: "ts" | "js";
}

/** Writes each example into a file of `home`, in the order of the page. */
export async function writeExamples(home: string): Promise<Example[]> {
  const page = await readFile(join(root, "docs", "embed.md"), "utf8");
  const blocks = [...page.matchAll(/^```(ts|js)\n(.*?)^```$/gms)];
  return await Promise.all(
    blocks.map(async ([, kind, code = ""], index) => {
      const language = kind === "ts" ? "ts" : "js";
      const file = join(home, `example-${index + 1}.m${language}`);
      await writeFile(file, code);
      return { file, language } as const;
    }),
  );
}

/** Longest text of the compiler that an error repeats. */
const SHOWN = 2_000;

/** Compiles TypeScript files of `home` in strict mode, with `more` options. Rejects with what the compiler says. */
export async function compile(home: string, files: readonly string[], more: object = {}): Promise<void> {
  await mkdir(join(home, "node_modules", "@types"), { recursive: true });
  await symlink(join(root, "node_modules", "@types", "node"), join(home, "node_modules", "@types", "node")).catch(
    () => {},
  );
  await writeFile(
    join(home, "tsconfig.json"),
    JSON.stringify({ compilerOptions: { ...TSCONFIG.compilerOptions, ...more }, files }),
  );
  try {
    await run(join(root, "node_modules", ".bin", "tsc"), ["-p", home], { cwd: home });
  } catch (error) {
    const said = error instanceof Error && "stdout" in error ? error.stdout : error;
    throw new Error(String(said).slice(0, SHOWN), { cause: error });
  }
}
