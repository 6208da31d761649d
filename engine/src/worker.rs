//! A worker as other threads use it: its inbox, and the executor that its tasks run on.
//!
//! JavaScript's thread and the tasks of links put commands into the inbox. QUIC's wakers put ready streams into a
//! second list. The worker's own thread runs [`crate::worker_loop`] over both.

use crate::command::Command;
use crate::events::EventQueue;
use crate::ids::Ids;
use parking_lot::Mutex;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering::*};
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
    handle: tokio::runtime::Handle,
    /// Links that the worker has, and connections that will become its links.
    pub load: AtomicUsize,
}

impl Worker {
    pub fn new(index: usize, event_queue: Arc<EventQueue>, ids: Arc<Ids>, handle: tokio::runtime::Handle) -> Self {
        Self {
            index,
            event_queue,
            ids,
            commands: Mutex::default(),
            ready: Mutex::default(),
            woken: AtomicBool::new(false),
            notify: Notify::new(),
            handle,
            load: AtomicUsize::new(0),
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
