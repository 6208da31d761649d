//! Random paths with one queue, with QUIC's loss detection, pacing and probes as the engine has them. Each path follows from
//! its seed.

use super::*;
use std::collections::{BTreeMap, BTreeSet};

const MTU: u64 = 1200;
const STEP: u64 = 1_000;
const SECOND: u64 = 1_000_000;

/// A packet counts as lost when one was acknowledged that was sent as many packets later, or this part of a round trip
/// later: the engine's defaults.
const PACKET_THRESHOLD: u64 = 20;
const TIME_THRESHOLD: f64 = 1.2;

/// What the relay keeps for a viewer before it drops the oldest.
const MOST_WAITING: u64 = 1_000_000;

/// xorshift.
struct Random(u64);

impl Random {
    fn below(&mut self, bound: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 >> 11) % bound
    }

    fn of<T: Copy>(&mut self, choices: &[T]) -> T {
        choices[self.below(choices.len() as u64) as usize]
    }

    fn happens(&mut self, per_mille: u64) -> bool {
        self.below(1_000) < per_mille
    }
}

/// Times are in microseconds.
#[derive(Debug, Clone)]
struct Path {
    seed: u64,
    /// One way.
    delay: u64,
    /// Bytes a second.
    rate: u64,
    /// Bytes of the queue.
    room: u64,
    /// Per mille of the packets at which a loss begins, and packets in a row that are lost then.
    loss: u64,
    burst: u64,
    /// Per mille of the packets that later ones overtake, and by how much.
    reordered: u64,
    reordered_by: u64,
    /// All packets are late by up to this, in order.
    jitter: u64,
    /// The application stands still for 300 ms every so often.
    pause_every: u64,
    /// Acknowledgements cover as many packets, or come after 25 ms.
    ack_every: u64,
    flows: Vec<Flow>,
}

#[derive(Debug, Clone)]
struct Flow {
    begins: u64,
    /// Bytes of a frame, 30 a second.
    frame: u64,
    /// How far its clock is behind.
    clock: u64,
}

struct Sender {
    model: DelayBound,
    /// When packets were sent, by number.
    flying: BTreeMap<u64, u64>,
    /// Numbers that arrive at the peer, by time.
    arriving: BTreeSet<(u64, u64)>,
    /// Numbers that the peer has not acknowledged yet, and when the first one came.
    received: Vec<u64>,
    received_at: u64,
    last_at: u64,
    answers: BTreeMap<(u64, u64), Vec<u64>>,
    next: u64,
    newest_acked: Option<u64>,
    smoothed: f64,
    waiting: u64,
    tokens: f64,
    losing: u64,
    heard: u64,
    probed: u64,
    in_flight: u64,
    app_limited: bool,
    /// Bytes that arrived, by tenths of a second.
    delivered: Vec<u64>,
    /// Milliseconds in which the window stopped bytes.
    limited: u64,
}

impl Sender {
    fn lose(&mut self, now: Instant, at: u64) {
        let Some(newest) = self.newest_acked else { return };
        let delay = (TIME_THRESHOLD * self.smoothed) as u64;
        let lost: Vec<(u64, u64)> = self
            .flying
            .range(..newest)
            .filter(|(number, sent)| newest >= **number + PACKET_THRESHOLD || at - **sent >= delay)
            .map(|(number, sent)| (*number, *sent))
            .collect();
        let Some((_, sent)) = lost.last().copied() else { return };
        for (number, _) in &lost {
            self.flying.remove(number);
        }
        let bytes = lost.len() as u64 * MTU;
        self.in_flight -= bytes;
        self.waiting += bytes;
        self.model.on_congestion_event(now, now - Duration::from_micros(at - sent), false, bytes);
    }

    fn take_answers(&mut self, now: Instant, at: u64) {
        while let Some(entry) = self.answers.first_entry() {
            if entry.key().0 > at {
                break;
            }
            let numbers = entry.remove();
            let mut any = false;
            for number in numbers {
                if self.newest_acked < Some(number) {
                    self.newest_acked = Some(number);
                    if let Some(packet) = self.flying.get(&number) {
                        let took = (at - packet) as f64;
                        self.smoothed = if self.smoothed == 0.0 { took } else { self.smoothed * 0.875 + took * 0.125 };
                    }
                }
                if let Some(packet) = self.flying.remove(&number) {
                    any = true;
                    self.in_flight -= MTU;
                    self.model.take_acked(now, now - Duration::from_micros(at - packet), MTU);
                }
            }
            if any {
                self.heard = at;
                self.model.on_end_acks(now, self.in_flight, self.app_limited, self.newest_acked);
            }
            self.lose(now, at);
        }
        self.lose(now, at);
    }
}

