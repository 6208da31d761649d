//! An endpoint: a socket, and the connections that have their packets from it.

use super::connection::Connecting;
use super::handle::{DriverHandle, Source};
use super::inner::{Home, Inner};
use super::probe::Silence;
use super::socket::{Socket, route};
use crate::udp::Outgoing;
use bytes::{Bytes, BytesMut};
use parking_lot::Mutex;
use quinn_proto::{
    ClientConfig, ConnectError, ConnectionError, ConnectionHandle, DatagramEvent, EndpointConfig, EndpointEvent,
    ServerConfig, Transmit, VarInt,
};
use quinn_udp::RecvMeta;
use rustc_hash::FxHashMap;
use std::collections::VecDeque;
use std::io;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicUsize, Ordering::*};
use std::sync::{Arc, Weak};
use std::time::{Duration, Instant};
use tokio::sync::Notify;

/// For how long connections stay silent: their keep-alive interval and their idle timeout.
#[derive(Clone, Copy)]
pub struct Patience {
    pub keep_alive: Duration,
    pub idle_timeout: Duration,
}

pub struct Shared {
    state: Mutex<State>,
    socket: Arc<Socket>,
    /// The driver that reads the socket.
    driver: Arc<DriverHandle>,
    incoming: Notify,
    idle: Notify,
    handles: AtomicUsize,
}

struct State {
    quic: quinn_proto::Endpoint,
    incoming: VecDeque<quinn_proto::Incoming>,
    connections: FxHashMap<ConnectionHandle, Arc<Inner>>,
    /// Set when the endpoint was closed.
    closed: Option<(VarInt, Bytes)>,
    ipv6: bool,
}

/// A handle. Without handles and connections the endpoint is gone, and its port is free.
pub struct Endpoint(Arc<Shared>);

impl Clone for Endpoint {
    fn clone(&self) -> Self {
        self.0.handles.fetch_add(1, Relaxed);
        Self(self.0.clone())
    }
}

impl Drop for Endpoint {
    fn drop(&mut self) {
        if self.0.handles.fetch_sub(1, AcqRel) == 1 {
            self.0.driver.wake();
        }
    }
}

impl Endpoint {
    /// `driver` reads the socket. Call this in the context of the driver's runtime.
    pub fn new(
        config: EndpointConfig,
        server: Option<ServerConfig>,
        socket: std::net::UdpSocket,
        driver: &Arc<DriverHandle>,
    ) -> io::Result<Self> {
        let socket = Arc::new(Socket::new(socket)?);
        let ipv6 = socket.address()?.is_ipv6();
        let longest = config.get_max_udp_payload_size();
        let quic = quinn_proto::Endpoint::new(Arc::new(config), server.map(Arc::new), socket.may_probe(), None);
        let shared = Arc::new(Shared {
            state: Mutex::new(State {
                quic,
                incoming: VecDeque::new(),
                connections: FxHashMap::default(),
                closed: None,
                ipv6,
            }),
            socket,
            driver: driver.clone(),
            incoming: Notify::new(),
            idle: Notify::new(),
            handles: AtomicUsize::new(1),
        });
        driver.add_source(shared.clone(), longest as usize);
        Ok(Self(shared))
    }

    #[cfg(test)]
    pub fn connections(&self) -> Vec<Arc<Inner>> {
        self.0.state.lock().connections.values().cloned().collect()
    }

    pub fn local_addr(&self) -> io::Result<SocketAddr> {
        self.0.socket.address()
    }

    /// The socket; it is closed when this can no longer be upgraded.
    pub fn socket(&self) -> Weak<Socket> {
        Arc::downgrade(&self.0.socket)
    }

    /// The next client; none when the endpoint was closed.
    pub async fn accept(&self) -> Option<Incoming> {
        loop {
            let noticed = self.0.incoming.notified();
            {
                let mut state = self.0.state.lock();
                if let Some(quic) = state.incoming.pop_front() {
                    return Some(Incoming { quic: Some(quic), endpoint: self.0.clone() });
                }
                if state.closed.is_some() {
                    return None;
                }
            }
            noticed.await;
        }
    }

    /// Clients that wait for [`Endpoint::accept`].
    pub fn waiting(&self) -> usize {
        self.0.state.lock().incoming.len()
    }

