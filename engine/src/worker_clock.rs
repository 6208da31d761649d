//! What a worker's thread does with its time, for the operator's figures. Any thread may read it.

use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::time::Instant;

/// Counts the time in which the thread does not wait for work. The thread's runtime reports each wait, which costs two
/// readings of the clock; a busy thread seldom waits.
pub struct WorkerClock {
    start: Instant,
    /// Nanoseconds of all busy times that are over.
    busy: AtomicU64,
    /// When the present busy time began, in nanoseconds since `start`, plus one; 0 while the thread waits.
    since: AtomicU64,
}

impl WorkerClock {
    pub fn start() -> Self {
        Self { start: Instant::now(), busy: AtomicU64::new(0), since: AtomicU64::new(1) }
    }

    /// The thread waits from now on. Only the thread itself calls this.
    pub fn waits(&self) {
        let since = self.since.swap(0, Relaxed);
        if since > 0 {
            self.busy.fetch_add(self.now().saturating_sub(since), Relaxed);
        }
    }

    /// The thread has something to do. Only the thread itself calls this.
    pub fn works(&self) {
        self.since.store(self.now(), Relaxed);
    }

    /// Seconds that the thread was busy since its start.
    pub fn busy_seconds(&self) -> f64 {
        let since = self.since.load(Relaxed);
        let current = if since == 0 { 0 } else { self.now().saturating_sub(since) };
        (self.busy.load(Relaxed) + current) as f64 / 1e9
    }

    fn now(&self) -> u64 {
        u64::try_from(self.start.elapsed().as_nanos()).unwrap_or(u64::MAX - 1) + 1
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    #[test]
    fn time_counts_while_the_thread_works_and_not_while_it_waits() {
        let clock = WorkerClock::start();
        clock.waits();
        let before = clock.busy_seconds();
        std::thread::sleep(Duration::from_millis(20));
        assert_eq!(clock.busy_seconds(), before);
        clock.works();
        std::thread::sleep(Duration::from_millis(20));
        assert!(clock.busy_seconds() >= before + 0.02, "the present busy time counts as well");
        clock.waits();
        let after = clock.busy_seconds();
        assert!(after >= before + 0.02);
        std::thread::sleep(Duration::from_millis(5));
        assert_eq!(clock.busy_seconds(), after);
    }
}
