import type { Source } from "../../moq/model/index.ts";

/** The source of announcements in control sessions, which carry no media: every request fails with `not_found`. */
export const NULL_SOURCE: Source = {
  hasInfo: false,
  subscribe: (_path, _track, _options, sink) => {
    sink.closed("not_found");
    return { update: () => {}, cancel: () => {} };
  },
  info: (_path, _track, answer) => {
    answer("not_found");
    return () => {};
  },
  fetch: (_path, _track, _sequence, _priority, writer) => {
    writer.reset("not_found");
    return () => {};
  },
};
