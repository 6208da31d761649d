//! What other threads and the endpoints use of a driver.

use super::inner::{Drives, Inner};
use super::socket::Socket;
use crate::udp::Outgoing;
use parking_lot::Mutex;
use quinn_udp::RecvMeta;
use std::sync::{Arc, OnceLock};
use std::task::Waker;
use std::thread::ThreadId;
use std::time::Instant;

/// An endpoint, as its driver reads it.
pub trait Source: Send + Sync {
    fn socket(&self) -> &Arc<Socket>;

    /// Passes received datagrams on to their connections. Answers go to `outgoing` where there is room.
    fn receive(&self, received: &[(&RecvMeta, &[u8])], now: Instant, outgoing: &mut Outgoing);

    /// Without handles and connections: the socket is not read any more.
    fn is_gone(&self) -> bool;

    /// The driver has ended: forgets all connections.
    fn abandon(&self);
}

#[derive(Default)]
pub struct DriverHandle {
    /// Connections that want to be driven; none when the driver has ended.
    ready: Mutex<Ready>,
    /// New endpoints, with their longest datagram in bytes.
    sources: Mutex<Vec<(Arc<dyn Source>, usize)>>,
    rest: Mutex<Rest>,
    thread: OnceLock<ThreadId>,
}

#[derive(Default)]
struct Rest {
    /// None while the driver has its turn.
    waker: Option<Waker>,
    /// [`DriverHandle::wake`] was called during the turn.
    woken: bool,
}

#[derive(Default)]
struct Ready {
    connections: Vec<Arc<Inner>>,
    ended: bool,
}

impl DriverHandle {
    pub fn add_source(&self, source: Arc<dyn Source>, longest: usize) {
        self.sources.lock().push((source, longest));
        self.wake();
    }

    pub fn take_sources(&self) -> Vec<(Arc<dyn Source>, usize)> {
        std::mem::take(&mut self.sources.lock())
    }

    pub fn wake(&self) {
        let waker = {
            let mut rest = self.rest.lock();
            rest.woken = true;
            rest.waker.take()
        };
        if let Some(waker) = waker {
            waker.wake();
        }
    }

    /// The driver's turn begins, on its thread.
    pub fn begin(&self) {
        self.thread.get_or_init(|| std::thread::current().id());
        *self.rest.lock() = Rest::default();
    }

    /// The driver's turn ends: `waker` is woken when there is something to do. True where there is something already.
    pub fn rest(&self, waker: &Waker) -> bool {
        let woken = {
            let mut rest = self.rest.lock();
            rest.waker = Some(waker.clone());
            rest.woken
        };
        woken || !self.ready.lock().connections.is_empty()
    }

    /// Swaps the waiting connections for the empty list `connections`.
    pub fn take_ready(&self, connections: &mut Vec<Arc<Inner>>) {
        std::mem::swap(connections, &mut self.ready.lock().connections);
    }

    /// The driver has ended.
    pub fn end(&self) {
        let connections = {
            let mut ready = self.ready.lock();
            ready.ended = true;
            std::mem::take(&mut ready.connections)
        };
        drop(connections);
    }
}

impl Drives for DriverHandle {
    fn push(&self, connection: Arc<Inner>) {
        let first = {
            let mut ready = self.ready.lock();
            if ready.ended {
                return;
            }
            ready.connections.push(connection);
            ready.connections.len() == 1
        };
        if first {
            // During the driver's turn there is no waker: the driver sees the list at its end.
            let waker = self.rest.lock().waker.take();
            if let Some(waker) = waker {
                waker.wake();
            }
        }
    }

    fn is_here(&self) -> bool {
        self.thread.get() == Some(&std::thread::current().id())
    }
}
