//! The model on simulated paths with one queue.

use super::*;

const MTU: u64 = 1200;
const STEP: Duration = Duration::from_millis(1);

/// A path with one queue, and a sender that fills its window or sends `frame` bytes every 33 ms.
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
}

struct Seen {
    delivered: u64,
    dropped: u64,
    longest_queue: u64,
    model: PathModel,
}

/// Runs for `time`. The figures are those of the second half.
fn run(path: &Path, time: Duration) -> Seen {
    let start = Instant::now();
    let mut model = PathModel::new(start, MTU as u16);
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
    // About two round trips' worth; the queue has room for five.
    assert!(seen.longest_queue < 200_000, "{} bytes", seen.longest_queue);
}

#[test]
fn stays_fast_when_packets_are_lost_at_random() {
    let seen = run(&Path { lose: 20, ..USUAL }, TEN_SECONDS);
    assert!(seen.delivered > 5_000 * USUAL.rate * 90 / 100, "{} bytes", seen.delivered);
}

#[test]
fn loses_few_packets_where_the_queue_is_short() {
    let seen = run(&Path { room: 20_000, ..USUAL }, TEN_SECONDS);
    assert!(seen.delivered > 5_000 * USUAL.rate * 85 / 100, "{} bytes", seen.delivered);
    assert!(seen.dropped * MTU < seen.delivered / 3, "{} packets", seen.dropped);
}

#[test]
fn recovers_its_speed_on_a_path_that_has_become_longer() {
    let seen =
        run(&Path { round_trip: Duration::from_millis(10), later: Some(USUAL.round_trip), ..USUAL }, TEN_SECONDS);
    assert!(seen.delivered > 5_000 * USUAL.rate * 70 / 100, "{} bytes", seen.delivered);
}

#[test]
fn keeps_up_with_live_media_where_the_peer_acknowledges_in_bursts() {
    let short = Duration::from_millis(1);
    let seen = run(&Path { round_trip: short, answers: 120, frame: Some(41_000), rate: 100_000, ..USUAL }, TEN_SECONDS);
    assert!(seen.delivered > 4_700 / 33 * 41_000, "{} bytes", seen.delivered);
}

#[test]
fn bounds_its_window_by_what_live_media_uses() {
    let seen = run(&Path { frame: Some(41_000), rate: 100_000, ..USUAL }, Duration::from_secs(60));
    assert!(seen.model.window() < 500_000, "{} bytes", seen.model.window());
    assert!(seen.delivered > 29_000 / 33 * 41_000 * 95 / 100, "{} bytes", seen.delivered);
}

#[test]
fn keeps_no_more_samples_than_a_round_trip_needs() {
    let seen = run(&Path { rate: 100_000, ..USUAL }, TEN_SECONDS);
    assert!(seen.model.samples.len() < 4 * SAMPLES as usize, "{} samples", seen.model.samples.len());
}
