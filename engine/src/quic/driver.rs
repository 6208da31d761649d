//! The loop of a worker's QUIC: it reads sockets, turns timers, and lets connections send.

use super::handle::{DriverHandle, Source};
use super::inner::{Inner, State};
use super::observed::{observe, with_open_window};
use super::socket::{Socket, Writable, route};
use super::timers::Timers;
use super::work::Work;
use crate::panic_text::panic_text;
use crate::udp::Outgoing;
use quinn_proto::{ConnectionError, EndpointEvent, TransportError, TransportErrorCode};
use quinn_udp::{BATCH_SIZE, RecvMeta};
use std::collections::VecDeque;
use std::future::{Future, poll_fn};
use std::io::{self, IoSliceMut};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::{Pin, pin};
use std::sync::{Arc, Weak};
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

/// System calls that read a socket before the connections have their turn.
const READS: usize = 4;

/// Datagrams that a connection sends before the others have their turn.
const TURN: usize = 20;

/// Connections that are driven before the sockets and the worker's tasks have their turn.
const DRIVEN: usize = 64;

/// Time of a turn after which no further handshake is driven. One is driven in each turn, behind all other connections.
const HANDSHAKES: Duration = Duration::from_millis(1);

pub struct Driver {
    handle: Arc<DriverHandle>,
    sources: Vec<Arc<dyn Source>>,
    timers: Timers<Weak<Inner>>,
    sleep: Pin<Box<tokio::time::Sleep>>,
    /// When `sleep` ends.
    sleeps_until: Option<Instant>,
    /// Connections that wait to be driven, but for the next ones.
    work: Work<Arc<Inner>>,
    /// Those whose handshake is under way.
    newcomers: VecDeque<Arc<Inner>>,
    taken: Vec<Arc<Inner>>,
    /// Datagrams that wait to be sent on the socket.
    outgoing: Outgoing,
    socket: Option<Arc<Socket>>,
    /// The kernel takes no datagrams of `socket` until this resolves.
    blocked: Option<Writable>,
    buffer: Box<[u8]>,
    /// Tells the operator of a panic.
    warn: Box<dyn Fn(String) + Send>,
}

impl Driver {
    /// Call this in the context of the worker's runtime.
    pub fn new(handle: Arc<DriverHandle>, warn: Box<dyn Fn(String) + Send>) -> Self {
        Self {
            handle,
            sources: Vec::new(),
            timers: Timers::new(Instant::now()),
            sleep: Box::pin(tokio::time::sleep(std::time::Duration::ZERO)),
            sleeps_until: None,
            work: Work::default(),
            newcomers: VecDeque::new(),
            taken: Vec::new(),
            outgoing: Outgoing::default(),
            socket: None,
            blocked: None,
            buffer: Box::default(),
            warn,
        }
    }

    /// Runs the loop; it never ends by itself.
    pub async fn run(mut self) {
        tokio::task::unconstrained(poll_fn(|cx| self.turn(cx))).await
    }

    fn turn(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        self.handle.begin();
        self.take_sources();
        let now = Instant::now();
        let mut more = false;
        if self.unblock(cx) {
            more = self.receive(cx, now);
        }
        self.expire(now);
        self.handle.take_ready(&mut self.taken);
        self.newcomers.extend(self.taken.extract_if(.., |connection| connection.is_new()));
        self.work.add(&mut self.taken);
        let mut driven = 0;
        while self.blocked.is_none()
            && driven < DRIVEN
            && let Some(connection) = self.work.next()
        {
            self.drive_guarded(&connection, now);
            driven += 1;
        }
        let mut first = true;
        while self.blocked.is_none()
            && (std::mem::take(&mut first) || now.elapsed() < HANDSHAKES)
            && let Some(connection) = self.newcomers.pop_front()
        {
            self.drive_guarded(&connection, now);
        }
        self.flush();
        match self.blocked {
            None => {
                // The socket must not outlive its endpoint here.
                self.socket = None;
                more |= !self.work.is_empty() || !self.newcomers.is_empty();
            }
            Some(_) => more |= self.unblock(cx),
        }
        let woken = self.handle.rest(cx.waker());
        if more || woken || self.sleep(cx) {
            // With an ordinary wake-up the runtime would run this task 61 times before it asks the kernel which sockets can be read.
            let _ = pin!(tokio::task::yield_now()).poll(cx);
        }
        Poll::Pending
    }

