//! The measurements of a path that the controller uses.

use std::time::{Duration, Instant};

/// Lost part of the packets that means that a queue overflows. Networks lose fewer at random.
const HEAVY_LOSS: f64 = 0.15;

/// Lost part that is usual on a path whatever is sent, at most; what is heavy beyond it; and what remains of it after each
/// span that lost less.
const MOST_USUAL: f64 = 0.25;
const UNUSUAL: f64 = 0.1;
const FORGETS: f64 = 0.95;

/// Spans compare when the first one lost this part, and the second one sent more by this part. When this part of what was
/// sent more was delivered, no queue was full.
const SOME_LOSS: f64 = 0.04;
const COMPARABLE: f64 = 0.1;
const FOLLOWS: f64 = 0.6;

/// Fewest packets for which their losses count: with fewer, chance decides.
const MIN_LOSS_SAMPLE: u64 = 30;

/// Least time over which losses are counted.
const LOSS_SPAN: Duration = Duration::from_millis(400);

/// Memory span of the delivery rate.
const RATE_MEMORY: Duration = Duration::from_secs(1);

/// Least span over which the shortest round trip is taken. Packets of one frame queue behind each other for less.
const STANDING_SPAN: Duration = Duration::from_millis(50);

/// Memory span of what the application wants to send.
const WANTED_SPAN: Duration = Duration::from_secs(5);

/// Samples of the delivered bytes for each round trip.
pub(super) const SAMPLES: u32 = 64;

/// Bytes that the peer has acknowledged, and the highest rate of them over one to two memory spans.
#[derive(Clone)]
pub(super) struct Delivery {
    bytes: u64,
    /// Delivered bytes at points in time, oldest first. The first one is not younger than the acknowledged packet.
    samples: std::collections::VecDeque<(Instant, u64)>,
    begun: Instant,
    best: f64,
    before: f64,
}

impl Delivery {
    pub(super) fn new(now: Instant) -> Self {
        Self { bytes: 0, samples: [(now, 0)].into(), begun: now, best: 0.0, before: 0.0 }
    }

    pub(super) fn add(&mut self, bytes: u64) {
        self.bytes += bytes;
    }

    /// A packet is sent while none is in flight: no time before it counts.
    pub(super) fn resume(&mut self, now: Instant) {
        self.samples.push_back((now, self.bytes));
    }

    /// Measures the rate since the acknowledged packet was sent.
    pub(super) fn measure(&mut self, now: Instant, sent: Instant) {
        while self.samples.len() > 1 && self.samples[1].0 <= sent {
            self.samples.pop_front();
        }
        let took = now.saturating_duration_since(sent);
        if let Some((then, bytes)) = self.samples.front().copied() {
            let span = now.saturating_duration_since(then).max(took);
            if !span.is_zero() {
                self.keep(now, (self.bytes - bytes) as f64 / span.as_secs_f64());
            }
        }
        let apart = took / SAMPLES;
        if self.samples.back().is_none_or(|(last, _)| now.saturating_duration_since(*last) >= apart) {
            self.samples.push_back((now, self.bytes));
        }
    }

    /// Bytes a second.
    pub(super) fn rate(&self) -> f64 {
        self.best.max(self.before)
    }

    #[cfg(test)]
    pub(super) fn samples(&self) -> usize {
        self.samples.len()
    }

    fn keep(&mut self, now: Instant, rate: f64) {
        if now.saturating_duration_since(self.begun) >= RATE_MEMORY {
            (self.begun, self.before, self.best) = (now, self.best, 0.0);
        }
        self.best = self.best.max(rate);
    }
}

/// The shortest round trip of the last one to two spans. A burst of packets makes longer ones; this is what a queue adds
/// that stands.
#[derive(Clone)]
pub(super) struct Standing {
    begun: Instant,
    best: Duration,
    before: Duration,
}

impl Standing {
    pub(super) fn new(now: Instant, took: Duration) -> Self {
        Self { begun: now, best: took, before: took }
    }

    /// `round_trip`: that of the path without a queue.
    pub(super) fn add(&mut self, now: Instant, took: Duration, round_trip: Duration) {
        let span = STANDING_SPAN.max(round_trip);
        let lasted = now.saturating_duration_since(self.begun);
        if lasted >= span {
            self.before = if lasted < 2 * span { self.best } else { took };
            (self.begun, self.best) = (now, took);
        }
        self.best = self.best.min(took);
    }

    pub(super) fn get(&self) -> Duration {
        self.best.min(self.before)
    }
}

/// The most bytes of the last one to two spans.
#[derive(Clone)]
pub(super) struct Wanted {
    begun: Instant,
    best: u64,
    before: u64,
}

impl Wanted {
    pub(super) fn new(now: Instant) -> Self {
        Self { begun: now, best: 0, before: 0 }
    }

    pub(super) fn add(&mut self, now: Instant, bytes: u64) {
        let lasted = now.saturating_duration_since(self.begun);
        if lasted >= WANTED_SPAN {
            self.before = if lasted < 2 * WANTED_SPAN { self.best } else { 0 };
            (self.begun, self.best) = (now, 0);
        }
        self.best = self.best.max(bytes);
    }

    pub(super) fn get(&self) -> u64 {
        self.best.max(self.before)
    }
}

/// The bytes lost and delivered in a span of time, and what part is lost whatever is sent: at random, or because packets
/// that overtook each other count as lost.
#[derive(Clone)]
pub(super) struct Losses {
    begun: Instant,
    lost: u64,
    delivered: u64,
    before: Option<Span>,
    usual: f64,
}

/// Bytes a second.
#[derive(Clone, Copy)]
struct Span {
    sent: f64,
    delivered: f64,
}

impl Span {
    fn lost_part(&self) -> f64 {
        1.0 - self.delivered / self.sent
    }

    /// Whether packets are lost for other reasons than a full queue: more was sent than in a span that lost some, too,
    /// and most of that was delivered.
    fn follows(&self, before: &Self) -> bool {
        let more = self.sent - before.sent;
        before.lost_part() > SOME_LOSS
            && more > COMPARABLE * before.sent
            && self.delivered - before.delivered > FOLLOWS * more
    }
}

impl Losses {
    pub(super) fn new(now: Instant) -> Self {
        Self { begun: now, lost: 0, delivered: 0, before: None, usual: 0.0 }
    }

    pub(super) fn lost(&mut self, bytes: u64) {
        self.lost += bytes;
    }

    pub(super) fn delivered(&mut self, bytes: u64) {
        self.delivered += bytes;
    }

    /// True at the end of a span with heavy loss that follows from what is sent.
    pub(super) fn are_ours(&mut self, now: Instant, round_trip: Duration, mtu: u64) -> bool {
        let lasted = now.saturating_duration_since(self.begun);
        if lasted < LOSS_SPAN.max(round_trip) {
            return false;
        }
        let all = self.lost + self.delivered;
        let seconds = lasted.as_secs_f64();
        let span = Span { sent: all as f64 / seconds, delivered: self.delivered as f64 / seconds };
        (self.begun, self.lost, self.delivered) = (now, 0, 0);
        if all <= MIN_LOSS_SAMPLE * mtu {
            return false;
        }
        let part = span.lost_part();
        if self.before.replace(span).is_some_and(|before| span.follows(&before)) {
            self.usual = part.min(MOST_USUAL);
        } else {
            self.usual = self.usual.min(part.max(FORGETS * self.usual));
        }
        part > HEAVY_LOSS.max(self.usual + UNUSUAL)
    }
}
