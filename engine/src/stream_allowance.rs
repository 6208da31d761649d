//! How many streams of a kind a peer may have open. QUIC allocates a table entry for each allowed stream, so a link
//! begins with a small limit, which grows as the peer opens streams.

use std::sync::atomic::{AtomicU32, Ordering::Relaxed};

/// When the peer has opened, in total, half as many streams as the current limit, the limit grows by this factor.
const GROWTH: u32 = 4;

/// A limit below this doubles instead: a viewer of a few tracks needs no large table.
const SMALL: u32 = 16;

pub struct StreamAllowance {
    /// The largest value of `current`.
    limit: AtomicU32,
    current: AtomicU32,
    /// Streams that the peer has opened so far, ended ones included.
    opened: AtomicU32,
    /// Streams of HTTP/3 itself, which are allowed on top.
    extra: AtomicU32,
}

impl StreamAllowance {
    /// Begins with `initial` streams and grows to `limit`; an `initial` of 0 begins with `limit`.
    pub fn new(limit: u32, initial: u32, extra: u32) -> Self {
        let current = AtomicU32::new(initial_limit(limit, initial));
        Self { limit: AtomicU32::new(limit), current, opened: AtomicU32::new(0), extra: AtomicU32::new(extra) }
    }

    /// Counts a stream that the peer has opened. Returns QUIC's new limit when it has grown.
    pub fn count_opened(&self) -> Option<u32> {
        let opened = self.opened.fetch_add(1, Relaxed).saturating_add(1);
        let current = self.current.load(Relaxed);
        let limit = self.limit.load(Relaxed);
        if current >= limit || opened < current / 2 {
            return None;
        }
        let factor = if current < SMALL { 2 } else { GROWTH };
        self.current.fetch_max(current.saturating_mul(factor).min(limit), Relaxed);
        Some(self.total())
    }

    /// Raises both limits to `limit` immediately, without gradual growth; never lowers them. Returns QUIC's new limit when it has grown.
    pub fn raise(&self, limit: u32) -> Option<u32> {
        self.limit.fetch_max(limit, Relaxed);
        let before = self.current.fetch_max(limit, Relaxed);
        (limit > before).then(|| self.total())
    }

    /// Sets how many streams HTTP/3 has of its own. Returns QUIC's new limit.
    pub fn set_extra(&self, extra: u32) -> u32 {
        self.extra.store(extra, Relaxed);
        self.total()
    }

    fn total(&self) -> u32 {
        self.current.load(Relaxed).saturating_add(self.extra.load(Relaxed))
    }
}

/// The limit that a connection begins with.
pub fn initial_limit(limit: u32, initial: u32) -> u32 {
    if initial == 0 { limit } else { limit.min(initial) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn grows_with_use_up_to_its_limit() {
        let allowance = StreamAllowance::new(100, 16, 1);
        let grown: Vec<_> = (0..100).filter_map(|_| allowance.count_opened()).collect();
        assert_eq!(grown, [65, 101]);
        assert_eq!(allowance.set_extra(3), 103);
    }

    #[test]
    fn a_small_limit_doubles_and_has_caught_up_when_it_was_used_once() {
        let small = StreamAllowance::new(1000, 8, 0);
        let grown: Vec<_> = (1..=40).filter_map(|opened| Some((opened, small.count_opened()?))).collect();
        assert_eq!(grown, [(4, 16), (8, 64), (32, 256)]);
    }

    #[test]
    fn is_raised_at_once_and_never_lowered() {
        let allowance = StreamAllowance::new(100, 16, 1);
        assert_eq!(allowance.raise(500), Some(501));
        assert_eq!(allowance.raise(200), None);
        assert!((0..1000).all(|_| allowance.count_opened().is_none()));
        assert_eq!(allowance.set_extra(0), 500);
    }

    #[test]
    fn begins_with_its_limit_where_initial_is_0_or_larger_than_the_limit() {
        for (limit, initial) in [(100, 0), (8, 16)] {
            let allowance = StreamAllowance::new(limit, initial, 0);
            assert!((0..200).all(|_| allowance.count_opened().is_none()));
            assert_eq!(allowance.set_extra(0), limit);
        }
    }
}