    fn take_sources(&mut self) {
        for (source, longest) in self.handle.take_sources() {
            let size = longest.min(usize::from(u16::MAX)) * source.socket().receive_segments() * BATCH_SIZE;
            if size > self.buffer.len() {
                // Zeroed memory that is never written to costs nothing.
                self.buffer = vec![0; size].into();
            }
            self.sources.push(source);
        }
        self.sources.retain(|source| !source.is_gone());
    }

    /// True where datagrams can be sent.
    fn unblock(&mut self, cx: &mut Context<'_>) -> bool {
        while let Some(writable) = &mut self.blocked {
            if writable.as_mut().poll(cx).is_pending() {
                return false;
            }
            self.blocked = None;
            self.flush();
        }
        true
    }

    /// Reads the sockets. True when one may have more.
    fn receive(&mut self, cx: &mut Context<'_>, now: Instant) -> bool {
        let mut more = false;
        for index in 0..self.sources.len() {
            let source = self.sources[index].clone();
            let mut reads = 0;
            while reads < READS && self.read(cx, &source, now) {
                reads += 1;
            }
            more |= reads == READS;
        }
        more
    }

    /// Reads a socket once; false where there was nothing to read.
    fn read(&mut self, cx: &mut Context<'_>, source: &Arc<dyn Source>, now: Instant) -> bool {
        if !self.use_socket(source.socket()) {
            return false;
        }
        let part = self.buffer.len() / BATCH_SIZE;
        let mut about = [RecvMeta::default(); BATCH_SIZE];
        let count = {
            let mut parts = self.buffer.chunks_mut(part.max(1));
            let mut buffers =
                std::array::from_fn::<_, BATCH_SIZE, _>(|_| IoSliceMut::new(parts.next().unwrap_or_default()));
            match source.socket().poll_receive(cx, &mut buffers, &mut about) {
                Poll::Ready(Ok(count)) => count,
                Poll::Pending => return false,
                // An error that anyone on the path can cause says nothing about a connection.
                Poll::Ready(Err(error)) => return error.kind() == io::ErrorKind::ConnectionReset,
            }
        };
        let parts = self.buffer.chunks(part.max(1));
        let received: Vec<_> =
            about[..count].iter().zip(parts).map(|(about, part)| (about, &part[..about.len])).collect();
        let receive = || source.receive(&received, now, &mut self.outgoing);
        if let Err(panic) = catch_unwind(AssertUnwindSafe(receive)) {
            (self.warn)(format!("a panic in QUIC's receiving: {}", panic_text(&panic)));
        }
        true
    }

    /// Drives the connections whose time has come.
    fn expire(&mut self, now: Instant) {
        while let Some((tick, mut list)) = self.timers.expired(now) {
            for connection in list.drain(..).filter_map(|weak| weak.upgrade()) {
                if !connection.take_due(tick) {
                    continue;
                }
                let next = connection.lock().next(now);
                match next {
                    Some(next) if next > now => self.arm(&connection, next, now),
                    Some(_) => connection.wake(),
                    None => {}
                }
            }
            self.timers.recycle(list);
        }
    }

    fn arm(&mut self, connection: &Arc<Inner>, at: Instant, now: Instant) {
        let tick = self.timers.tick(at, now);
        if connection.set_due(tick) {
            self.timers.add(tick, Arc::downgrade(connection));
        }
    }

    /// Sleeps until the next timer. True when it is due.
    fn sleep(&mut self, cx: &mut Context<'_>) -> bool {
        let Some(next) = self.timers.next() else { return false };
        if self.sleeps_until != Some(next) {
            self.sleeps_until = Some(next);
            self.sleep.as_mut().reset(next.into());
        }
        let due = self.sleep.as_mut().poll(cx).is_ready();
        if due {
            self.sleeps_until = None;
        }
        due
    }

