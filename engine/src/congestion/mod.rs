//! Congestion control by a model of the path, in the manner of BBR: how fast packets arrive at the peer, and how long they take.
//!
//! What may be in flight is a multiple of the two, so that loss alone does not slow a connection down and a queue in the
//! network stays small. quinn's own BBR is not used: live media seldom fills its window, and then that window grows without a bound
//! (quinn pull request 2798), so that two viewers behind one narrow link lose half of all packets.

use quinn::congestion::{Controller, ControllerFactory};
use quinn_proto::RttEstimator;
use std::any::Any;
use std::collections::VecDeque;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// Packets in flight that are always allowed, and what a connection begins with (RFC 9002 section 7.2). With three times as many a
/// relay that takes over from one that was killed was seen to lose a group.
const MIN_PACKETS: u64 = 10;

/// What may be in flight, as a multiple of what the path holds.
const GAIN: f64 = 2.0;

/// The same where many packets are lost because the network has no room to queue them.
const GENTLE_GAIN: f64 = 1.25;

/// The same until a queue of our own has drained and the true round trip shows.
const DRAIN_GAIN: f64 = 0.75;

/// Time between two drains while the window is full; within the memory of a round trip.
const DRAIN_EVERY: Duration = Duration::from_secs(1);

/// Part of a round trip's packets above which losses say that a queue has overflowed; networks lose fewer by chance.
const HEAVY_LOSS: f64 = 0.2;

/// How long heavy loss keeps the gain small.
const GENTLE_FOR: Duration = Duration::from_secs(2);

/// A rate is forgotten after one to two of these in which the window was full.
const RATE_MEMORY: Duration = Duration::from_secs(1);

/// A round trip is forgotten after one to two of these. After a change to a longer path a connection is slow for so long.
const ROUND_TRIP_MEMORY: Duration = Duration::from_secs(1);

/// A lump of acknowledgements is forgotten after one to two of these.
const LUMP_MEMORY: Duration = Duration::from_secs(1);

/// Longest time of a lump. A rate that is measured a little too low would make one that never ends.
const LUMP_LASTS: Duration = Duration::from_millis(200);

/// Bytes of a lump that count: more in flight would only fill the buffers of a short path.
const MAX_LUMP: u64 = 128 * 1024;

/// Notes of what was delivered when, for each round trip.
const NOTES: u32 = 64;

/// Builds a [`Model`] for each connection.
#[derive(Default)]
pub struct ModelConfig;

impl ControllerFactory for ModelConfig {
    fn build(self: Arc<Self>, now: Instant, mtu: u16) -> Box<dyn Controller> {
        Box::new(Model::new(now, mtu))
    }
}

#[derive(Clone)]
pub struct Model {
    mtu: u64,
    /// Bytes that the peer has acknowledged, and before the last acknowledgement.
    delivered: u64,
    before: u64,
    /// What was delivered at which time; oldest first, one not younger than the last packet that was acknowledged.
    notes: VecDeque<(Instant, u64)>,
    /// Nothing is in flight.
    idle: bool,
    /// When the youngest packet of the present acknowledgement was sent.
    sent: Option<Instant>,
    rate: Rate,
    round_trip: RoundTrip,
    lumps: Lumps,
    losses: Losses,
    /// Since when the window has been full without a drain.
    full_since: Option<Instant>,
    drain_until: Option<Instant>,
    gentle_until: Option<Instant>,
    window: u64,
}