    /// Connects; `driver` drives the connection.
    pub fn connect(
        &self,
        config: ClientConfig,
        patience: Patience,
        to: SocketAddr,
        name: &str,
        driver: &Arc<DriverHandle>,
    ) -> Result<Connecting, ConnectError> {
        let mut state = self.0.state.lock();
        if state.closed.is_some() {
            return Err(ConnectError::EndpointStopping);
        }
        let to = match to {
            SocketAddr::V4(to) if state.ipv6 => SocketAddr::from((to.ip().to_ipv6_mapped(), to.port())),
            SocketAddr::V6(_) if !state.ipv6 => return Err(ConnectError::InvalidRemoteAddress(to)),
            to => to,
        };
        let now = Instant::now();
        let (handle, quic) = state.quic.connect(now, config, to, name)?;
        Ok(self.0.insert(&mut state, handle, quic, patience, now, driver))
    }

    pub fn open_connections(&self) -> usize {
        self.0.state.lock().quic.open_connections()
    }

    /// Closes all connections, and accepts no more.
    pub fn close(&self, code: VarInt, reason: &[u8]) {
        let connections: Vec<Arc<Inner>> = {
            let mut state = self.0.state.lock();
            state.closed = Some((code, Bytes::copy_from_slice(reason)));
            state.connections.values().cloned().collect()
        };
        for connection in connections {
            connection.close(code, reason);
        }
        self.0.incoming.notify_waiters();
    }

    /// Resolves when no connection is left.
    pub async fn wait_idle(&self) {
        loop {
            let noticed = self.0.idle.notified();
            if self.0.state.lock().connections.is_empty() {
                return;
            }
            noticed.await;
        }
    }
}

impl Shared {
    fn insert(
        self: &Arc<Self>,
        state: &mut State,
        handle: ConnectionHandle,
        quic: quinn_proto::Connection,
        patience: Patience,
        now: Instant,
        driver: &Arc<DriverHandle>,
    ) -> Connecting {
        let silence = Silence::new(now, patience.keep_alive, patience.idle_timeout);
        let inner = Inner::new(handle, quic, silence, self.clone(), driver.clone());
        state.connections.insert(handle, inner.clone());
        let connecting = Connecting::new(&inner);
        inner.wake();
        connecting
    }

    fn datagram(&self, state: &mut State, about: &RecvMeta, datagram: BytesMut, now: Instant, outgoing: &mut Outgoing) {
        let mut answer = Vec::new();
        let ecn = about.ecn.and_then(|ecn| quinn_proto::EcnCodepoint::from_bits(ecn as u8));
        let transmit = match state.quic.handle(now, about.addr, about.dst_ip, ecn, datagram, &mut answer) {
            Some(DatagramEvent::ConnectionEvent(handle, event)) => {
                if let Some(connection) = state.connections.get(&handle) {
                    connection.receive(event, now);
                }
                return;
            }
            Some(DatagramEvent::NewConnection(incoming)) => {
                if state.closed.is_none() {
                    state.incoming.push_back(incoming);
                    return;
                }
                state.quic.refuse(incoming, &mut answer)
            }
            Some(DatagramEvent::Response(transmit)) => transmit,
            None => return,
        };
        respond(&self.socket, &transmit, &answer, outgoing);
    }

    /// Sends an answer at once.
    fn send(&self, transmit: &Transmit, answer: &[u8]) {
        let mut outgoing = Outgoing::default();
        outgoing.buffer().extend_from_slice(&answer[..transmit.size]);
        outgoing.push(route(transmit));
        let _ = self.socket.send(&mut outgoing);
    }
}

impl Source for Shared {
    fn socket(&self) -> &Arc<Socket> {
        &self.socket
    }

    fn receive(&self, received: &[(&RecvMeta, &[u8])], now: Instant, outgoing: &mut Outgoing) {
        let mut state = self.state.lock();
        let state = &mut *state;
        for (about, bytes) in received {
            for datagram in bytes.chunks(about.stride.max(1)) {
                self.datagram(state, about, BytesMut::from(datagram), now, outgoing);
            }
        }
        if !state.incoming.is_empty() {
            self.incoming.notify_waiters();
        }
    }

    fn is_gone(&self) -> bool {
        self.handles.load(Acquire) == 0 && self.state.lock().connections.is_empty()
    }

    fn abandon(&self) {
        // Dropped without the lock: a connection tells its endpoint of its end.
        let connections = std::mem::take(&mut self.state.lock().connections);
        drop(connections);
    }
}

