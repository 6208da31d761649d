/** What a simulation sees of its relays, without a change to what they do. */
import type { MeshProbe, Peers, Registrar } from "../../cluster/index.ts";
import type { Source } from "../../moq/model/index.ts";
import type { AnnounceTable } from "../../moq/session/index.ts";
import type { SimRelay } from "./relay.ts";

/** What relays do, for the checks of a simulation. */
export interface WorldEvents {
  /** A relay registers that it has a broadcast first-hand, or withdraws that. */
  held(relay: SimRelay, path: string): void;
  released(relay: SimRelay, path: string): void;
  /** A root says to a relay that another relay, or a broadcast of that one, is gone. */
  nodeGone(relay: SimRelay, node: string): void;
  holdingGone(relay: SimRelay, path: string, node: string): void;
  /** A relay subscribes to a track at another, until the returned function is called. */
  subscribed(relay: SimRelay, node: string, path: string, track: string): () => void;
}

/** Reports what passes between the parts of the relay's node. */
export function probe(relay: SimRelay, events: WorldEvents): MeshProbe {
  return {
    registrar: (registrar) => watchedRegistrar(relay, registrar, events),
    peers: (peers) => watchedPeers(relay, peers, events),
  };
}

function watchedRegistrar(relay: SimRelay, registrar: Registrar, events: WorldEvents): Registrar {
  return {
    hold: (holding) => {
      events.held(relay, holding.path);
      registrar.hold(holding);
    },
    release: (path) => {
      events.released(relay, path);
      registrar.release(path);
    },
    ask: (scope, sink) =>
      registrar.ask(scope, {
        node: (info) => sink.node(info),
        holding: (holding) => sink.holding(holding),
        complete: () => sink.complete(),
        nodeGone: (node) => {
          events.nodeGone(relay, node);
          sink.nodeGone(node);
        },
        holdingGone: (path, node) => {
          // A rival's holding also goes from this answer when the relay itself no longer has the broadcast.
          if (scope.kind !== "rivals") events.holdingGone(relay, path, node);
          sink.holdingGone(path, node);
        },
      }),
  };
}

function watchedPeers(relay: SimRelay, peers: Peers, events: WorldEvents): Peers {
  return {
    use: (node, user) =>
      peers.use(node, {
        up: (source) => user.up(watchedSource(source, (path, track) => events.subscribed(relay, node, path, track))),
        down: () => user.down(),
        leaving: () => user.leaving(),
        renewed: () => user.renewed?.(),
      }),
  };
}

function watchedSource(source: Source, subscribed: (path: string, track: string) => () => void): Source {
  return {
    hasInfo: source.hasInfo,
    keepsNewest: source.keepsNewest === true,
    info: (path, track, answer, asker) => source.info(path, track, answer, asker),
    fetch: (path, track, sequence, priority, writer, asker) =>
      source.fetch(path, track, sequence, priority, writer, asker),
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
          group: (sequence) => sink.group(sequence),
          datagram: (sequence, timestamp, payload) => sink.datagram(sequence, timestamp, payload),
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
    watch: (prefix, watcher, interests) =>
      table.watch(
        prefix,
        {
          changed: (broadcast) => {
            message(broadcast.path);
            watcher.changed(broadcast);
          },
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
