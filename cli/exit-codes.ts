/** Exit codes. They are stable, so scripts may rely on them. */
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
  [EXIT.failed, "The command failed while it ran: a port was taken, a session ended, or a check found a fault."],
  [EXIT.usage, "The command line is wrong."],
  [EXIT.config, "The configuration is wrong; standard error lists every problem."],
  [EXIT.connect, "The relay cannot be reached, or its certificate is not trusted."],
  [EXIT.notFound, "The relay has no such broadcast, track or group, or it did not arrive in time."],
  [EXIT.refused, "The relay refused the session or the request."],
  [EXIT.partial, "The output is incomplete: the relay did not send the rest."],
  [EXIT.interrupted, "Ctrl-C ended the command."],
]);

/** The exit code after a second signal: 128 plus the signal's number, as shells report it. */
export const SIGNAL_EXIT_BASE = 128;
