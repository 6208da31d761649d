/** The set-up of the model's tests: a relay's broadcasts and a clock, both new for each test. Import the bindings, which change. */
import { beforeEach } from "node:test";
import { ManualClock } from "../../lab/network/manual-clock.ts";
import { Broadcasts, type Publication } from "../../moq/model/broadcasts.ts";
import type { CacheOptions, ModelLimits } from "../../moq/model/limits.ts";
import type { Advertisement } from "../../moq/model/routes.ts";
import type { Subscription } from "../../moq/model/subscription.ts";
import { AD, CACHE, FakeSource, FakeViewer, LIMITS, LIVE } from "./support.ts";

export let clock: ManualClock;
export let relay: Broadcasts;
/** A publisher that has published nothing yet. */
export let publisher: FakeSource;

beforeEach(() => {
  clock = new ManualClock();
  publisher = new FakeSource();
  start();
});

/** The relay starts again without any broadcast, with other bounds. */
export function start(limits: Partial<ModelLimits> = {}, cache: Partial<CacheOptions> = {}): void {
  relay = new Broadcasts({ clock, limits: { ...LIMITS, ...limits }, cache: { ...CACHE, ...cache } });
}

/** The relay starts again, and {@link publisher} publishes `live/cam`. */
export function startPublished(limits: Partial<ModelLimits> = {}, cache: Partial<CacheOptions> = {}): Publication {
  start(limits, cache);
  return publish(publisher);
}

/** Publishes a broadcast; fails the test when the relay refuses it. */
export function publish(source: FakeSource, ad: Advertisement = AD, path = "live/cam"): Publication {
  const publication = relay.publish(path, ad, source);
  if (typeof publication === "string") throw new Error(publication);
  return publication;
}

/** Subscribes to a track of `live/cam`; fails the test when the relay refuses it at once. */
export function watch<V extends FakeViewer = FakeViewer>(
  options = LIVE,
  viewer = new FakeViewer() as V,
  track = "video",
): { viewer: V; subscription: Subscription } {
  const subscription = relay.subscribe("live/cam", track, options, viewer);
  if (subscription === undefined) throw new Error("refused");
  return { viewer, subscription };
}
