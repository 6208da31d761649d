//! Congestion control by a model of the path, similar to BBR. The model measures the rate at which packets arrive at
//! the peer, and the round trip.
//!
//! The window (bytes that may be in flight) is a multiple of rate times round trip. So loss alone does not slow a
//! connection down, and queues in the network stay short. quinn's own BBR is not used: live media seldom fills its
//! window, and then that window grows without a bound (quinn pull request 2798), so that two viewers behind one narrow
//! link lose half of all packets.

mod estimates;

use self::estimates::{AckAggregation, LossRate, Rate, RoundTrip};
use quinn::congestion::{Controller, ControllerFactory};
use quinn_proto::RttEstimator;
use std::any::Any;
use std::collections::VecDeque;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// Packets that may always be in flight; a connection begins with this window (RFC 9002 section 7.2). With three times
/// as many, a relay that took over from a killed one lost a group in a test.
const MIN_PACKETS: u64 = 10;

/// The window, as a multiple of what the path holds (rate times round trip).
const GAIN: f64 = 2.0;

/// The same while many packets are lost because the network's queue is short.
const GENTLE_GAIN: f64 = 1.25;

/// The same while our own queue in the network drains, so that the true round trip can be measured.
const DRAIN_GAIN: f64 = 0.75;

/// Time between two drains while the window is full; not longer than the memory of the round trip.
const DRAIN_EVERY: Duration = Duration::from_secs(1);

/// How long heavy loss keeps the gain small.
const GENTLE_FOR: Duration = Duration::from_secs(2);

/// Samples of the delivered bytes for each round trip.
const SAMPLES: u32 = 64;

/// Builds a [`PathModel`] for each connection.
#[derive(Default)]
pub struct PathModelConfig;

impl ControllerFactory for PathModelConfig {
    fn build(self: Arc<Self>, now: Instant, mtu: u16) -> Box<dyn Controller> {
        Box::new(PathModel::new(now, mtu))
    }
}

#[derive(Clone)]
pub struct PathModel {
    mtu: u64,
    /// Bytes that the peer has acknowledged: now, and before the last acknowledgement.
    delivered: u64,
    before: u64,
    /// Delivered bytes at points in time, oldest first. The first sample is not younger than the acknowledged packet.
    samples: VecDeque<(Instant, u64)>,
    /// Nothing is in flight.
    idle: bool,
    /// When the newest packet of the current acknowledgement was sent.
    sent: Option<Instant>,
    rate: Rate,
    round_trip: RoundTrip,
    ack_aggregation: AckAggregation,
    losses: LossRate,
    /// Since when the window has been full, without a drain.
    full_since: Option<Instant>,
    drain_until: Option<Instant>,
    gentle_until: Option<Instant>,
    window: u64,
}

impl PathModel {
    fn new(now: Instant, mtu: u16) -> Self {
        let mtu = u64::from(mtu);
        Self {
            mtu,
            delivered: 0,
            before: 0,
            samples: VecDeque::from([(now, 0)]),
            idle: true,
            sent: None,
            rate: Rate::new(now),
            round_trip: RoundTrip::new(now),
            ack_aggregation: AckAggregation::new(now),
            losses: LossRate::new(now),
            full_since: None,
            drain_until: None,
            gentle_until: None,
            window: MIN_PACKETS * mtu,
        }
    }

    fn acked(&mut self, sent: Instant, bytes: u64) {
        self.delivered += bytes;
        self.losses.delivered += bytes;
        self.sent = self.sent.max(Some(sent));
    }

    /// Delivered bytes a second over the time since `sent`, at least a round trip.
    fn rate_since(&mut self, now: Instant, sent: Instant) -> Option<f64> {
        while self.samples.len() > 1 && self.samples[1].0 <= sent {
            self.samples.pop_front();
        }
        let (then, delivered) = *self.samples.front()?;
        let took = (now - then.min(now)).max(self.round_trip.get()?);
        (!took.is_zero()).then(|| (self.delivered - delivered) as f64 / took.as_secs_f64())
    }

    /// Takes a sample, unless the last one is recent.
    fn sample(&mut self, now: Instant) {
        let apart = self.round_trip.get().unwrap_or_default() / SAMPLES;
        if self.samples.back().is_none_or(|(last, _)| now.saturating_duration_since(*last) >= apart) {
            self.samples.push_back((now, self.delivered));
        }
    }

    /// The gain for the window. `latest`: the round trip of the last packet, its wait in queues included.
    fn gain(&mut self, now: Instant, latest: Duration, app_limited: bool) -> f64 {
        let before = |until: Option<Instant>| until.is_some_and(|until| now < until);
        if app_limited {
            self.full_since = None;
            self.drain_until = None;
        } else if now.saturating_duration_since(*self.full_since.get_or_insert(now)) >= DRAIN_EVERY {
            self.full_since = None;
            self.drain_until = Some(now + latest + self.round_trip.get().unwrap_or_default());
        }
        if before(self.drain_until) {
            DRAIN_GAIN
        } else if before(self.gentle_until) {
            GENTLE_GAIN
        } else {
            GAIN
        }
    }
}

impl Controller for PathModel {
    fn on_sent(&mut self, now: Instant, _bytes: u64, _last_packet_number: u64) {
        if self.idle {
            self.idle = false;
            self.samples.push_back((now, self.delivered));
        }
    }

    fn on_ack(&mut self, _now: Instant, sent: Instant, bytes: u64, _app_limited: bool, _rtt: &RttEstimator) {
        self.acked(sent, bytes);
    }

    fn on_end_acks(&mut self, now: Instant, in_flight: u64, app_limited: bool, _largest: Option<u64>) {
        let Some(sent) = self.sent.take() else { return };
        let acked = self.delivered - self.before;
        self.before = self.delivered;
        self.ack_aggregation.add(now, acked, self.rate.get());
        let latest = now.saturating_duration_since(sent);
        self.round_trip.add(now, latest);
        if let Some(rate) = self.rate_since(now, sent) {
            self.rate.add(now, rate, app_limited);
        }
        self.sample(now);
        self.idle = in_flight == 0;
        let round_trip = self.round_trip.get().unwrap_or_default();
        if self.losses.is_heavy(now, round_trip, self.mtu) {
            self.gentle_until = Some(now + GENTLE_FOR);
        }
        let held = self.rate.get() * round_trip.as_secs_f64();
        let window = self.gain(now, latest, app_limited) * (held + self.ack_aggregation.get() as f64);
        self.window = (window as u64).max(MIN_PACKETS * self.mtu);
    }

    fn on_congestion_event(&mut self, _now: Instant, _sent: Instant, _persistent: bool, lost: u64) {
        self.losses.lost += lost;
    }

    fn on_mtu_update(&mut self, mtu: u16) {
        self.mtu = mtu.into();
        self.window = self.window.max(MIN_PACKETS * self.mtu);
    }

    fn window(&self) -> u64 {
        self.window
    }

    fn initial_window(&self) -> u64 {
        MIN_PACKETS * self.mtu
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
