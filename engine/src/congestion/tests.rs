//! The model on simulated paths with one queue, alone and beside others.

use super::estimates::SAMPLES;
use super::*;
use std::collections::VecDeque;

const MTU: u64 = 1200;
const STEP: Duration = Duration::from_millis(1);

/// A path with one queue, and senders that fill their windows or send `frame` bytes every 33 ms.
struct Path {
    round_trip: Duration,
    /// Bytes a millisecond.
    rate: u64,
    /// Size of the queue in bytes.
    room: u64,
    /// One packet in this many is lost at random; 0: none.
    lose: u64,
    frame: Option<u64>,
    /// The round trip in the second half of the time.
    later: Option<Duration>,
    /// The peer acknowledges at multiples of this many milliseconds.
    answers: u64,
    /// When each sender begins, in milliseconds.
    senders: &'static [u64],
    /// The last sender takes each loss for congestion, as TCP does.
    beside_tcp: bool,
}

/// The figures of the second half of the time.
struct Seen {
    /// By sender.
    delivered: Vec<u64>,
    sent: u64,
    dropped: u64,
    longest_queue: u64,
    mean_queue: u64,
    models: Vec<DelayBound>,
}

impl Seen {
    fn all(&self) -> u64 {
        self.delivered.iter().sum()
    }
}

struct Sender {
    begins: u64,
    model: DelayBound,
    /// Arrival of the acknowledgement, sending, lost.
    flying: VecDeque<(Instant, Instant, bool)>,
    waiting: u64,
    count: u64,
    tcp: Option<LossBased>,
}

/// A window that grows by a packet each round trip, and loses 30 % with each round trip that lost packets.
struct LossBased {
    window: f64,
    grows_fast: bool,
    cut: Instant,
}

impl LossBased {
    fn acked(&mut self) {
        self.window += if self.grows_fast { MTU as f64 } else { (MTU * MTU) as f64 / self.window };
    }

    fn lost(&mut self, now: Instant, sent: Instant) {
        if sent >= self.cut {
            (self.window, self.grows_fast, self.cut) = (self.window * 0.7, false, now);
        }
    }
}

impl Sender {
    /// Takes the acknowledgements that have arrived. Returns their bytes.
    fn receive(&mut self, now: Instant, at: u64, answers: u64) -> u64 {
        let mut acked = 0;
        while let Some((arrives, sent, lost)) = self.flying.front().copied() {
            if arrives > now || !at.is_multiple_of(answers) {
                break;
            }
            self.flying.pop_front();
            if lost {
                self.model.on_congestion_event(now, sent, false, MTU);
                if let Some(tcp) = &mut self.tcp {
                    tcp.lost(now, sent);
                }
            } else {
                self.model.take_acked(now, sent, MTU);
                acked += MTU;
                if let Some(tcp) = &mut self.tcp {
                    tcp.acked();
                }
            }
        }
        if acked > 0 {
            self.model.on_end_acks(now, self.flying.len() as u64 * MTU, self.waiting == 0, None);
        }
        acked
    }

    fn may_send(&self) -> bool {
        let window = self.tcp.as_ref().map_or(self.model.window(), |tcp| tcp.window as u64);
        self.waiting >= MTU && (self.flying.len() as u64 + 1) * MTU <= window
    }
}

