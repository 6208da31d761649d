//! Congestion control by the delay of the path's queue, similar to FAST TCP, for live media.
//!
//! Each connection keeps a few packets and a few milliseconds of its own data in the queue, and no more. Connections that
//! share a link all measure the same queue, so they get equal parts. Loss alone does not slow a connection down, unless
//! it is heavy. quinn's own BBR is not used: live media seldom fills its window, and then that window grows without a
//! bound (quinn pull request 2798).
//!
//! Such a controller must know the round trip without the queue. While a queue stands, all connections let it drain at
//! the same moments of the wall clock: otherwise each would take the queue of the others for a part of the path.

mod estimates;

use self::estimates::{Delivery, Losses, Standing, Wanted};
use quinn_proto::RttEstimator;
use quinn_proto::congestion::{Controller, ControllerFactory};
use std::any::Any;
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};

/// Packets that may always be in flight.
const MIN_PACKETS: u64 = 4;

/// What a connection keeps in the queue of its path: bytes, and data of this time. More is faster beside other kinds of
/// congestion control; less makes media arrive sooner.
const QUEUE_BYTES: u64 = 9_000;
const QUEUE_TIME: Duration = Duration::from_millis(25);

/// Part of the way to the window aimed at that each round trip goes.
const STEP: f64 = 0.5;

/// Part of the window that counts as all of it.
const FULL: f64 = 0.8;

/// Time between two drains of a queue that stands.
const DRAIN_EVERY: Duration = Duration::from_secs(2);

/// A drain ends after this time, whatever happens.
const MAX_DRAIN: Duration = Duration::from_secs(1);

/// The window during a drain, as a part of what the path holds.
const DRAIN_PART: f64 = 0.7;

/// A queue stands when for this time no round trip was the shortest one, give or take a part and a time.
const STANDS_AFTER: Duration = Duration::from_millis(100);
const SAME_PART: f64 = 1.05;
const SAME_TIME: Duration = Duration::from_millis(3);

/// The window while many packets are lost because the network's queue is short, as a multiple of what the path holds,
/// and for how long. With a larger gain more is lost, with a smaller one loss at random slows a connection down.
const GENTLE_GAIN: f64 = 1.1;
const GENTLE_FOR: Duration = Duration::from_secs(2);

/// Without an acknowledgement for this time, and as many round trips, the path was dark.
const DARK_AFTER: Duration = Duration::from_millis(500);
const DARK_ROUND_TRIPS: u32 = 4;

/// Builds a [`DelayBound`] for each connection.
pub struct DelayBoundConfig {
    /// Bytes in flight at the start.
    initial_window: u64,
    /// A moment at which a drain begins; others are multiples of [`DRAIN_EVERY`] away.
    drain_at: Instant,
}

impl DelayBoundConfig {
    pub fn new(initial_window: u64) -> Self {
        let wall = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
        let since = Duration::from_nanos((wall.as_nanos() % DRAIN_EVERY.as_nanos()) as u64);
        let now = Instant::now();
        Self { initial_window, drain_at: now.checked_sub(since).unwrap_or(now) }
    }
}

