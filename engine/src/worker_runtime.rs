//! Spreads connections over the workers. quinn spawns a driver for each new connection; the driver runs on the worker
//! that the caller of [`driven_by`] has chosen. One socket serves all workers, so a client that changes its address
//! keeps its worker.

use crate::worker::Worker;
use quinn::{AsyncTimer, AsyncUdpSocket, Runtime, TokioRuntime};
use std::cell::Cell;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;
use std::time::Instant;

thread_local! {
    /// The worker that drives the connections made on this thread.
    static DRIVER: Cell<usize> = const { Cell::new(0) };
}

/// quinn's runtime over all workers.
pub struct WorkerRuntime {
    pub workers: Arc<[Arc<Worker>]>,
}

impl std::fmt::Debug for WorkerRuntime {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "WorkerRuntime over {} workers", self.workers.len())
    }
}

impl Runtime for WorkerRuntime {
    fn new_timer(&self, at: Instant) -> Pin<Box<dyn AsyncTimer>> {
        TokioRuntime.new_timer(at)
    }

    fn spawn(&self, future: Pin<Box<dyn Future<Output = ()> + Send>>) {
        if let Some(worker) = self.workers.get(DRIVER.get()) {
            worker.spawn(future);
        }
    }

    fn wrap_udp_socket(&self, socket: std::net::UdpSocket) -> std::io::Result<Arc<dyn AsyncUdpSocket>> {
        TokioRuntime.wrap_udp_socket(socket)
    }
}

/// Takes the worker with the lowest load, and adds one to its load.
pub fn least_loaded(workers: &[Arc<Worker>]) -> Option<&Arc<Worker>> {
    let worker = workers.iter().min_by_key(|worker| worker.load.load(Relaxed))?;
    worker.load.fetch_add(1, Relaxed);
    Some(worker)
}

/// Runs `work`; a connection made in it is driven by the worker with this index.
pub fn driven_by<T>(worker: usize, work: impl FnOnce() -> T) -> T {
    let before = DRIVER.replace(worker);
    let result = work();
    DRIVER.set(before);
    result
}

/// Lets the worker with this index drive the connections made on the calling thread.
pub fn drive_here(worker: usize) {
    DRIVER.set(worker);
}
