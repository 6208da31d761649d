/** Exit codes, stable: scripts may rely on them. */
export const EXIT = {
  ok: 0,
  failed: 1,
  usage: 2,
  config: 3,
  connect: 4,
  notFound: 5,
  refused: 6,
  partial: 7,
  interrupted: 130,
} as const;

export type ExitCode = (typeof EXIT)[keyof typeof EXIT];

/** What each code means, for `--help` and the reference page. */
export const EXIT_MEANINGS: ReadonlyMap<ExitCode, string> = new Map([
  [EXIT.ok, "Done."],
  [EXIT.failed, "It failed while running, such as a port that is taken or a session that broke."],
  [EXIT.usage, "The command line is wrong."],
  [EXIT.config, "The configuration is wrong; every problem is listed."],
  [EXIT.connect, "The relay cannot be reached, or its certificate is not trusted."],
  [EXIT.notFound, "The relay has no such broadcast, track or group, or none came in time."],
  [EXIT.refused, "The relay refused it."],
  [EXIT.partial, "What was printed is only a part: the relay did not tell the rest."],
  [EXIT.interrupted, "Ctrl-C ended it."],
]);

/** Ending at a second signal: 128 and the signal's number, as shells report it. */
export const SIGNAL_EXIT_BASE = 128;
