/**
 * Reports errors that nothing else has caught (in a timer, a socket event, a promise) and keeps the process running, because its end would
 * end every session. It does so until the returned function is called.
 */
export function containDefects(report: (error: unknown) => void): () => void {
  const contain = (error: unknown) => report(error);
  process.on("uncaughtException", contain);
  process.on("unhandledRejection", contain);
  return () => {
    process.off("uncaughtException", contain);
    process.off("unhandledRejection", contain);
  };
}
