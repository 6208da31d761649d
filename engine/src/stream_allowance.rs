//! How many streams of a kind a peer may have open. QUIC keeps a table with a place for each of them, so a link begins with
//! few and is allowed more as it uses them.

use std::sync::atomic::{AtomicU32, Ordering::Relaxed};

/// What an allowance grows by when half of it was used.
const GROWTH: u32 = 4;

pub struct Allowance {
    limit: AtomicU32,
    now: AtomicU32,
    /// Streams of the peer so far, those included that have ended.
    used: AtomicU32,
    /// Streams of HTTP/3 itself, which do not count.
    extra: AtomicU32,
}

impl Allowance {
    /// `initial` of at most `limit` streams; 0 begins with all of them.
    pub fn new(limit: u32, initial: u32, extra: u32) -> Self {
        let now = AtomicU32::new(first(limit, initial));
        Self { limit: AtomicU32::new(limit), now, used: AtomicU32::new(0), extra: AtomicU32::new(extra) }
    }

    /// Takes note of a stream of the peer; tells what QUIC is to allow when that has grown.
    pub fn used(&self) -> Option<u32> {
        let used = self.used.fetch_add(1, Relaxed).saturating_add(1);
        let now = self.now.load(Relaxed);
        let limit = self.limit.load(Relaxed);
        if now >= limit || used < now / 2 {
            return None;
        }
        self.now.fetch_max(now.saturating_mul(GROWTH).min(limit), Relaxed);
        Some(self.total())
    }

    /// Allows `limit` from now on, at once; tells what QUIC is to allow when that is more than before.
    pub fn raise(&self, limit: u32) -> Option<u32> {
        self.limit.fetch_max(limit, Relaxed);
        let before = self.now.fetch_max(limit, Relaxed);
        (limit > before).then(|| self.total())
    }

    /// HTTP/3 has so many streams of its own; tells what QUIC is to allow.
    pub fn with_extra(&self, extra: u32) -> u32 {
        self.extra.store(extra, Relaxed);
        self.total()
    }

    fn total(&self) -> u32 {
        self.now.load(Relaxed).saturating_add(self.extra.load(Relaxed))
    }
}

/// What a connection begins with.
pub fn first(limit: u32, initial: u32) -> u32 {
    if initial == 0 { limit } else { limit.min(initial) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn grows_with_use_up_to_its_limit() {
        let allowance = Allowance::new(100, 16, 1);
        let grown: Vec<_> = (0..100).filter_map(|_| allowance.used()).collect();
        assert_eq!(grown, [65, 101]);
        assert_eq!(allowance.with_extra(3), 103);
    }

    #[test]
    fn is_raised_at_once_and_never_lowered() {
        let allowance = Allowance::new(100, 16, 1);
        assert_eq!(allowance.raise(500), Some(501));
        assert_eq!(allowance.raise(200), None);
        assert!((0..1000).all(|_| allowance.used().is_none()));
        assert_eq!(allowance.with_extra(0), 500);
    }

    #[test]
    fn begins_with_everything_where_that_is_asked_for_or_less_than_the_first_step() {
        for (limit, initial) in [(100, 0), (8, 16)] {
            let allowance = Allowance::new(limit, initial, 0);
            assert!((0..200).all(|_| allowance.used().is_none()));
            assert_eq!(allowance.with_extra(0), limit);
        }
    }
}
