//! A connection as its driver, its handles and its streams share it.

use super::observed::observe;
use super::probe::Silence;
use super::socket::Socket;
use super::tail::Tail;
use super::timers::Tick;
use bytes::Bytes;
use parking_lot::{Mutex, MutexGuard};
use quinn_proto::{
    ConnectionError, ConnectionEvent, ConnectionHandle, Dir, EndpointEvent, Event, StreamEvent, StreamId, VarInt,
};
use rustc_hash::FxHashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering::*};
use std::task::Waker;
use std::time::Instant;
use tokio::sync::Notify;

/// Datagrams of a connection that wait for its driver. More are lost, as on a path that is full.
pub(super) const MAX_ARRIVED: usize = 4096;

/// The same during the handshake: more than a client sends before it is acknowledged.
pub(super) const MAX_ARRIVED_NEW: usize = 64;

/// No entry in the driver's timers.
const NOT_DUE: Tick = Tick::MAX;

/// The driver of a connection.
pub trait Drives: Send + Sync {
    /// Drives the connection soon.
    fn push(&self, connection: Arc<Inner>);

    /// Whether the caller is on the driver's thread.
    fn is_here(&self) -> bool;
}

/// The endpoint of a connection.
pub trait Home: Send + Sync {
    fn socket(&self) -> &Arc<Socket>;

    /// Handles what the connection tells its endpoint. The connection must not be locked.
    fn handle(&self, connection: &Arc<Inner>, events: Vec<EndpointEvent>);
}

pub struct Inner {
    state: Mutex<State>,
    pub notices: Notices,
    pub handle: ConnectionHandle,
    pub endpoint: Arc<dyn Home>,
    driver: Arc<dyn Drives>,
    /// What [`State::connected`] was when the driver last drove this: read without the lock.
    established: AtomicBool,
    /// In the driver's list.
    queued: AtomicBool,
    /// The earliest tick at which the driver's timers have this connection.
    due: AtomicU64,
    /// Connections and streams that refer to this.
    handles: AtomicUsize,
}

/// What tasks wait for.
#[derive(Default)]
pub struct Notices {
    /// The handshake is done, or the connection is over.
    pub connected: Notify,
    pub closed: Notify,
    /// The peer has opened a stream, or a datagram has come. One for all of them: most connections wait for all, in one place.
    pub incoming: Notify,
    /// By [`Dir`]: the peer allows more streams.
    pub allowed: [Notify; 2],
}

/// A stream that the peer has opened, or a datagram.
pub enum Arrived {
    Stream(Dir, StreamId),
    Datagram(Bytes),
}

pub struct State {
    pub quic: quinn_proto::Connection,
    pub connected: bool,
    /// Why the connection is over.
    pub error: Option<ConnectionError>,
    /// After a panic: the state machine is not used any more.
    pub abandoned: bool,
    /// Events that wait for the driver.
    arrived: Vec<ConnectionEvent>,
    pub writers: FxHashMap<StreamId, Waker>,
    pub readers: FxHashMap<StreamId, Waker>,
    /// Who wants to know that a send stream was stopped or has ended.
    pub stopped: FxHashMap<StreamId, Waker>,
    pub silence: Silence,
    pub tail: Tail,
    /// Who wants to know, again and again, that the path is dark.
    pub on_dark: Option<Waker>,
}

impl Inner {
    pub fn new(
        handle: ConnectionHandle,
        quic: quinn_proto::Connection,
        silence: Silence,
        endpoint: Arc<dyn Home>,
        driver: Arc<dyn Drives>,
    ) -> Arc<Self> {
        Arc::new(Self {
            state: Mutex::new(State {
                quic,
                connected: false,
                error: None,
                abandoned: false,
                arrived: Vec::new(),
                writers: FxHashMap::default(),
                readers: FxHashMap::default(),
                stopped: FxHashMap::default(),
                silence,
                tail: Tail::default(),
                on_dark: None,
            }),
            notices: Notices::default(),
            handle,
            endpoint,
            driver,
            established: AtomicBool::new(false),
            queued: AtomicBool::new(false),
            due: AtomicU64::new(NOT_DUE),
            handles: AtomicUsize::new(0),
        })
    }

