/** moq-relay of moq-dev/moq as a process of its own, at one address, that can be killed and started again. */

import type { MoqRelayProgram } from "../../../bench/relays/moq-relay.ts";
import type { Child } from "../../../bench/system/child.ts";
import { freePorts } from "../../../lab/ports.ts";
import type { MeshWorkspace } from "../../../lab/workspace.ts";

/** Escape sequences that colour its lines. */
// biome-ignore lint/suspicious/noControlCharactersInRegex: escape sequences are what is looked for.
const COLOURS = /\u001b\[[\d;]*m/g;

export class ForeignRelay {
  readonly url: string;
  readonly #program: MoqRelayProgram;
  readonly #workspace: MeshWorkspace;
  readonly #more: readonly string[];
  #child: Child | undefined;
  /** Everything it printed. */
  output = "";

  private constructor(program: MoqRelayProgram, workspace: MeshWorkspace, port: number, more: readonly string[]) {
    this.#program = program;
    this.#workspace = workspace;
    this.#more = more;
    this.url = `https://127.0.0.1:${port}/`;
  }

  /** `more` are flags of moq-relay. The relay does not run yet. */
  static async at(program: MoqRelayProgram, workspace: MeshWorkspace, more: readonly string[] = []) {
    const [port = 0] = await freePorts(1);
    return new ForeignRelay(program, workspace, port, [...more, "--connect-tls-fingerprint", workspace.fingerprint]);
  }

  /** Resolves when it listens. */
  async start(): Promise<void> {
    const { cert, key } = this.#workspace;
    const listening = Promise.withResolvers<void>();
    const child = this.#program.run({
      listen: new URL(this.url).host,
      cert,
      key,
      cores: undefined,
      more: this.#more,
      output: (text) => {
        this.output += text.replace(COLOURS, "");
        if (/ listening /.test(text.replace(COLOURS, ""))) listening.resolve();
      },
    });
    this.#child = child;
    await Promise.race([listening.promise, child.ended]);
  }

  /** Kills the process. */
  async kill(): Promise<void> {
    this.#child?.signal("SIGKILL");
    await this.#child?.gone;
  }

  async stop(): Promise<void> {
    await this.#child?.stop();
  }
}