impl Model {
    fn new(now: Instant, mtu: u16) -> Self {
        let mtu = u64::from(mtu);
        Self {
            mtu,
            delivered: 0,
            before: 0,
            notes: VecDeque::from([(now, 0)]),
            idle: true,
            sent: None,
            rate: Rate { begun: now, best: 0.0, before: 0.0, full: false },
            round_trip: RoundTrip { begun: now, best: None, before: None },
            lumps: Lumps { since: now, bytes: 0, begun: now, best: 0, before: 0 },
            losses: Losses { begun: now, lost: 0, delivered: 0 },
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

    /// Bytes a second since the packet that was sent at `sent` left, and a round trip at least.
    fn rate_since(&mut self, now: Instant, sent: Instant) -> Option<f64> {
        while self.notes.len() > 1 && self.notes[1].0 <= sent {
            self.notes.pop_front();
        }
        let (then, delivered) = *self.notes.front()?;
        let took = (now - then.min(now)).max(self.round_trip.get()?);
        (!took.is_zero()).then(|| (self.delivered - delivered) as f64 / took.as_secs_f64())
    }

    fn note(&mut self, now: Instant) {
        let apart = self.round_trip.get().unwrap_or_default() / NOTES;
        if self.notes.back().is_none_or(|(last, _)| now.saturating_duration_since(*last) >= apart) {
            self.notes.push_back((now, self.delivered));
        }
    }

    /// `latest`: the round trip of the last packet, with what it has waited in the queue.
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

impl Controller for Model {
    fn on_sent(&mut self, now: Instant, _bytes: u64, _last_packet_number: u64) {
        if self.idle {
            self.idle = false;
            self.notes.push_back((now, self.delivered));
        }
    }

    fn on_ack(&mut self, _now: Instant, sent: Instant, bytes: u64, _app_limited: bool, _rtt: &RttEstimator) {
        self.acked(sent, bytes);
    }

    fn on_end_acks(&mut self, now: Instant, in_flight: u64, app_limited: bool, _largest: Option<u64>) {
        let Some(sent) = self.sent.take() else { return };
        let acked = self.delivered - self.before;
        self.before = self.delivered;
        self.lumps.took(now, acked, self.rate.get());
        let latest = now.saturating_duration_since(sent);
        self.round_trip.took(now, latest);
        if let Some(rate) = self.rate_since(now, sent) {
            self.rate.measured(now, rate, app_limited);
        }
        self.note(now);
        self.idle = in_flight == 0;
        let round_trip = self.round_trip.get().unwrap_or_default();
        if self.losses.heavy(now, round_trip, self.mtu) {
            self.gentle_until = Some(now + GENTLE_FOR);
        }
        let held = self.rate.get() * round_trip.as_secs_f64();
        let window = self.gain(now, latest, app_limited) * (held + self.lumps.get() as f64);
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

/// The best of late. While the application has less to send than the path takes, a lower rate says nothing of the path.
#[derive(Clone)]
struct Rate {
    begun: Instant,
    best: f64,
    before: f64,
    /// The window was full since `begun`.
    full: bool,
}

impl Rate {
    fn measured(&mut self, now: Instant, rate: f64, app_limited: bool) {
        self.full |= !app_limited;
        if self.full && now.saturating_duration_since(self.begun) >= RATE_MEMORY {
            (self.begun, self.before, self.best, self.full) = (now, self.best, 0.0, false);
        }
        self.best = self.best.max(rate);
    }

    fn get(&self) -> f64 {
        self.best.max(self.before)
    }
}

/// The shortest of late.
#[derive(Clone)]
struct RoundTrip {
    begun: Instant,
    best: Option<Duration>,
    before: Option<Duration>,
}

impl RoundTrip {
    fn took(&mut self, now: Instant, took: Duration) {
        if now.saturating_duration_since(self.begun) >= ROUND_TRIP_MEMORY {
            (self.begun, self.before, self.best) = (now, self.best, None);
        }
        self.best = Some(self.best.map_or(took, |best| best.min(took)));
    }

    fn get(&self) -> Option<Duration> {
        self.best.into_iter().chain(self.before).min()
    }
}

/// Bytes that are acknowledged sooner than the rate says, at most, of late: what comes together after a wait, because the peer or
/// its network answers in lumps. So much has to be in flight besides, or the waits would make the path look slow.
#[derive(Clone)]
struct Lumps {
    /// A lump, and since when it has lasted.
    since: Instant,
    bytes: u64,
    begun: Instant,
    best: u64,
    before: u64,
}

impl Lumps {
    fn took(&mut self, now: Instant, acked: u64, rate: f64) {
        if now.saturating_duration_since(self.begun) >= LUMP_MEMORY {
            (self.begun, self.before, self.best) = (now, self.best, 0);
        }
        let lasted = now.saturating_duration_since(self.since);
        let mut expected = (rate * lasted.as_secs_f64()) as u64;
        if self.bytes <= expected || lasted > LUMP_LASTS {
            (self.since, self.bytes, expected) = (now, 0, 0);
        }
        self.bytes += acked;
        self.best = self.best.max(self.bytes - expected).min(MAX_LUMP);
    }

    fn get(&self) -> u64 {
        self.best.max(self.before)
    }
}

/// What was lost and what arrived in a round trip.
#[derive(Clone)]
struct Losses {
    begun: Instant,
    lost: u64,
    delivered: u64,
}

impl Losses {
    /// True at the end of a round trip in which much was lost.
    fn heavy(&mut self, now: Instant, round_trip: Duration, mtu: u64) -> bool {
        if now.saturating_duration_since(self.begun) < round_trip {
            return false;
        }
        let all = self.lost + self.delivered;
        let heavy = all > MIN_PACKETS / 2 * mtu && self.lost as f64 > HEAVY_LOSS * all as f64;
        *self = Self { begun: now, lost: 0, delivered: 0 };
        heavy
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MTU: u64 = 1200;
    const STEP: Duration = Duration::from_millis(1);

    /// A path with one queue, and a sender that fills its window or sends `frame` bytes every 33 ms.
    struct Path {
        round_trip: Duration,
        /// Bytes a millisecond.
        rate: u64,
        /// Bytes that the queue has room for.
        room: u64,
        /// One packet of so many is lost by chance; 0 for none.
        lose: u64,
        frame: Option<u64>,
        /// The round trip from half of the time on.
        later: Option<Duration>,
        /// The peer acknowledges at multiples of so many milliseconds.
        answers: u64,
    }

    struct Seen {
        delivered: u64,
        dropped: u64,
        longest_queue: u64,
        model: Model,
    }

    /// Runs for `time`; the figures are those of its second half.
    fn run(path: &Path, time: Duration) -> Seen {
        let start = Instant::now();
        let mut model = Model::new(start, MTU as u16);
        let mut seen = Seen { delivered: 0, dropped: 0, longest_queue: 0, model: model.clone() };
        let (mut queue, mut count) = (0, 0);
        let mut flying: VecDeque<(Instant, Instant, bool)> = VecDeque::new();
        let mut waiting: u64 = 0;
        for at in 0..time.as_millis() as u64 {
            let now = start + STEP * at as u32;
            queue = u64::saturating_sub(queue, path.rate);
            waiting = match path.frame {
                Some(frame) if at % 33 == 0 => waiting + frame,
                Some(_) => waiting,
                None => u64::MAX / 2,
            };
            let late = at > time.as_millis() as u64 / 2;
            let mut acked = 0;
            while let Some((arrives, sent, lost)) = flying.front().copied() {
                if arrives > now || at % path.answers > 0 {
                    break;
                }
                flying.pop_front();
                if lost {
                    model.on_congestion_event(now, sent, false, MTU);
                } else {
                    model.acked(sent, MTU);
                    acked += MTU;
                }
            }
            let app_limited = waiting == 0;
            if acked > 0 {
                model.on_end_acks(now, flying.len() as u64 * MTU, app_limited, None);
            }
            while waiting >= MTU && (flying.len() as u64 + 1) * MTU <= model.window() {
                waiting -= MTU;
                count += 1;
                let chance = path.lose > 0 && count % path.lose == 0;
                let full = queue + MTU > path.room;
                let lost = chance || full;
                if !lost {
                    queue += MTU;
                }
                if late {
                    seen.dropped += u64::from(full);
                }
                let base = path.later.filter(|_| late).unwrap_or(path.round_trip);
                let delay = base + STEP * (queue / path.rate) as u32;
                model.on_sent(now, MTU, count);
                flying.push_back((now + delay, now, lost));
            }
            if late {
                seen.delivered += acked;
                seen.longest_queue = seen.longest_queue.max(queue);
            }
        }
        seen.model = model;
        seen
    }

    const TEN_SECONDS: Duration = Duration::from_secs(10);

    /// 16 Mbit/s, 40 ms, a queue of 200 ms.
    const USUAL: Path = Path {
        round_trip: Duration::from_millis(40),
        rate: 2_000,
        room: 400_000,
        lose: 0,
        frame: None,
        later: None,
        answers: 1,
    };

    #[test]
    fn fills_a_path_and_keeps_its_queue_short() {
        let seen = run(&USUAL, TEN_SECONDS);
        assert!(seen.delivered > 5_000 * USUAL.rate * 95 / 100, "{} bytes", seen.delivered);
        assert_eq!(seen.dropped, 0);
        // Some two round trips' worth, of the five that there is room for.
        assert!(seen.longest_queue < 200_000, "{} bytes", seen.longest_queue);
    }

    #[test]
    fn loses_no_speed_by_packets_that_are_lost_by_chance() {
        let seen = run(&Path { lose: 20, ..USUAL }, TEN_SECONDS);
        assert!(seen.delivered > 5_000 * USUAL.rate * 90 / 100, "{} bytes", seen.delivered);
    }

    #[test]
    fn loses_few_packets_where_there_is_next_to_no_queue() {
        let seen = run(&Path { room: 20_000, ..USUAL }, TEN_SECONDS);
        assert!(seen.delivered > 5_000 * USUAL.rate * 85 / 100, "{} bytes", seen.delivered);
        assert!(seen.dropped * MTU < seen.delivered / 3, "{} packets", seen.dropped);
    }

    #[test]
    fn is_soon_as_fast_again_on_a_path_that_has_become_longer() {
        let seen =
            run(&Path { round_trip: Duration::from_millis(10), later: Some(USUAL.round_trip), ..USUAL }, TEN_SECONDS);
        assert!(seen.delivered > 5_000 * USUAL.rate * 70 / 100, "{} bytes", seen.delivered);
    }

    #[test]
    fn keeps_up_with_live_media_where_the_peer_answers_in_lumps() {
        let short = Duration::from_millis(1);
        let seen =
            run(&Path { round_trip: short, answers: 120, frame: Some(41_000), rate: 100_000, ..USUAL }, TEN_SECONDS);
        assert!(seen.delivered > 4_700 / 33 * 41_000, "{} bytes", seen.delivered);
    }

    #[test]
    fn bounds_its_window_by_what_live_media_uses() {
        let seen = run(&Path { frame: Some(41_000), rate: 100_000, ..USUAL }, Duration::from_secs(60));
        assert!(seen.model.window() < 500_000, "{} bytes", seen.model.window());
        assert!(seen.delivered > 29_000 / 33 * 41_000 * 95 / 100, "{} bytes", seen.delivered);
    }

    #[test]
    fn keeps_no_more_notes_than_a_round_trip_needs() {
        let seen = run(&Path { rate: 100_000, ..USUAL }, TEN_SECONDS);
        assert!(seen.model.notes.len() < 4 * NOTES as usize, "{} notes", seen.model.notes.len());
    }
}
