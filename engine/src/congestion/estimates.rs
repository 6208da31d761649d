//! The measurements of a path that the model uses. Each keeps its best value over one to two memory spans.

use std::time::{Duration, Instant};

/// Fewest packets of a round trip for which its losses count.
const MIN_LOSS_SAMPLE: u64 = 5;

/// Lost part of a round trip's packets that means a queue has overflowed. Networks lose fewer at random.
const HEAVY_LOSS: f64 = 0.2;

/// Memory span of the rate. Only spans in which the window was full count.
const RATE_MEMORY: Duration = Duration::from_secs(1);

/// Memory span of the round trip. After a change to a longer path, a connection is slow for one to two spans.
const ROUND_TRIP_MEMORY: Duration = Duration::from_secs(1);

/// Memory span of aggregated acknowledgements.
const AGGREGATION_MEMORY: Duration = Duration::from_secs(1);

/// Longest time that one aggregate lasts. A rate measured slightly too low would make it last for ever.
const MAX_AGGREGATE_TIME: Duration = Duration::from_millis(200);

/// Most bytes of an aggregate that count. More in flight would only fill the buffers of a short path.
const MAX_AGGREGATE: u64 = 128 * 1024;

/// The highest rate. While the application sends less than the path can carry, a lower rate says nothing about the
/// path.
#[derive(Clone)]
pub(super) struct Rate {
    begun: Instant,
    best: f64,
    before: f64,
    /// The window was full since `begun`.
    full: bool,
}

impl Rate {
    pub(super) fn new(now: Instant) -> Self {
        Self { begun: now, best: 0.0, before: 0.0, full: false }
    }

    pub(super) fn add(&mut self, now: Instant, rate: f64, app_limited: bool) {
        self.full |= !app_limited;
        if self.full && now.saturating_duration_since(self.begun) >= RATE_MEMORY {
            (self.begun, self.before, self.best, self.full) = (now, self.best, 0.0, false);
        }
        self.best = self.best.max(rate);
    }

    pub(super) fn get(&self) -> f64 {
        self.best.max(self.before)
    }
}

/// The shortest round trip.
#[derive(Clone)]
pub(super) struct RoundTrip {
    begun: Instant,
    best: Option<Duration>,
    before: Option<Duration>,
}

impl RoundTrip {
    pub(super) fn new(now: Instant) -> Self {
        Self { begun: now, best: None, before: None }
    }

    pub(super) fn add(&mut self, now: Instant, took: Duration) {
        if now.saturating_duration_since(self.begun) >= ROUND_TRIP_MEMORY {
            (self.begun, self.before, self.best) = (now, self.best, None);
        }
        self.best = Some(self.best.map_or(took, |best| best.min(took)));
    }

    pub(super) fn get(&self) -> Option<Duration> {
        self.best.into_iter().chain(self.before).min()
    }
}

/// The most bytes acknowledged beyond what the rate explains. The peer or its network may delay acknowledgements and
/// send many together. This many bytes must be in flight on top, or the delays would make the path look slow.
#[derive(Clone)]
pub(super) struct AckAggregation {
    /// The current aggregate: its begin and its bytes.
    since: Instant,
    bytes: u64,
    begun: Instant,
    best: u64,
    before: u64,
}

impl AckAggregation {
    pub(super) fn new(now: Instant) -> Self {
        Self { since: now, bytes: 0, begun: now, best: 0, before: 0 }
    }

    pub(super) fn add(&mut self, now: Instant, acked: u64, rate: f64) {
        if now.saturating_duration_since(self.begun) >= AGGREGATION_MEMORY {
            (self.begun, self.before, self.best) = (now, self.best, 0);
        }
        let lasted = now.saturating_duration_since(self.since);
        let mut expected = (rate * lasted.as_secs_f64()) as u64;
        if self.bytes <= expected || lasted > MAX_AGGREGATE_TIME {
            (self.since, self.bytes, expected) = (now, 0, 0);
        }
        self.bytes += acked;
        self.best = self.best.max(self.bytes - expected).min(MAX_AGGREGATE);
    }

    pub(super) fn get(&self) -> u64 {
        self.best.max(self.before)
    }
}

/// The bytes lost and delivered in the current round trip.
#[derive(Clone)]
pub(super) struct LossRate {
    begun: Instant,
    pub(super) lost: u64,
    pub(super) delivered: u64,
}

impl LossRate {
    pub(super) fn new(now: Instant) -> Self {
        Self { begun: now, lost: 0, delivered: 0 }
    }

    /// True at the end of a round trip with heavy loss.
    pub(super) fn is_heavy(&mut self, now: Instant, round_trip: Duration, mtu: u64) -> bool {
        if now.saturating_duration_since(self.begun) < round_trip {
            return false;
        }
        let all = self.lost + self.delivered;
        let heavy = all > MIN_LOSS_SAMPLE * mtu && self.lost as f64 > HEAVY_LOSS * all as f64;
        *self = Self::new(now);
        heavy
    }
}