/// Runs for `time`.
fn run(path: &Path, time: Duration) -> Seen {
    let start = Instant::now();
    let sender = |begins: &u64| Sender {
        begins: *begins,
        model: DelayBound::new(start, MTU as u16, 10 * MTU, start),
        flying: VecDeque::new(),
        waiting: 0,
        count: 0,
        tcp: None,
    };
    let mut senders: Vec<Sender> = path.senders.iter().map(sender).collect();
    if let Some(last) = senders.last_mut().filter(|_| path.beside_tcp) {
        last.tcp = Some(LossBased { window: (10 * MTU) as f64, grows_fast: true, cut: start });
    }
    let none = vec![0; senders.len()];
    let mut seen = Seen { delivered: none, sent: 0, dropped: 0, longest_queue: 0, mean_queue: 0, models: Vec::new() };
    let end = time.as_millis() as u64;
    let mut queue = 0;
    for at in 0..end {
        let now = start + STEP * at as u32;
        queue = u64::saturating_sub(queue, path.rate);
        let late = at > end / 2;
        for (index, sender) in senders.iter_mut().enumerate().filter(|(_, sender)| at >= sender.begins) {
            match path.frame {
                Some(frame) if (at - sender.begins) % 33 == 0 => sender.waiting += frame,
                Some(_) => (),
                None => sender.waiting = u64::MAX / 2,
            }
            let acked = sender.receive(now, at, path.answers);
            if late {
                seen.delivered[index] += acked;
            }
            while sender.may_send() {
                sender.waiting -= MTU;
                sender.count += 1;
                let chance = path.lose > 0 && sender.count % path.lose == 0;
                let full = queue + MTU > path.room;
                let lost = chance || full;
                if !lost {
                    queue += MTU;
                }
                if late {
                    seen.sent += 1;
                    seen.dropped += u64::from(full);
                }
                let base = path.later.filter(|_| late).unwrap_or(path.round_trip);
                let delay = base + STEP * (queue / path.rate) as u32;
                sender.model.on_sent(now, MTU, sender.count);
                sender.flying.push_back((now + delay, now, lost));
            }
        }
        if late {
            seen.longest_queue = seen.longest_queue.max(queue);
            seen.mean_queue += queue;
        }
    }
    seen.mean_queue /= end / 2;
    seen.models = senders.into_iter().map(|sender| sender.model).collect();
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
    senders: &[0],
    beside_tcp: false,
};

#[test]
fn fills_a_path_and_keeps_its_queue_short() {
    let seen = run(&USUAL, TEN_SECONDS);
    assert!(seen.all() > 5_000 * USUAL.rate * 95 / 100, "{} bytes", seen.all());
    assert_eq!(seen.dropped, 0);
    // About two round trips' worth; the queue has room for five.
    assert!(seen.longest_queue < 200_000, "{} bytes", seen.longest_queue);
}

#[test]
fn stays_fast_when_packets_are_lost_at_random() {
    let seen = run(&Path { lose: 20, ..USUAL }, TEN_SECONDS);
    assert!(seen.all() > 5_000 * USUAL.rate * 90 / 100, "{} bytes", seen.all());
}

#[test]
fn loses_few_packets_where_the_queue_is_short() {
    let seen = run(&Path { room: 20_000, ..USUAL }, TEN_SECONDS);
    assert!(seen.all() > 5_000 * USUAL.rate * 85 / 100, "{} bytes", seen.all());
    assert!(seen.dropped * MTU < seen.all() / 3, "{} packets", seen.dropped);
}

#[test]
fn recovers_its_speed_on_a_path_that_has_become_longer() {
    let seen =
        run(&Path { round_trip: Duration::from_millis(10), later: Some(USUAL.round_trip), ..USUAL }, TEN_SECONDS);
    assert!(seen.all() > 5_000 * USUAL.rate * 70 / 100, "{} bytes", seen.all());
}

#[test]
fn keeps_up_with_live_media_where_the_peer_acknowledges_in_bursts() {
    let short = Duration::from_millis(1);
    let seen = run(&Path { round_trip: short, answers: 120, frame: Some(41_000), rate: 100_000, ..USUAL }, TEN_SECONDS);
    assert!(seen.all() > 4_700 / 33 * 41_000, "{} bytes", seen.all());
}

#[test]
fn bounds_its_window_by_what_live_media_uses() {
    let seen = run(&Path { frame: Some(41_000), rate: 100_000, ..USUAL }, Duration::from_secs(60));
    assert!(seen.models[0].window() < 500_000, "{} bytes", seen.models[0].window());
    assert!(seen.all() > 29_000 / 33 * 41_000 * 95 / 100, "{} bytes", seen.all());
}

