//! A worker: one thread with a tokio runtime that owns links and their streams.
//!
//! All state of a link lives on its worker, so nothing here is locked but the inbox. JavaScript's thread and the tasks
//! of links put commands into the inbox; QUIC's wakers note streams as ready; one loop serves both, and what it has to
//! tell is published at the end of each round.

use crate::command::Command;
use crate::events::Hub;
use crate::ids::Ids;
use crate::stream::Ready;
use crate::worker_loop::{Rounds, SWEEP};
use parking_lot::Mutex;
use std::cell::Cell;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering::*};
use std::sync::{Arc, OnceLock};
use tokio::sync::Notify;

/// Commands after which a worker is woken without waiting for the end of JavaScript's turn.
const WAKE_AFTER: usize = 512;

thread_local! {
    /// The worker that new connections' drivers go to, see [`crate::worker_runtime`]; on a worker's thread itself by default.
    pub static TARGET: Cell<usize> = const { Cell::new(0) };
}

/// A worker as other threads see it.
pub struct WorkerShared {
    pub index: usize,
    pub hub: Arc<Hub>,
    pub ids: Arc<Ids>,
    inbox: Mutex<Vec<Command>>,
    pub ready: Mutex<Vec<(u32, Ready)>>,
    scheduled: AtomicBool,
    notify: Notify,
    pub handle: OnceLock<tokio::runtime::Handle>,
    /// Links that it has or is about to get.
    pub load: AtomicUsize,
}

impl WorkerShared {
    fn new(index: usize, hub: Arc<Hub>, ids: Arc<Ids>) -> Self {
        Self {
            index,
            hub,
            ids,
            inbox: Mutex::default(),
            ready: Mutex::default(),
            scheduled: AtomicBool::new(false),
            notify: Notify::new(),
            handle: OnceLock::new(),
            load: AtomicUsize::new(0),
        }
    }

    /// Has the worker look at its inbox.
    pub fn kick(&self) {
        if !self.scheduled.swap(true, AcqRel) {
            self.notify.notify_one();
        }
    }

    /// A command that takes effect at once.
    pub fn push(&self, command: Command) {
        self.inbox.lock().push(command);
        self.kick();
    }

    /// A command that takes effect with the next kick, so that those of one turn go together.
    #[inline]
    pub fn post(&self, command: Command) {
        let mut inbox = self.inbox.lock();
        inbox.push(command);
        if inbox.len() == WAKE_AFTER {
            drop(inbox);
            self.kick();
        }
    }

    /// The end of a turn in which something may have been posted.
    pub fn kick_if_posted(&self) {
        if !self.inbox.lock().is_empty() {
            self.kick();
        }
    }

    pub fn spawn(&self, future: impl Future<Output = ()> + Send + 'static) {
        if let Some(handle) = self.handle.get() {
            handle.spawn(future);
        }
    }
}

/// A running worker; dropping it does not end it.
pub struct WorkerThread {
    pub shared: Arc<WorkerShared>,
    thread: Option<std::thread::JoinHandle<()>>,
}

impl WorkerThread {
    pub fn start(index: usize, hub: Arc<Hub>, ids: Arc<Ids>) -> std::io::Result<Self> {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        let shared = Arc::new(WorkerShared::new(index, hub, ids));
        let _ = shared.handle.set(runtime.handle().clone());
        let worker = shared.clone();
        let thread = std::thread::Builder::new().name(format!("moqmesh-quic-{index}")).spawn(move || {
            TARGET.set(index);
            runtime.block_on(serve(worker));
            // Does not wait for tasks: a name that is being looked up may take long.
            runtime.shutdown_background();
        })?;
        Ok(Self { shared, thread: Some(thread) })
    }

    pub fn stop(&mut self) {
        self.shared.push(Command::Shutdown);
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

async fn serve(shared: Arc<WorkerShared>) {
    let mut rounds = Rounds::new(shared.clone());
    let mut commands = Vec::new();
    let mut ready = Vec::new();
    let mut sweep = tokio::time::interval(SWEEP);
    sweep.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    loop {
        let sleeping = rounds.streams_live() == 0;
        tokio::select! {
            () = shared.notify.notified() => shared.scheduled.store(false, Release),
            _ = sweep.tick(), if !sleeping => {
                guarded(&mut rounds, Rounds::sweep);
                guarded(&mut rounds, Rounds::end);
                continue;
            }
        }
        std::mem::swap(&mut commands, &mut *shared.inbox.lock());
        for command in commands.drain(..) {
            if matches!(command, Command::Shutdown) {
                return;
            }
            guarded(&mut rounds, |rounds| rounds.execute(command));
        }
        std::mem::swap(&mut ready, &mut *shared.ready.lock());
        for (stream, what) in ready.drain(..) {
            guarded(&mut rounds, |rounds| rounds.ready(stream, what));
        }
        guarded(&mut rounds, Rounds::end);
    }
}

/// A panic costs what was being done, not the process; JavaScript is told.
fn guarded(rounds: &mut Rounds, work: impl FnOnce(&mut Rounds)) {
    if let Err(panic) = catch_unwind(AssertUnwindSafe(|| work(rounds))) {
        rounds.warn(format!("a panic in the engine: {}", panic_text(&panic)));
    }
}

/// What a panic said.
pub fn panic_text(panic: &Box<dyn std::any::Any + Send>) -> &str {
    match (panic.downcast_ref::<&str>(), panic.downcast_ref::<String>()) {
        (Some(text), _) => text,
        (_, Some(text)) => text,
        _ => "unknown",
    }
}
