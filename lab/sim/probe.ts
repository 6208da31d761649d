/** What a simulation sees of its relays, without a change to what they do. */
import type { MeshProbe, Peers, Registrar } from "../../cluster/index.ts";
import type { Source } from "../../moq/model/index.ts";
import type { AnnounceTable } from "../../moq/session/index.ts";

/** What relays do, for the checks of a simulation. `self` is the name of the relay. */
export interface WorldEvents {
  /** A relay registers that it has a broadcast first-hand, or withdraws that. */
  held(self: string, path: string): void;
  released(self: string, path: string): void;
  /** A root says to a relay that another relay, or a broadcast of that one, is gone. */
  nodeGone(self: string, node: string): void;
  holdingGone(self: string, path: string, node: string): void;
  /** A relay subscribes to a track at another, until the returned function is called. */
  subscribed(self: string, node: string, path: string, track: string): () => void;
}

/** Reports what passes between the parts of the relay's node. */
export function probe(self: string, events: WorldEvents): MeshProbe {
  return {
    registrar: (registrar) => watchedRegistrar(self, registrar, events),
    peers: (peers) => watchedPeers(self, peers, events),
  };
}

function watchedRegistrar(self: string, registrar: Registrar, events: WorldEvents): Registrar {
  return {
    hold: (holding) => {
      events.held(self, holding.path);
      registrar.hold(holding);
    },
    release: (path) => {
      events.released(self, path);
      registrar.release(path);
    },
    ask: (scope, sink) =>
      registrar.ask(scope, {
        node: (info) => sink.node(info),
        holding: (holding) => sink.holding(holding),
        complete: () => sink.complete(),
        nodeGone: (node) => {
          events.nodeGone(self, node);
          sink.nodeGone(node);
        },
        holdingGone: (path, node) => {
          // A rival's holding also goes from this answer when the relay itself no longer has the broadcast.
          if (scope.kind !== "rivals") events.holdingGone(self, path, node);
          sink.holdingGone(path, node);
        },
      }),
  };
}

function watchedPeers(self: string, peers: Peers, events: WorldEvents): Peers {
  return {
    use: (node, user) =>
      peers.use(node, {
        up: (source) => user.up(watchedSource(source, (path, track) => events.subscribed(self, node, path, track))),
        down: () => user.down(),
        leaving: () => user.leaving(),
        renewed: () => user.renewed?.(),
        suspected: () => user.suspected?.(),
        waits: user.waits === true,
      }),
    usable: (node) => peers.usable(node),
    answers: (node) => peers.answers(node),
  };
}

function watchedSource(source: Source, subscribed: (path: string, track: string) => () => void): Source {
  return {
    hasInfo: source.hasInfo,
    keepsNewest: source.keepsNewest === true,
    ofEpoch: (epoch) => watchedSource(source.ofEpoch?.(epoch) ?? source, subscribed),
    info: (path, track, answer, asker) => source.info(path, track, answer, asker),
    fetch: (path, track, range, priority, writer, asker) => source.fetch(path, track, range, priority, writer, asker),
    subscribe: (path, track, options, sink, asker) => {
      const over = subscribed(path, track);
      const upstream = source.subscribe(
        path,
        track,
        options,
        {
          known: sink.known === true,
          shared: () => sink.shared?.() === true,
          info: (info) => sink.info(info),
          started: (sequence) => sink.started(sequence),
          subgroup: (start) => sink.subgroup(start),
          datagram: (datagram) => sink.datagram(datagram),
          dropped: (start, end) => sink.dropped(start, end),
          ended: (end) => sink.ended(end),
          closed: (reason) => {
            over();
            sink.closed(reason);
          },
        },
        asker,
      );
      return {
        update: (next) => upstream.update(next),
        known: () => upstream.known?.(),
        cancel: () => {
          over();
          upstream.cancel();
        },
      };
    },
  };
}

/**
 * Counts the messages of a control session at the root's end, both ways: each announcement, change and end of a broadcast is one.
 */
export function counted(table: AnnounceTable, count: { messages: number }): AnnounceTable {
  const message = (path: string) => {
    if (/^[bec]\//.test(path)) count.messages++;
  };
  return {
    list: (prefix) => table.list(prefix),
    ...(table.resolve && { resolve: table.resolve.bind(table) }),
    watch: (prefix, watcher, interests) =>
      table.watch(
        prefix,
        {
          changed: (broadcast) => {
            message(broadcast.path);
            watcher.changed(broadcast);
          },
          covered: (path) => watcher.covered?.(path),
          complete: () => watcher.complete?.(),
        },
        interests,
      ),
    publish: (path, advertisement, source) => {
      const publication = table.publish(path, advertisement, source);
      message(path);
      if (typeof publication === "string") return publication;
      return {
        update: (next) => {
          message(path);
          publication.update(next);
        },
        leave: () => publication.leave?.(),
        end: (lost) => {
          if (!lost) message(path);
          publication.end(lost);
        },
      };
    },
    ...(table.whenRoom && { whenRoom: (callback) => table.whenRoom?.(callback) ?? (() => {}) }),
  };
}