impl Sender {
    /// The peer takes what has arrived, and acknowledges it now or later.
    fn peer(&mut self, at: u64, path: &Path) {
        while let Some((arrives, number)) = self.arriving.first().copied() {
            if arrives > at {
                break;
            }
            self.arriving.pop_first();
            self.delivered[(at * 10 / SECOND) as usize] += MTU;
            if self.received.is_empty() {
                self.received_at = at;
            }
            self.received.push(number);
            if self.received.len() as u64 >= path.ack_every {
                self.answers.insert((at + path.delay, number), std::mem::take(&mut self.received));
            }
        }
        if !self.received.is_empty() && at >= self.received_at + 25_000 {
            self.answers.insert((at + path.delay, 0), std::mem::take(&mut self.received));
        }
    }

    /// The newest packet goes through the network. `busy_until`: when the link has sent all that its queue holds.
    fn pass(&mut self, at: u64, path: &Path, busy_until: &mut u64, random: &mut Random) {
        let queued = u128::from(busy_until.saturating_sub(at)) * u128::from(path.rate) / u128::from(SECOND);
        if queued as u64 + MTU > path.room {
            return;
        }
        *busy_until = (*busy_until).max(at) + MTU * SECOND / path.rate;
        if self.losing == 0 && random.happens(path.loss) {
            self.losing = path.burst;
        }
        if self.losing > 0 {
            self.losing -= 1;
            return;
        }
        let mut arrives = *busy_until + path.delay + random.below(path.jitter.max(1));
        if random.happens(path.reordered) {
            arrives += path.reordered_by / 5 + random.below(path.reordered_by * 4 / 5);
        } else {
            self.last_at = self.last_at.max(arrives);
            arrives = self.last_at;
        }
        self.arriving.insert((arrives, self.next));
    }
}

impl Path {
    /// Whether the queue holds twice what the flows together keep there.
    fn has_room(&self) -> bool {
        let kept = self.rate as f64 * QUEUE_TIME.as_secs_f64() + (self.flows.len() as u64 * QUEUE_BYTES) as f64;
        self.room as f64 >= 2.0 * kept
    }
}

/// Runs for this many seconds.
fn run(path: &Path, seconds: u64) -> Vec<Sender> {
    let start = Instant::now() + Duration::from_secs(100);
    let mut random = Random(path.seed | 1);
    let mut senders: Vec<Sender> = path
        .flows
        .iter()
        .map(|flow| Sender {
            model: DelayBound::new(
                start + Duration::from_micros(flow.begins),
                MTU as u16,
                32 * MTU,
                start - Duration::from_micros(flow.clock),
            ),
            flying: BTreeMap::new(),
            arriving: BTreeSet::new(),
            received: Vec::new(),
            received_at: 0,
            last_at: 0,
            answers: BTreeMap::new(),
            next: 0,
            newest_acked: None,
            smoothed: 0.0,
            waiting: 0,
            tokens: 0.0,
            losing: 0,
            heard: 0,
            probed: 0,
            in_flight: 0,
            app_limited: false,
            delivered: vec![0; (seconds * 10) as usize],
            limited: 0,
        })
        .collect();
    let mut busy_until = 0u64;
    let mut at = 0;
    while at < seconds * SECOND {
        let now = start + Duration::from_micros(at);
        let first = random.below(path.flows.len() as u64) as usize;
        for index in (0..path.flows.len()).map(|index| (first + index) % path.flows.len()) {
            let (sender, flow) = (&mut senders[index], &path.flows[index]);
            if at < flow.begins {
                continue;
            }
            let since = at - flow.begins;
            if since % 33_000 < STEP {
                sender.waiting = (sender.waiting + flow.frame).min(MOST_WAITING.max(flow.frame));
            }
            sender.peer(at, path);
            sender.take_answers(now, at);
            if path.pause_every > 0 && at > SECOND && at % path.pause_every < 300_000 {
                continue;
            }
            // QUIC's pacer.
            let window = sender.model.window() as f64;
            let took = sender.smoothed.max(1_000.0);
            let most = (window * 2_000.0 / took).clamp((10 * MTU) as f64, (256 * MTU) as f64);
            sender.tokens = (sender.tokens + 1.25 * window * STEP as f64 / took).min(most);
            let silent =
                sender.in_flight > 0 && at >= sender.heard.max(sender.probed) + 100_000 + 2 * sender.smoothed as u64;
            let mut probe = silent;
            sender.app_limited = false;
            loop {
                if !probe {
                    if sender.waiting < MTU {
                        sender.app_limited = true;
                        break;
                    }
                    if sender.in_flight + MTU > sender.model.window() {
                        sender.limited += 1;
                        break;
                    }
                    if sender.tokens < MTU as f64 {
                        break;
                    }
                    sender.waiting -= MTU;
                } else {
                    sender.probed = at;
                }
                probe = false;
                if sender.in_flight == 0 {
                    sender.heard = at;
                }
                sender.tokens -= MTU as f64;
                sender.next += 1;
                sender.in_flight += MTU;
                sender.flying.insert(sender.next, at);
                sender.model.on_sent(now, MTU, sender.next);
                sender.pass(at, path, &mut busy_until, &mut random);
            }
        }
        at += STEP;
    }
    senders
}