#[test]
fn keeps_no_more_samples_than_a_round_trip_needs() {
    let seen = run(&Path { rate: 100_000, ..USUAL }, TEN_SECONDS);
    let samples = seen.models[0].delivery.samples();
    assert!(samples < 4 * SAMPLES as usize, "{samples} samples");
}

/// 6 Mbit/s.
const NARROW: Path = Path { rate: 750, room: 150_000, senders: &[0, 1_310], ..USUAL };

/// Checks that the senders fill the path, that its queue of 200 ms stays short and drops little, and that each gets a fair
/// part.
fn share(path: &Path) {
    let seen = run(path, Duration::from_secs(30));
    let capacity = 15_000 * path.rate;
    assert!(seen.all() > capacity * 94 / 100, "{} of {capacity} bytes", seen.all());
    assert!(seen.dropped * 25 < seen.sent, "{} of {} packets dropped", seen.dropped, seen.sent);
    assert!(seen.mean_queue < path.room * 6 / 10, "{} of {} bytes queue", seen.mean_queue, path.room);
    // Jain's index: 1 when all parts are equal.
    let squares: f64 = seen.delivered.iter().map(|part| (*part as f64).powi(2)).sum();
    let index = (seen.all() as f64).powi(2) / (seen.delivered.len() as f64 * squares);
    assert!(index > 0.95, "{:?}", seen.delivered);
}

#[test]
fn two_share_a_narrow_link_without_filling_its_queue() {
    share(&NARROW);
    share(&Path { frame: Some(16_667), ..NARROW });
    share(&Path { frame: Some(41_000), answers: 5, ..NARROW });
}

#[test]
fn four_share_a_link() {
    share(&Path { senders: &[0, 700, 1_300, 2_900], ..USUAL });
}

#[test]
fn two_share_a_link_that_loses_packets_at_random() {
    share(&Path { lose: 50, ..NARROW });
}

#[test]
fn drains_at_the_same_moments_of_the_wall_clock() {
    let drain_at = DelayBoundConfig::new(12_000).drain_at;
    let wall = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap() - drain_at.elapsed();
    let off = (wall.as_millis() % 2_000) as u64;
    assert!(off.min(2_000 - off) < 20, "{off} ms");
}

#[test]
fn sends_at_once_after_a_dark_time_although_its_window_is_full() {
    let start = Instant::now();
    let at = |ms: u64| start + STEP * ms as u32;
    let mut model = DelayBound::new(start, MTU as u16, 10 * MTU, start);
    model.on_sent(start, MTU, 1);
    model.take_acked(at(40), start, MTU);
    model.on_end_acks(at(40), 10 * MTU, false, None);
    let before = model.window();
    // A packet of before comes back after five seconds; all that was sent since is still in flight.
    model.take_acked(at(5_040), at(41), MTU);
    model.on_end_acks(at(5_040), before, false, None);
    assert!(model.window() >= before + 10 * MTU, "{} bytes", model.window());
    // What was sent in the dark is lost, which says nothing of the path.
    model.on_congestion_event(at(5_080), at(3_000), true, before);
    model.take_acked(at(5_500), at(5_460), 100 * MTU);
    model.on_end_acks(at(5_500), 0, false, None);
    assert!(!model.is_gentle(at(5_500)));
    assert!(model.window() >= before, "{} bytes", model.window());
}

#[test]
fn gets_a_part_of_a_link_beside_tcp_and_leaves_it_one() {
    for room in [150_000, 400_000] {
        let seen = run(&Path { senders: &[0, 3_000], beside_tcp: true, room, ..USUAL }, Duration::from_secs(60));
        let part = seen.delivered[0] as f64 / seen.all() as f64;
        assert!((0.25..0.75).contains(&part), "{part} of a link with a queue of {room} bytes");
    }
}