impl Home for Shared {
    fn socket(&self) -> &Arc<Socket> {
        &self.socket
    }

    fn handle(&self, connection: &Arc<Inner>, events: Vec<EndpointEvent>) {
        let mut answers = Vec::new();
        {
            let mut state = self.state.lock();
            // Without an entry the connection is over, and another one may have its number.
            let known = state.connections.get(&connection.handle).is_some_and(|known| Arc::ptr_eq(known, connection));
            if !known {
                return;
            }
            for event in events {
                if event.is_drained() {
                    state.connections.remove(&connection.handle);
                }
                answers.extend(state.quic.handle_event(connection.handle, event));
            }
            if state.connections.is_empty() {
                self.idle.notify_waiters();
                if self.handles.load(Acquire) == 0 {
                    self.driver.wake();
                }
            }
        }
        for answer in answers {
            connection.answer(answer);
        }
    }
}

/// Sends an answer that belongs to no connection; it is dropped where there is no room, like a packet lost on its way.
fn respond(socket: &Socket, transmit: &Transmit, answer: &[u8], outgoing: &mut Outgoing) {
    if outgoing.is_full() {
        return;
    }
    outgoing.buffer().extend_from_slice(&answer[..transmit.size]);
    outgoing.push(route(transmit));
    if outgoing.is_full() {
        let _ = socket.send(outgoing);
    }
}

/// A client that wants a connection. Dropping this refuses it.
pub struct Incoming {
    quic: Option<quinn_proto::Incoming>,
    endpoint: Arc<Shared>,
}

impl Incoming {
    /// Accepts; `driver` drives the connection. `server` replaces the endpoint's configuration.
    pub fn accept(
        mut self,
        server: Option<Arc<ServerConfig>>,
        patience: Patience,
        driver: &Arc<DriverHandle>,
    ) -> Result<Connecting, ConnectionError> {
        let Some(incoming) = self.quic.take() else { return Err(ConnectionError::LocallyClosed) };
        let now = Instant::now();
        let mut answer = Vec::new();
        let mut state = self.endpoint.state.lock();
        match state.quic.accept(incoming, now, &mut answer, server) {
            Ok((handle, quic)) => {
                let closed = state.closed.clone();
                let connecting = self.endpoint.insert(&mut state, handle, quic, patience, now, driver);
                drop(state);
                if let Some((code, reason)) = closed {
                    connecting.close(code, &reason);
                }
                Ok(connecting)
            }
            Err(error) => {
                drop(state);
                if let Some(transmit) = error.response {
                    self.endpoint.send(&transmit, &answer);
                }
                Err(error.cause)
            }
        }
    }

    pub fn refuse(self) {}

    pub fn ignore(mut self) {
        if let Some(incoming) = self.quic.take() {
            self.endpoint.state.lock().quic.ignore(incoming);
        }
    }

    /// Asks the client to prove its address. Only where [`Incoming::may_retry`] is true.
    pub fn retry(mut self) {
        let Some(incoming) = self.quic.take() else { return };
        let mut answer = Vec::new();
        let result = self.endpoint.state.lock().quic.retry(incoming, &mut answer);
        match result {
            Ok(transmit) => self.endpoint.send(&transmit, &answer),
            Err(error) => self.quic = Some(error.into_incoming()),
        }
    }

    pub fn remote_address(&self) -> SocketAddr {
        self.quic.as_ref().map_or(SocketAddr::from(([0, 0, 0, 0], 0)), quinn_proto::Incoming::remote_address)
    }

    pub fn remote_address_validated(&self) -> bool {
        self.quic.as_ref().is_some_and(quinn_proto::Incoming::remote_address_validated)
    }

    pub fn may_retry(&self) -> bool {
        self.quic.as_ref().is_some_and(quinn_proto::Incoming::may_retry)
    }
}

impl Drop for Incoming {
    fn drop(&mut self) {
        let Some(incoming) = self.quic.take() else { return };
        let mut answer = Vec::new();
        let transmit = self.endpoint.state.lock().quic.refuse(incoming, &mut answer);
        self.endpoint.send(&transmit, &answer);
    }
}

impl Drop for State {
    fn drop(&mut self) {
        for incoming in self.incoming.drain(..) {
            self.quic.ignore(incoming);
        }
    }
}