    /// A panic ends the connection, not the loop.
    fn drive_guarded(&mut self, connection: &Arc<Inner>, now: Instant) {
        let result = catch_unwind(AssertUnwindSafe(|| self.drive(connection, now)));
        let Err(panic) = result else { return };
        let text = panic_text(&panic).to_owned();
        (self.warn)(format!("a panic in QUIC ended a connection: {text}"));
        let error = TransportError { code: TransportErrorCode::INTERNAL_ERROR, frame: None, reason: text };
        connection.lock().abandon(ConnectionError::TransportError(error), &connection.notices);
        connection.endpoint.handle(connection, vec![EndpointEvent::drained()]);
    }

    fn drive(&mut self, connection: &Arc<Inner>, now: Instant) {
        if !self.use_socket(connection.endpoint.socket()) {
            self.work.put_back(connection.clone());
            return;
        }
        connection.begin();
        let mut state = connection.lock();
        if state.abandoned {
            return;
        }
        state.take_arrived(now);
        state.expire(now);
        let (more, observed) = observe(|| self.transmit(&mut state, connection.endpoint.socket(), now));
        state.tail.note(&observed, now);
        if !more {
            self.probe(&mut state, now);
        }
        let mut events = Vec::new();
        while let Some(event) = state.quic.poll_endpoint_events() {
            events.push(event);
        }
        state.notify(&connection.notices);
        connection.note(&state);
        let next = state.next(now);
        drop(state);
        if !events.is_empty() {
            connection.endpoint.handle(connection, events);
        }
        match next {
            Some(next) if next > now => self.arm(connection, next, now),
            Some(_) => connection.wake(),
            None => {}
        }
        if more {
            connection.wake();
        }
    }

    /// Adds the connection's datagrams to the batch. True when it may have more.
    fn transmit(&mut self, state: &mut State, socket: &Arc<Socket>, now: Instant) -> bool {
        let segments = socket.segments(state.quic.current_mtu());
        let mut sent = 0;
        while sent < TURN {
            if self.outgoing.is_full() {
                self.flush();
                if self.blocked.is_some() {
                    return true;
                }
            }
            let Some(transmit) = state.quic.poll_transmit(now, segments, self.outgoing.buffer()) else { return false };
            sent += transmit.segment_size.map_or(1, |size| transmit.size.div_ceil(size));
            self.outgoing.push(route(&transmit));
        }
        true
    }

    /// Sends a probe when the peer has been silent for too long, or behind a burst.
    fn probe(&mut self, state: &mut State, now: Instant) {
        if self.outgoing.is_full() || !state.must_probe(now) {
            return;
        }
        state.quic.ping();
        state.probed(now);
        let buffer = self.outgoing.buffer();
        if let Some(transmit) = with_open_window(|| state.quic.poll_transmit(now, 1, buffer)) {
            self.outgoing.push(route(&transmit));
        }
    }

    /// Sends what waits for another socket. False where that one takes no more now.
    fn use_socket(&mut self, socket: &Arc<Socket>) -> bool {
        if self.socket.as_ref().is_some_and(|other| Arc::ptr_eq(other, socket)) {
            return true;
        }
        self.flush();
        if self.blocked.is_some() {
            return false;
        }
        self.socket = Some(socket.clone());
        true
    }

    fn flush(&mut self) {
        if self.outgoing.is_empty() {
            return;
        }
        let Some(socket) = &self.socket else { return };
        match socket.send(&mut self.outgoing) {
            Ok(()) => self.blocked = None,
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => self.blocked = Some(socket.writable()),
            Err(_) => self.outgoing.clear(),
        }
    }
}

impl Drop for Driver {
    fn drop(&mut self) {
        self.handle.end();
        for (source, _) in self.handle.take_sources() {
            self.sources.push(source);
        }
        for source in &self.sources {
            source.abandon();
        }
    }
}