    pub fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock()
    }

    /// Whether the handshake is under way.
    pub fn is_new(&self) -> bool {
        !self.established.load(Relaxed)
    }

    /// The driver has driven the connection, whose state is `state`: the handshake may be done now.
    pub fn note(&self, state: &State) {
        if state.connected {
            self.established.store(true, Relaxed);
        }
    }

    /// Has the driver drive this connection soon.
    pub fn wake(self: &Arc<Self>) {
        if !self.queued.swap(true, AcqRel) {
            self.driver.push(self.clone());
        }
    }

    /// The driver begins to drive: what happens from now on needs another [`Inner::wake`].
    pub fn begin(&self) {
        self.queued.store(false, Release);
    }

    /// Takes an event of a received datagram. It waits for the driver on another thread than the driver's, and during the handshake, whose
    /// cryptography takes long.
    pub fn receive(self: &Arc<Self>, event: ConnectionEvent, now: Instant) {
        let here = self.driver.is_here();
        {
            let mut state = self.lock();
            if state.abandoned {
                return;
            }
            if here && state.connected {
                state.handle(event, now);
            } else if state.arrived.len() < if state.connected { MAX_ARRIVED } else { MAX_ARRIVED_NEW } {
                state.arrived.push(event);
            }
        }
        self.wake();
    }

    /// Takes the endpoint's answer to an event of this connection.
    pub fn answer(self: &Arc<Self>, answer: ConnectionEvent) {
        self.lock().quic.handle_event(answer);
        self.wake();
    }

    /// Notes that the timers have this connection at `tick`. False where they have it at that time or earlier.
    pub fn set_due(&self, tick: Tick) -> bool {
        let earlier = tick < self.due.load(Relaxed);
        if earlier {
            self.due.store(tick, Relaxed);
        }
        earlier
    }

    /// The timers' entry for `tick` is due. False when another entry, with an earlier time, has replaced it.
    pub fn take_due(&self, tick: Tick) -> bool {
        let valid = self.due.load(Relaxed) == tick;
        if valid {
            self.due.store(NOT_DUE, Relaxed);
        }
        valid
    }

    pub fn close(self: &Arc<Self>, code: VarInt, reason: &[u8]) {
        let mut state = self.lock();
        state.quic.close(Instant::now(), code, Bytes::copy_from_slice(reason));
        state.terminate(ConnectionError::LocallyClosed, &self.notices);
        drop(state);
        self.wake();
    }

    fn dropped(self: &Arc<Self>) {
        let open = !self.lock().quic.is_closed();
        if open {
            self.close(VarInt::from_u32(0), b"");
        }
    }
}

impl State {
    #[cfg(test)]
    pub fn arrived(&self) -> usize {
        self.arrived.len()
    }

    /// Takes the events that wait for the driver.
    pub fn take_arrived(&mut self, now: Instant) {
        for event in std::mem::take(&mut self.arrived) {
            self.handle(event, now);
        }
    }

    /// Handles a received datagram.
    fn handle(&mut self, event: ConnectionEvent, now: Instant) {
        let ((), observed) = observe(|| self.quic.handle_event(event));
        self.tail.note(&observed, now);
        if self.silence.heard(now, observed.acknowledged) {
            self.tell_dark();
        }
    }

    /// Turns the timers that are due.
    pub fn expire(&mut self, now: Instant) {
        if self.quic.poll_timeout().is_some_and(|at| at <= now) {
            let ((), observed) = observe(|| self.quic.handle_timeout(now));
            self.tail.note(&observed, now);
        }
    }

    /// Notes that a probe is sent.
    pub fn probed(&mut self, now: Instant) {
        self.tail.probed();
        let next = self.quic.poll_timeout();
        if self.silent_at(now, next).is_some_and(|at| at <= now) {
            self.silence.probed(now);
            if self.silence.is_dark() {
                self.tell_dark();
            }
        }
    }

    fn tell_dark(&self) {
        if let Some(waker) = &self.on_dark {
            waker.wake_by_ref();
        }
    }

    /// When the connection wants to be driven again, or probed.
    pub fn next(&mut self, now: Instant) -> Option<Instant> {
        let next = self.quic.poll_timeout();
        match self.probe_at(now, next) {
            Some(probe) => Some(next.map_or(probe, |next| next.min(probe))),
            None => next,
        }
    }

