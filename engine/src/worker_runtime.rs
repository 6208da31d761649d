//! Spreads connections over the workers: quinn spawns the driver of a new connection, and it goes to the worker that
//! the caller has chosen. One socket serves all, so a client that changes its address stays where it is.

use crate::worker::{TARGET, WorkerShared};
use quinn::{AsyncTimer, AsyncUdpSocket, Runtime, TokioRuntime};
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Instant;

pub struct Spread {
    pub workers: Arc<[Arc<WorkerShared>]>,
}

impl std::fmt::Debug for Spread {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Spread over {} workers", self.workers.len())
    }
}

impl Runtime for Spread {
    fn new_timer(&self, at: Instant) -> Pin<Box<dyn AsyncTimer>> {
        TokioRuntime.new_timer(at)
    }

    fn spawn(&self, future: Pin<Box<dyn Future<Output = ()> + Send>>) {
        if let Some(worker) = self.workers.get(TARGET.get()) {
            worker.spawn(future);
        }
    }

    fn wrap_udp_socket(&self, socket: std::net::UdpSocket) -> std::io::Result<Arc<dyn AsyncUdpSocket>> {
        TokioRuntime.wrap_udp_socket(socket)
    }
}

/// The worker with the fewest links, which from now on counts one more.
pub fn least_loaded(workers: &[Arc<WorkerShared>]) -> Option<&Arc<WorkerShared>> {
    use std::sync::atomic::Ordering::Relaxed;
    let worker = workers.iter().min_by_key(|worker| worker.load.load(Relaxed))?;
    worker.load.fetch_add(1, Relaxed);
    Some(worker)
}

/// Runs `work` so that a connection it makes is driven by `worker`.
pub fn on<T>(worker: usize, work: impl FnOnce() -> T) -> T {
    let before = TARGET.replace(worker);
    let result = work();
    TARGET.set(before);
    result
}
