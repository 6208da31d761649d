//! When the connections of a driver want to be driven. `T` refers to a connection.
//!
//! Times are rounded up to a grid: 1 ms, and more for times far away. So connections share wake-ups. An entry stays when
//! its connection wants a later time: then it is put in again when it is due. For a connection that sends and receives
//! all the time that is seldom.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

/// Times from so many milliseconds on are rounded to a grid of so many.
const GRIDS: [(u64, u64); 2] = [(1000, 64), (100, 8)];

/// Lists that are kept to be used again.
const SPARE: usize = 64;

/// Milliseconds since the start of the timers.
pub type Tick = u64;

pub struct Timers<T> {
    start: Instant,
    due: BTreeMap<Tick, Vec<T>>,
    spare: Vec<Vec<T>>,
}

impl<T> Timers<T> {
    pub fn new(start: Instant) -> Self {
        Self { start, due: BTreeMap::new(), spare: Vec::new() }
    }

    /// The tick for `at`, as seen at `now`.
    pub fn tick(&self, at: Instant, now: Instant) -> Tick {
        let passed = |at: Instant| at.saturating_duration_since(self.start);
        let tick = passed(at).as_nanos().div_ceil(1_000_000) as Tick;
        let ahead = at.saturating_duration_since(now).as_millis() as Tick;
        let grid = GRIDS.iter().find(|(from, _)| ahead >= *from).map_or(1, |(_, grid)| *grid);
        tick.next_multiple_of(grid)
    }

    pub fn add(&mut self, tick: Tick, connection: T) {
        let spare = &mut self.spare;
        self.due.entry(tick).or_insert_with(|| spare.pop().unwrap_or_default()).push(connection);
    }

    /// The next time at which something is due.
    pub fn next(&self) -> Option<Instant> {
        self.due.first_key_value().map(|(tick, _)| self.start + Duration::from_millis(*tick))
    }

    /// A tick that is due at `now`, with its connections. Give the list back with [`Timers::recycle`].
    pub fn expired(&mut self, now: Instant) -> Option<(Tick, Vec<T>)> {
        let entry = self.due.first_entry()?;
        (self.start + Duration::from_millis(*entry.key()) <= now).then(|| entry.remove_entry())
    }

    pub fn recycle(&mut self, mut list: Vec<T>) {
        list.clear();
        if self.spare.len() < SPARE {
            self.spare.push(list);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const fn ms(count: u64) -> Duration {
        Duration::from_millis(count)
    }

    #[test]
    fn times_are_rounded_up_and_never_down() {
        let start = Instant::now();
        let timers = Timers::<()>::new(start);
        let near = start + Duration::from_micros(1500);
        assert_eq!(timers.tick(near, start), 2);
        assert_eq!(timers.tick(start + ms(2), start), 2);
        assert_eq!(timers.tick(start + ms(101), start), 104);
        assert_eq!(timers.tick(start + ms(1001), start), 1024);
        assert_eq!(timers.tick(start + ms(1001), start + ms(1000)), 1001);
    }

    #[test]
    fn due_times_come_in_order_and_none_too_early() {
        let start = Instant::now();
        let mut timers = Timers::new(start);
        for tick in [5, 3, 3, 9] {
            timers.add(tick, ());
        }
        assert_eq!(timers.next(), Some(start + ms(3)));
        assert!(timers.expired(start + Duration::from_micros(2999)).is_none());
        let (tick, list) = timers.expired(start + ms(6)).unwrap();
        assert_eq!((tick, list.len()), (3, 2));
        timers.recycle(list);
        assert_eq!(timers.expired(start + ms(6)).map(|(tick, _)| tick), Some(5));
        assert!(timers.expired(start + ms(6)).is_none());
    }
}