    pub fn must_probe(&mut self, now: Instant) -> bool {
        let next = self.quic.poll_timeout();
        self.probe_at(now, next).is_some_and(|at| at <= now)
    }

    fn probe_at(&mut self, now: Instant, next: Option<Instant>) -> Option<Instant> {
        if !self.connected || self.error.is_some() || self.abandoned {
            return None;
        }
        let behind = self.tail.probe_at(self.quic.rtt());
        match self.silent_at(now, next) {
            Some(silent) => Some(behind.map_or(silent, |behind| behind.min(silent))),
            None => behind,
        }
    }

    /// When a probe of a silent peer is due.
    fn silent_at(&mut self, now: Instant, next: Option<Instant>) -> Option<Instant> {
        let rtt = self.quic.rtt();
        self.silence.probe_at(now, next, rtt)
    }

    /// Takes a stream that the peer has opened, or a datagram. Requests come first: they are few.
    pub fn next_arrival(&mut self) -> Option<Arrived> {
        for dir in [Dir::Bi, Dir::Uni] {
            if let Some(id) = self.quic.streams().accept(dir) {
                return Some(Arrived::Stream(dir, id));
            }
        }
        self.quic.datagrams().recv().map(Arrived::Datagram)
    }

    /// Tells tasks and streams what has happened.
    pub fn notify(&mut self, notices: &Notices) {
        while let Some(event) = self.quic.poll() {
            match event {
                Event::HandshakeDataReady => {}
                Event::Connected => {
                    self.connected = true;
                    notices.connected.notify_waiters();
                }
                Event::ConnectionLost { reason } => self.terminate(reason, notices),
                Event::DatagramReceived | Event::Stream(StreamEvent::Opened { .. }) => {
                    notices.incoming.notify_waiters()
                }
                Event::DatagramsUnblocked => {}
                Event::Stream(StreamEvent::Available { dir }) => notices.allowed[dir as usize].notify_waiters(),
                Event::Stream(StreamEvent::Readable { id }) => wake(&mut self.readers, id),
                Event::Stream(StreamEvent::Writable { id }) => wake(&mut self.writers, id),
                Event::Stream(StreamEvent::Finished { id }) => wake(&mut self.stopped, id),
                Event::Stream(StreamEvent::Stopped { id, .. }) => {
                    wake(&mut self.stopped, id);
                    wake(&mut self.writers, id);
                }
            }
        }
    }

    /// Ends the connection after a panic.
    pub fn abandon(&mut self, reason: ConnectionError, notices: &Notices) {
        self.abandoned = true;
        self.terminate(reason, notices);
    }

    /// The connection is over: wakes all who wait.
    pub fn terminate(&mut self, reason: ConnectionError, notices: &Notices) {
        self.error = Some(reason);
        for wakers in [&mut self.writers, &mut self.readers, &mut self.stopped] {
            wakers.drain().for_each(|(_, waker)| waker.wake());
        }
        notices.connected.notify_waiters();
        notices.incoming.notify_waiters();
        for dir in [Dir::Bi, Dir::Uni] {
            notices.allowed[dir as usize].notify_waiters();
        }
        notices.closed.notify_waiters();
    }
}

fn wake(wakers: &mut FxHashMap<StreamId, Waker>, id: StreamId) {
    if let Some(waker) = wakers.remove(&id) {
        waker.wake();
    }
}

/// A counted reference. When the last one is dropped, the connection closes.
pub struct Ref(Arc<Inner>);

impl Ref {
    pub fn new(inner: &Arc<Inner>) -> Self {
        inner.handles.fetch_add(1, Relaxed);
        Self(inner.clone())
    }
}

impl Clone for Ref {
    fn clone(&self) -> Self {
        Self::new(&self.0)
    }
}

impl Drop for Ref {
    fn drop(&mut self) {
        if self.0.handles.fetch_sub(1, AcqRel) == 1 {
            self.0.dropped();
        }
    }
}

impl std::ops::Deref for Ref {
    type Target = Arc<Inner>;
    fn deref(&self) -> &Arc<Inner> {
        &self.0
    }
}