fn random_path(seed: u64) -> Path {
    let mut random = Random(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1);
    for _ in 0..8 {
        random.below(2);
    }
    let rate = random.of(&[300_000, 750_000, 875_000, 2_000_000, 5_000_000]);
    let count = random.of(&[1, 1, 2, 2, 3, 4]);
    let frame = random.of(&[5_000, 16_667, 41_000]);
    let hard = random.below(3);
    let flows = (0..count)
        .map(|_| Flow { begins: random.below(2_000) * 1_000, frame, clock: random.of(&[0, 0, 20_000, 80_000]) })
        .collect();
    Path {
        seed,
        delay: random.of(&[2_000, 10_000, 20_000, 60_000]),
        rate,
        room: rate * random.of(&[60, 100, 200, 400]) / 1_000,
        loss: if hard == 1 { random.of(&[1, 5, 10]) } else { 0 },
        burst: random.of(&[1, 4]),
        reordered: if hard == 2 { random.of(&[50, 200]) } else { 0 },
        reordered_by: random.of(&[15_000, 30_000]),
        jitter: random.of(&[0, 0, 0, 10_000]),
        pause_every: 0,
        ack_every: random.of(&[1, 2, 10]),
        flows,
    }
}

/// Bytes a second that a flow may have of its path when all get the same.
fn share(path: &Path, flow: &Flow) -> u64 {
    (path.rate / path.flows.len() as u64).min(flow.frame * 30)
}

/// Where the queue is shorter, packets are dropped all the time and parts are not equal.
#[test]
fn no_flow_stalls_on_a_random_path_whose_queue_has_room() {
    for path in (1..=40).map(random_path).filter(Path::has_room) {
        for (sender, flow) in run(&path, 12).iter().zip(&path.flows) {
            let share = share(&path, flow);
            // Two seconds after the last flow began.
            let tenths = &sender.delivered[40..];
            let least = tenths.windows(10).map(|second| second.iter().sum::<u64>()).min().unwrap_or_default();
            let mean = tenths.iter().sum::<u64>() * 10 / tenths.len() as u64;
            assert!(least * 100 > share * 15, "{least} of {share} bytes in a second: {path:?}");
            assert!(mean * 100 > share * 50, "{mean} of {share} bytes a second: {path:?}");
        }
    }
}

#[test]
fn packets_that_overtake_each_other_do_not_slow_live_media_down() {
    for seed in 1..=24 {
        let flows = vec![Flow { begins: 0, frame: 41_000, clock: (seed * 100_000) % 2_000_000 }];
        let path = Path {
            seed: seed * 7_919,
            delay: 20_000,
            rate: 125_000_000,
            room: 10_000_000,
            loss: 5,
            burst: 4,
            reordered: 200,
            reordered_by: 30_000,
            jitter: 15_000,
            pause_every: 4 * SECOND,
            ack_every: if seed % 2 == 0 { 2 } else { 10 },
            flows,
        };
        let limited = run(&path, 15)[0].limited;
        assert!(limited < 400, "the window stopped bytes in {limited} of 15,000 ms: {path:?}");
    }
}
