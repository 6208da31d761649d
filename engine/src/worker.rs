//! A worker as other threads use it: its inbox, and the executor that its tasks run on.
//!
//! JavaScript's thread and the tasks of links put commands into the inbox. QUIC's wakers put ready streams into a
//! second list. The worker's own thread runs [`crate::worker_loop`] over both.

use crate::command::Command;
use crate::events::EventQueue;
use crate::ids::Ids;
use crate::quic::DriverHandle;
use crate::worker_clock::WorkerClock;
use parking_lot::Mutex;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering::*};
use std::sync::{Arc, OnceLock, Weak};
use std::time::Instant;
use tokio::sync::Notify;

/// Posted commands after which the worker is woken without waiting for the end of JavaScript's turn.
const WAKE_AFTER: usize = 512;

/// What a stream has become ready for.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Ready {
    Read,
    Write,
    Stopped,
}

pub struct Worker {
    pub index: usize,
    pub event_queue: Arc<EventQueue>,
    pub ids: Arc<Ids>,
    commands: Mutex<Vec<Command>>,
    ready: Mutex<Vec<(u32, Ready)>>,
    /// A wake-up is under way that the worker's loop has not answered.
    woken: AtomicBool,
    notify: Notify,
    /// All workers of the engine, set once they have started.
    pub others: OnceLock<Box<[Weak<Worker>]>>,
    handle: tokio::runtime::Handle,
    /// Links that the worker has, and connections that will become its links.
    pub load: AtomicUsize,
    started: Instant,
    /// When the worker was asked for the sign of life that is due: milliseconds since `started`, plus one. 0: none is due.
    pulse_asked: AtomicU64,
    clock: Arc<WorkerClock>,
    /// Drives the connections of the worker's links.
    pub driver: Arc<DriverHandle>,
}

/// Takes the worker with the lowest load, and adds one to its load.
pub fn least_loaded(workers: &[Arc<Worker>]) -> Option<&Arc<Worker>> {
    let worker = workers.iter().min_by_key(|worker| worker.load.load(Relaxed))?;
    worker.load.fetch_add(1, Relaxed);
    Some(worker)
}

/// Numbers in [`Worker::pulse`].
pub const PULSE_FIGURES: usize = 4;

impl Worker {
    pub fn new(
        index: usize,
        event_queue: Arc<EventQueue>,
        ids: Arc<Ids>,
        handle: tokio::runtime::Handle,
        clock: Arc<WorkerClock>,
    ) -> Self {
        Self {
            index,
            event_queue,
            ids,
            commands: Mutex::default(),
            ready: Mutex::default(),
            woken: AtomicBool::new(false),
            notify: Notify::new(),
            others: OnceLock::new(),
            handle,
            load: AtomicUsize::new(0),
            started: Instant::now(),
            pulse_asked: AtomicU64::new(0),
            clock,
            driver: Arc::default(),
        }
    }

    /// Asks for a sign of life, see [`Worker::ask_pulse`]. Returns for how long one is owed, the links, the seconds that the thread was
    /// busy, and the commands and ready streams that wait.
    pub fn pulse(&self) -> [f64; PULSE_FIGURES] {
        let queued = self.commands.lock().len() + self.ready.lock().len();
        let owed = self.ask_pulse();
        [owed as f64, self.load.load(Relaxed) as f64, self.clock.busy_seconds(), queued as f64]
    }

    /// Asks the worker's loop for a sign of life. Returns for how many milliseconds an earlier question has waited for its answer; 0 when
    /// the worker has answered all. One question waits at a time.
    pub fn ask_pulse(&self) -> u64 {
        let now = self.started.elapsed().as_millis() as u64 + 1;
        match self.pulse_asked.compare_exchange(0, now, AcqRel, Acquire) {
            Ok(_) => {
                self.push(Command::Pulse);
                0
            }
            // A question of this very millisecond waits as well.
            Err(asked) => (now - asked).max(1),
        }
    }

    /// The worker's loop runs.
    pub fn answer_pulse(&self) {
        self.pulse_asked.store(0, Release);
    }

    /// Gives a command to another worker of the engine.
    pub fn tell(&self, index: usize, command: Command) {
        if let Some(worker) = self.others.get().and_then(|all| all.get(index)).and_then(Weak::upgrade) {
            worker.push(command);
        }
    }

    /// Wakes the worker's loop, which then takes its commands and ready streams.
    pub fn wake(&self) {
        if !self.woken.swap(true, AcqRel) {
            self.notify.notify_one();
        }
    }

    /// A command that takes effect at once.
    pub fn push(&self, command: Command) {
        self.commands.lock().push(command);
        self.wake();
    }

    /// A command that takes effect with the next wake-up, so that the commands of one turn go together.
    #[inline]
    pub fn post(&self, command: Command) {
        let mut commands = self.commands.lock();
        commands.push(command);
        if commands.len() == WAKE_AFTER {
            drop(commands);
            self.wake();
        }
    }

    /// Ends a turn: wakes the worker if a command was posted.
    pub fn wake_if_posted(&self) {
        if !self.commands.lock().is_empty() {
            self.wake();
        }
    }

    /// Notes that a stream is ready. QUIC calls this while it holds its connection's lock.
    pub fn stream_ready(&self, stream: u32, what: Ready) {
        self.ready.lock().push((stream, what));
        self.wake();
    }

    /// Resolves when something has woken the worker.
    pub async fn woken(&self) {
        self.notify.notified().await;
        self.woken.store(false, Release);
    }

    /// Swaps the waiting commands for the empty list `commands`.
    pub fn take_commands(&self, commands: &mut Vec<Command>) {
        std::mem::swap(commands, &mut *self.commands.lock());
    }

    /// Swaps the ready streams for the empty list `ready`.
    pub fn take_ready(&self, ready: &mut Vec<(u32, Ready)>) {
        std::mem::swap(ready, &mut *self.ready.lock());
    }

    /// The executor of the worker's thread.
    pub fn executor(&self) -> &tokio::runtime::Handle {
        &self.handle
    }

    pub fn spawn(&self, future: impl Future<Output = ()> + Send + 'static) {
        self.handle.spawn(future);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    fn worker(runtime: &tokio::runtime::Runtime) -> Worker {
        let event_queue = Arc::new(EventQueue::new(Box::new(|| {})));
        Worker::new(0, event_queue, Arc::new(Ids::default()), runtime.handle().clone(), Arc::new(WorkerClock::start()))
    }

    #[test]
    fn a_worker_that_does_not_answer_is_seen_by_the_time_that_one_question_waits() {
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        let worker = worker(&runtime);
        assert_eq!(worker.ask_pulse(), 0);
        std::thread::sleep(Duration::from_millis(20));
        assert!(worker.ask_pulse() >= 20);
        let mut commands = Vec::new();
        worker.take_commands(&mut commands);
        assert_eq!(commands.len(), 1, "a second question is not asked while the first one waits");
        worker.answer_pulse();
        assert_eq!(worker.ask_pulse(), 0);
    }
}
