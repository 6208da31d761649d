//! Probes for the last packet of a burst, on a path that loses packets. QUIC takes a packet for lost once later ones are
//! acknowledged. The last packet of a frame has none behind it before the next frame, so what was lost last would come a
//! frame's time later than the rest. One small packet behind each burst has the peer acknowledge at once what it has
//! (RFC 9000 section 13.2.1: a gap). RFC 9002 section 6.2 sends such a probe too, but much later.

use super::observed::Observed;
use std::time::{Duration, Instant};

/// A path loses much where it loses one byte of this many. Where it loses less, that is too seldom the end of a burst to pay for probes.
const LOSSY_PART: u64 = 100;

/// Bytes that count: the last 256 to 512 KiB, some 200 to 400 packets. One loss among them is too few, except soon after the start.
const COUNTED: u64 = 512 * 1024;

/// A burst is over when nothing was sent for this time, or for this part of a round trip.
const OVER_AFTER: Duration = Duration::from_millis(4);
const OVER_AFTER_PART: u32 = 8;

/// The last burst of a connection, and how much its path loses.
#[derive(Default)]
pub struct Tail {
    /// Bytes that were sent and lost. Both are halved when `COUNTED` are sent, so that a path is known by its present.
    sent: u64,
    lost: u64,
    /// Number of the last packet.
    last: u64,
    /// When the last packet was sent; nothing where it is acknowledged or a probe is behind it.
    waits: Option<Instant>,
}

impl Tail {
    /// Notes what the connection has done.
    pub fn note(&mut self, observed: &Observed, now: Instant) {
        self.sent += observed.sent_bytes;
        self.lost += observed.lost_bytes;
        if self.sent > COUNTED {
            self.sent /= 2;
            self.lost /= 2;
        }
        if observed.largest.is_some_and(|largest| largest >= self.last) {
            self.waits = None;
        }
        if let Some(sent) = observed.sent {
            self.last = sent;
            self.waits = Some(now);
        }
    }

    /// When a probe is due, unless more is sent until then.
    pub fn probe_at(&self, rtt: Duration) -> Option<Instant> {
        let waits = self.waits?;
        let lossy = self.lost > 0 && self.lost * LOSSY_PART >= self.sent;
        lossy.then(|| waits + OVER_AFTER.max(rtt / OVER_AFTER_PART))
    }

    /// A probe is sent.
    pub fn probed(&mut self) {
        self.waits = None;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const RTT: Duration = Duration::from_millis(40);
    const PACKET: u64 = 1200;
    const NOTHING: Observed = Observed { sent: None, sent_bytes: 0, acknowledged: false, largest: None, lost_bytes: 0 };

    const fn ms(count: u64) -> Duration {
        Duration::from_millis(count)
    }

    fn sends(last: u64) -> Observed {
        Observed { sent: Some(last), sent_bytes: PACKET, ..NOTHING }
    }

    fn loses() -> Observed {
        Observed { acknowledged: true, largest: Some(3), lost_bytes: PACKET, ..NOTHING }
    }

    fn acknowledges(largest: u64) -> Observed {
        Observed { acknowledged: true, largest: Some(largest), ..NOTHING }
    }

    #[test]
    fn a_burst_on_a_path_that_loses_packets_has_one_probe_behind_it() {
        let start = Instant::now();
        let mut tail = Tail::default();
        tail.note(&sends(9), start);
        assert_eq!(tail.probe_at(RTT), None, "nothing was lost");
        tail.note(&loses(), start);
        assert_eq!(tail.probe_at(RTT), Some(start + ms(5)));
        assert_eq!(tail.probe_at(ms(1)), Some(start + ms(4)));
        tail.note(&sends(10), start + ms(3));
        assert_eq!(tail.probe_at(RTT), Some(start + ms(8)), "the burst goes on");
        tail.probed();
        assert_eq!(tail.probe_at(RTT), None);
    }

    #[test]
    fn nothing_is_probed_that_is_acknowledged() {
        let start = Instant::now();
        let mut tail = Tail::default();
        tail.note(&loses(), start);
        assert_eq!(tail.probe_at(RTT), None, "nothing was sent");
        tail.note(&sends(9), start);
        tail.note(&acknowledges(8), start + ms(1));
        assert!(tail.probe_at(RTT).is_some(), "the last packet waits");
        tail.note(&acknowledges(9), start + ms(2));
        assert_eq!(tail.probe_at(RTT), None);
    }

    /// Sends `packets` of which every `nth` is lost. Returns behind how many of them a probe would be due.
    fn probes(tail: &mut Tail, packets: u64, nth: u64) -> u64 {
        let now = Instant::now();
        let mut count = 0;
        for number in 0..packets {
            tail.note(&sends(number), now);
            count += u64::from(tail.probe_at(RTT).is_some());
            if number % nth == nth - 1 {
                tail.note(&loses(), now);
            }
        }
        count
    }

    #[test]
    fn a_path_that_always_loses_a_little_has_no_probes_and_one_that_has_lost_much_soon_none_again() {
        let mut tail = Tail::default();
        let first = probes(&mut tail, 10_000, 400);
        assert!(first < 10, "{first} probes of 10,000 packets, of which one in 400 was lost");
        let lossy = probes(&mut tail, 10_000, 25);
        assert!(lossy > 9_500, "{lossy} probes of 10,000 packets, of which one in 25 was lost");
        let after = probes(&mut tail, 10_000, 400);
        assert!(after < 2_000, "{after} probes of 10,000 packets when the path was good again");
    }
}
