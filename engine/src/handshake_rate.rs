//! A bound on new handshakes per second over all listeners. It is checked before a handshake costs a signature or a
//! key exchange.

use parking_lot::Mutex;
use std::time::Instant;

/// A token bucket; without a rate it is never empty.
pub struct HandshakeRate {
    bucket: Mutex<Bucket>,
}

struct Bucket {
    /// Handshakes per second; 0: no bound.
    rate: f64,
    burst: f64,
    level: f64,
    at: Instant,
    limited: u64,
}

impl Default for HandshakeRate {
    fn default() -> Self {
        Self { bucket: Mutex::new(Bucket { rate: 0.0, burst: 0.0, level: 0.0, at: Instant::now(), limited: 0 }) }
    }
}

impl HandshakeRate {
    /// Sets the bound, for handshakes that begin from now on. The bucket starts full.
    pub fn set(&self, per_second: u32, burst: u32, now: Instant) {
        let mut bucket = self.bucket.lock();
        bucket.rate = per_second.into();
        bucket.burst = burst.max(1).into();
        bucket.level = bucket.burst;
        bucket.at = now;
    }

    /// True when half of the burst is used up: clients must prove their address then, so that forged addresses cannot
    /// use up the rest.
    pub fn is_scarce(&self, now: Instant) -> bool {
        let mut bucket = self.bucket.lock();
        bucket.fill(now);
        bucket.rate > 0.0 && bucket.level < bucket.burst / 2.0
    }

    /// Takes a handshake from the bucket. False, and counted, when there is none.
    pub fn take(&self, now: Instant) -> bool {
        let mut bucket = self.bucket.lock();
        if bucket.rate == 0.0 {
            return true;
        }
        bucket.fill(now);
        let free = bucket.level >= 1.0;
        if free {
            bucket.level -= 1.0;
        } else {
            bucket.limited += 1;
        }
        free
    }

    /// Handshakes that did not begin because of the bound, since the start.
    pub fn limited(&self) -> u64 {
        self.bucket.lock().limited
    }
}

impl Bucket {
    fn fill(&mut self, now: Instant) {
        let passed = now.saturating_duration_since(self.at).as_secs_f64();
        self.level = (self.level + passed * self.rate).min(self.burst);
        self.at = self.at.max(now);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    #[test]
    fn takes_the_burst_at_once_and_then_the_rate() {
        let rate = HandshakeRate::default();
        let start = Instant::now();
        rate.set(10, 4, start);
        assert!(!rate.is_scarce(start));
        assert_eq!((0..6).filter(|_| rate.take(start)).count(), 4);
        assert_eq!(rate.limited(), 2);
        assert!(rate.is_scarce(start));
        let later = start + Duration::from_millis(200);
        assert_eq!((0..6).filter(|_| rate.take(later)).count(), 2);
        assert!(!rate.is_scarce(later + Duration::from_secs(9)));
        assert_eq!((0..9).filter(|_| rate.take(later + Duration::from_secs(9))).count(), 4);
    }

    #[test]
    fn has_no_bound_without_a_rate() {
        let rate = HandshakeRate::default();
        let now = Instant::now();
        assert!((0..10_000).all(|_| rate.take(now)));
        rate.set(1, 1, now);
        rate.set(0, 1, now);
        assert!((0..10_000).all(|_| rate.take(now)));
        assert_eq!((rate.limited(), rate.is_scarce(now)), (0, false));
    }
}