impl ControllerFactory for DelayBoundConfig {
    fn build(self: Arc<Self>, now: Instant, mtu: u16) -> Box<dyn Controller> {
        Box::new(DelayBound::new(now, mtu, self.initial_window, self.drain_at))
    }
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Phase {
    /// The window grows by what is delivered, until a queue stands.
    Start,
    Steady,
    Drain(Drain),
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
struct Drain {
    begun: Instant,
    /// The window before it.
    window: u64,
    /// The round trip before it.
    standing: Duration,
    /// Since when no more than the drain's window has been in flight.
    small_since: Option<Instant>,
    shortest: Duration,
}

#[derive(Clone)]
pub struct DelayBound {
    mtu: u64,
    initial_window: u64,
    window: u64,
    phase: Phase,
    delivery: Delivery,
    losses: Losses,
    /// Bytes of the current acknowledgement, and when its newest packet was sent.
    acked: u64,
    sent: Option<Instant>,
    /// How long the bytes of the current acknowledgement were in flight, times bytes; and how long bytes are on average.
    flown: f64,
    flight: Option<f64>,
    /// Nothing is in flight.
    idle: bool,
    /// The last acknowledgement, or when the first packet in flight was sent.
    heard: Instant,
    /// The end of the last dark time. What was sent before it says nothing about the path.
    light: Option<Instant>,
    /// The round trip without a queue, and when one was last as short.
    base: Option<Duration>,
    base_seen: Instant,
    standing: Standing,
    /// When all of the window was last in use.
    full_at: Option<Instant>,
    drain_at: Instant,
    gentle_until: Option<Instant>,
    /// What was in flight while the application sent all that it had.
    wanted: Wanted,
}

impl DelayBound {
    fn new(now: Instant, mtu: u16, initial_window: u64, drain_at: Instant) -> Self {
        let mtu = u64::from(mtu);
        let initial_window = initial_window.max(MIN_PACKETS * mtu);
        let mut model = Self {
            mtu,
            initial_window,
            window: initial_window,
            phase: Phase::Start,
            delivery: Delivery::new(now),
            losses: Losses::new(now),
            acked: 0,
            sent: None,
            flown: 0.0,
            flight: None,
            idle: true,
            heard: now,
            light: None,
            base: None,
            base_seen: now,
            standing: Standing::new(now, Duration::ZERO),
            full_at: None,
            drain_at,
            gentle_until: None,
            wanted: Wanted::new(now),
        };
        model.next_drain(now);
        model
    }

    fn min_window(&self) -> u64 {
        MIN_PACKETS * self.mtu
    }

    fn take_acked(&mut self, now: Instant, sent: Instant, bytes: u64) {
        self.flown += now.saturating_duration_since(sent).as_secs_f64() * bytes as f64;
        self.acked += bytes;
        self.delivery.add(bytes);
        self.losses.delivered(bytes);
        self.sent = self.sent.max(Some(sent));
    }

    /// Whether an acknowledgement is the first one after a dark time, or is of a packet that was sent before its end.
    fn is_dark(&mut self, now: Instant, sent: Instant) -> bool {
        let silent = now.saturating_duration_since(self.heard);
        self.heard = now;
        if silent > DARK_AFTER.max(DARK_ROUND_TRIPS * self.standing.get()) {
            self.light = Some(now);
        }
        self.light.is_some_and(|light| sent < light)
    }

    /// All that was sent in the dark is lost, but QUIC learns that from the acknowledgements of newer packets only. So
    /// those may be sent although the window is full.
    fn resume(&mut self, in_flight: u64) {
        if let Phase::Drain(drain) = self.phase {
            self.phase = Phase::Steady;
            self.window = drain.window;
        }
        self.window = self.window.max(in_flight + self.initial_window);
    }

    /// The first of the common moments after `now`.
    fn next_drain(&mut self, now: Instant) {
        let since = now.saturating_duration_since(self.drain_at).as_nanos();
        let into = Duration::from_nanos((since % DRAIN_EVERY.as_nanos()) as u64);
        self.drain_at = now.max(self.drain_at) - into + DRAIN_EVERY;
    }

    /// Takes a round trip. Returns that of the path without its queue.
    fn round_trip(&mut self, now: Instant, took: Duration) -> Duration {
        let base = match self.base {
            Some(base) => base,
            None => {
                self.standing = Standing::new(now, took);
                took
            }
        };
        if took <= base.mul_f64(SAME_PART) + SAME_TIME {
            self.base_seen = now;
        }
        let base = base.min(took);
        self.base = Some(base);
        self.standing.add(now, took, base);
        base
    }

    /// Whether the window, rather than the application, has limited what was sent.
    fn is_limited(&self, now: Instant, took: Duration) -> bool {
        self.full_at.is_some_and(|at| now.saturating_duration_since(at) < 2 * took)
    }

    /// Begins a drain when it is time for one and a queue stands that is ours.
    fn begin_drain(&mut self, now: Instant, took: Duration, base: Duration) {
        if now < self.drain_at {
            return;
        }
        self.next_drain(now);
        let stands = now.saturating_duration_since(self.base_seen) > STANDS_AFTER;
        if self.phase != Phase::Steady || !stands || !self.is_limited(now, took) {
            return;
        }
        let standing = self.standing.get();
        let held = self.window as f64 * ratio(base, standing);
        self.phase =
            Phase::Drain(Drain { begun: now, window: self.window, standing, small_since: None, shortest: took });
        self.window = ((DRAIN_PART * held) as u64).max(self.min_window());
    }

    /// A drain lasts until a packet has come back that was sent after the queue was empty. The shortest round trip in it
    /// is then that of the path.
    fn drain(&mut self, now: Instant, took: Duration, in_flight: u64, mut drain: Drain) {
        drain.shortest = drain.shortest.min(took);
        if in_flight <= self.window {
            drain.small_since.get_or_insert(now);
        }
        let done = drain.small_since.is_some_and(|since| now.saturating_duration_since(since) >= took);
        if !done && now.saturating_duration_since(drain.begun) < MAX_DRAIN {
            self.phase = Phase::Drain(drain);
            return;
        }
        self.phase = Phase::Steady;
        self.base = Some(drain.shortest);
        self.base_seen = now;
        self.standing = Standing::new(now, took);
        let kept = ratio(drain.shortest + QUEUE_TIME / 2, drain.standing).min(1.0);
        self.window = ((drain.window as f64 * kept) as u64).max(self.min_window());
    }

    /// The window that keeps the wanted amount in the queue.
    fn aim(&self, base: Duration) -> f64 {
        self.window as f64 * ratio(base + QUEUE_TIME, self.standing.get()) + QUEUE_BYTES as f64
    }

    /// Goes a part of the way to `aim`; the whole STEP takes a round trip. Grows only when the window is in use.
    fn approach(&mut self, now: Instant, aim: f64, acked: u64, full: bool, base: Duration) {
        let window = self.window as f64;
        let step = STEP * (acked as f64 / window).min(1.0);
        let mut next = window + step * (aim - window);
        if !full {
            next = next.min(window);
        }
        if self.is_gentle(now) {
            // Delays other than the queue's, such as those of acknowledgements, are a part of the path here.
            let queue = self.standing.get().saturating_sub(base).as_secs_f64();
            let held = self.delivery.rate() * (self.flight.unwrap_or_default() - queue).max(base.as_secs_f64());
            next = next.min((GENTLE_GAIN * held + (QUEUE_BYTES / 2) as f64).max(self.wanted.get() as f64));
        }
        self.window = (next as u64).max(self.min_window());
    }

    fn is_gentle(&self, now: Instant) -> bool {
        self.gentle_until.is_some_and(|until| now < until)
    }
}

fn ratio(part: Duration, whole: Duration) -> f64 {
    part.as_secs_f64() / whole.as_secs_f64().max(1e-6)
}

impl Controller for DelayBound {
    fn on_sent(&mut self, now: Instant, _bytes: u64, _last_packet_number: u64) {
        if self.idle {
            self.idle = false;
            self.heard = now;
            self.delivery.resume(now);
        }
    }

    fn on_ack(&mut self, now: Instant, sent: Instant, bytes: u64, _app_limited: bool, _rtt: &RttEstimator) {
        self.take_acked(now, sent, bytes);
    }

    fn on_end_acks(&mut self, now: Instant, in_flight: u64, app_limited: bool, _largest: Option<u64>) {
        let Some(sent) = self.sent.take() else { return };
        let acked = std::mem::take(&mut self.acked);
        let flown = std::mem::take(&mut self.flown);
        if self.is_dark(now, sent) {
            self.resume(in_flight);
            return;
        }
        let took = now.saturating_duration_since(sent);
        self.delivery.measure(now, sent);
        self.idle = in_flight == 0;
        let base = self.round_trip(now, took);
        let flight = self.flight.get_or_insert(flown / acked as f64);
        *flight += STEP * (acked as f64 / self.window as f64).min(1.0) * (flown / acked as f64 - *flight);
        let full = !app_limited && (in_flight + acked) as f64 >= FULL * self.window as f64;
        if full {
            self.full_at = Some(now);
        } else if app_limited {
            self.wanted.add(now, in_flight + acked);
        }
        if self.losses.are_ours(now, base, self.mtu) && self.is_limited(now, took) && !self.is_gentle(now) {
            self.gentle_until = Some(now + GENTLE_FOR);
        }
        self.begin_drain(now, took, base);
        match self.phase {
            Phase::Drain(drain) => self.drain(now, took, in_flight, drain),
            Phase::Start if self.standing.get() <= base + QUEUE_TIME && !self.is_gentle(now) => {
                if full {
                    self.window += acked;
                }
            }
            Phase::Start | Phase::Steady => {
                self.phase = Phase::Steady;
                self.approach(now, self.aim(base), acked, full, base);
            }
        }
    }

    fn on_congestion_event(&mut self, _now: Instant, sent: Instant, _persistent: bool, lost: u64) {
        if self.light.is_none_or(|light| sent >= light) {
            self.losses.lost(lost);
        }
    }

    fn on_mtu_update(&mut self, mtu: u16) {
        self.mtu = mtu.into();
        self.window = self.window.max(self.min_window());
    }

    fn window(&self) -> u64 {
        self.window
    }

    fn initial_window(&self) -> u64 {
        self.initial_window
    }

    fn clone_box(&self) -> Box<dyn Controller> {
        Box::new(self.clone())
    }

    fn into_any(self: Box<Self>) -> Box<dyn Any> {
        self
    }
}

#[cfg(test)]
mod tests;

#[cfg(test)]
mod random_paths;
