//! The engine as JavaScript's thread has it: workers, listeners and the links that it may call.

use crate::command::Command;
use crate::config::{Congestion, EngineOptions, Limits, Tuning, mtu};
use crate::dial::{self, Dial};
use crate::events::{Event, Hub, LINK_UNREAD, Waker};
use crate::h3::Ask;
use crate::ids::Ids;
use crate::link_shared::{LinkShared, Spare};
use crate::listener::{ALPN_H3, ListenParts, Listener};
use crate::socket::{self, SocketOptions};
use crate::tls::{self, Certificates, Trust};
use crate::worker::{WorkerShared, WorkerThread};
use crate::worker_runtime::{Spread, least_loaded, on};
use bytes::Bytes;
use quinn::{Endpoint, EndpointConfig};
use quinn_proto::HashedConnectionIdGenerator;
use std::collections::{HashMap, VecDeque};
use std::net::SocketAddr;
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::Ordering::*;
use std::task::{Context, Poll, Waker as TaskWaker};
use std::time::Duration;

/// UDP payload in bytes that is taken from peers in any case: what an Ethernet carries.
const DEFAULT_RECEIVED: u16 = 1472;

/// A failure with the contract's code.
pub struct Failure(pub &'static str, pub String);

pub type Result<T> = std::result::Result<T, Failure>;

/// Chain and key, PEM, and the server name that they are for; the first has none and is for all others.
pub struct Named {
    pub name: String,
    pub cert: String,
    pub key: String,
}

pub struct Listen {
    pub address: SocketAddr,
    pub protocols: Vec<String>,
    pub certificates: Vec<Named>,
    pub client_roots: Option<String>,
    pub limits: Limits,
}

pub struct DialRequest {
    pub token: u32,
    pub url: url::Url,
    pub address: Option<std::net::IpAddr>,
    pub protocols: Vec<String>,
    pub headers: Vec<(String, String)>,
    pub trust: Trust,
    pub own: Option<(String, String)>,
    pub limits: Limits,
    pub timeout: Duration,
}

pub struct Core {
    pub hub: Arc<Hub>,
    pub ids: Arc<Ids>,
    /// Events that the last batch had no room for.
    pub rest: VecDeque<Event>,
    threads: Vec<WorkerThread>,
    workers: Arc<[Arc<WorkerShared>]>,
    /// By slot.
    links: Vec<Option<Arc<LinkShared>>>,
    listeners: HashMap<u32, Listener>,
    next_listener: u32,
    /// Sockets of dials, by worker: IPv6 and IPv4.
    clients: HashMap<usize, (Option<Endpoint>, Option<Endpoint>)>,
    tuning: Tuning,
    socket: SocketOptions,
    retry_above: usize,
    reset_key: Option<Vec<u8>>,
    warned_buffers: bool,
}

impl Core {
    pub fn start(options: EngineOptions, waker: Waker) -> Result<Self> {
        let congestion = Congestion::parse(&options.congestion)
            .ok_or_else(|| Failure("engine_unavailable", format!("no congestion control {}", options.congestion)))?;
        let hub = Arc::new(Hub::new(waker));
        let ids = Arc::new(Ids::default());
        let count = options.threads.clamp(1, 64) as usize;
        let threads: std::io::Result<Vec<_>> =
            (0..count).map(|index| WorkerThread::start(index, hub.clone(), ids.clone())).collect();
        let threads = threads.map_err(|error| Failure("engine_unavailable", error.to_string()))?;
        let workers: Arc<[_]> = threads.iter().map(|thread| thread.shared.clone()).collect();
        Ok(Self {
            hub,
            ids,
            rest: VecDeque::new(),
            threads,
            workers,
            links: Vec::new(),
            listeners: HashMap::new(),
            next_listener: 1,
            clients: HashMap::new(),
            tuning: Tuning {
                congestion,
                ack_frequency: options.ack_frequency,
                send_window: options.send_window.into(),
                stream_receive_window: options.stream_receive_window,
                receive_window: options.receive_window,
                qlog: options.qlog.map(|folder| std::path::PathBuf::from(folder).into()),
                initial_mtu: mtu(options.initial_mtu),
                // What is begun with is taken from peers as well.
                max_mtu: mtu(options.max_mtu.max(options.initial_mtu)),
                ack_delay: (options.ack_delay > 0).then(|| Duration::from_millis(options.ack_delay.into())),
                initial_streams: options.initial_streams,
            },
            socket: SocketOptions { buffer: options.socket_buffer as usize, reuse_port: options.reuse_port },
            retry_above: options.retry_above as usize,
            reset_key: options.reset_key.map(|key| key.to_vec()),
            warned_buffers: false,
        })
    }

    /// Ends everything without a word to the peers.
    pub fn stop(&mut self) {
        self.hub.silence();
        for thread in &mut self.threads {
            thread.stop();
        }
        self.listeners.clear();
        self.clients.clear();
        self.links.clear();
    }

    // ---- listening and dialling

    pub fn listen(&mut self, listen: Listen) -> Result<(u32, SocketAddr)> {
        let mut keys = certificates(&listen.certificates)?;
        let certificates = Certificates::new(keys.remove(0).1, keys);
        let mut alpn = vec![ALPN_H3.to_vec()];
        alpn.extend(listen.protocols.iter().map(|name| name.clone().into_bytes()));
        let crypto = tls::server(certificates.clone(), listen.client_roots.as_deref(), alpn)
            .map_err(|error| Failure("bad_certificate", error))?;
        let (socket, warning) = socket::bind(listen.address, &self.socket)
            .map_err(|error| Failure("bind_failed", format!("cannot bind {}: {error}", listen.address)))?;
        if let (Some(text), false) = (warning, self.warned_buffers) {
            self.warned_buffers = true;
            self.hub.push(Event::Warning(text));
        }
        let id = self.next_listener;
        self.next_listener += 1;
        let parts = ListenParts {
            id,
            socket,
            endpoint: self.endpoint_config(),
            crypto,
            certificates,
            protocols: listen.protocols,
            limits: listen.limits,
            tuning: self.tuning.clone(),
            retry_above: self.retry_above,
            token_key: self.token_key(),
        };
        let listener = Listener::start(parts, self.workers.clone())
            .map_err(|error| Failure("bind_failed", format!("cannot listen on {}: {error}", listen.address)))?;
        let address = listener.address;
        self.listeners.insert(id, listener);
        Ok((id, address))
    }

    pub fn set_certificates(&mut self, listener: u32, named: &[Named]) -> Result<()> {
        let mut keys = certificates(named)?;
        if let Some(listener) = self.listeners.get(&listener) {
            listener.certificates.set(keys.remove(0).1, keys);
        }
        Ok(())
    }

    pub fn stop_accepting(&self, listener: u32) {
        if let Some(listener) = self.listeners.get(&listener) {
            listener.stop_accepting();
        }
    }

    pub fn close_listener(&mut self, listener: u32) {
        if let Some(listener) = self.listeners.remove(&listener) {
            listener.close();
        }
    }

    pub fn dial(&mut self, request: DialRequest) -> Result<()> {
        let raw = request.url.scheme() == "moql";
        let own = request.own.as_ref().map(|(cert, key)| (cert.as_str(), key.as_str()));
        let crypto = tls::client(request.trust, own, dial::alpn(raw, &request.protocols))
            .map_err(|error| Failure("dial_failed", error))?;
        let workers = self.workers.clone();
        let worker = least_loaded(&workers).ok_or_else(|| Failure("dial_failed", "no worker".into()))?;
        let endpoints = self.client_endpoints(worker);
        dial::start(
            worker,
            Dial {
                token: request.token,
                ask: Ask { url: request.url, protocols: request.protocols, headers: request.headers },
                address: request.address,
                raw,
                crypto,
                limits: request.limits,
                tuning: self.tuning.clone(),
                timeout: request.timeout,
                endpoints,
            },
        );
        Ok(())
    }

    fn client_endpoints(&mut self, worker: &Arc<WorkerShared>) -> (Option<Endpoint>, Option<Endpoint>) {
        if let Some(endpoints) = self.clients.get(&worker.index) {
            return endpoints.clone();
        }
        let open = |v6| {
            let socket = socket::bind_client(v6, &self.socket).ok()?;
            let _context = worker.handle.get()?.enter();
            let runtime = Arc::new(Spread { workers: self.workers.clone() });
            on(worker.index, || Endpoint::new(self.endpoint_config(), None, socket, runtime)).ok()
        };
        let endpoints = (open(true), open(false));
        self.clients.insert(worker.index, endpoints.clone());
        endpoints
    }

    fn endpoint_config(&self) -> EndpointConfig {
        let mut config = self.reset_config();
        // Buffers to receive are made for it, so it is not simply the largest that there is.
        let largest = self.tuning.max_mtu.max(DEFAULT_RECEIVED);
        if let Err(error) = config.max_udp_payload_size(largest) {
            self.hub.push(Event::Warning(format!("UDP payloads of {largest} bytes cannot be taken: {error}")));
        }
        config
    }

    fn reset_config(&self) -> EndpointConfig {
        let Some(secret) = &self.reset_key else { return EndpointConfig::default() };
        let key = ring::hmac::Key::new(ring::hmac::HMAC_SHA256, secret);
        // An endpoint answers packets of connections that it has forgotten only where their ids look like its own.
        let tag = ring::hmac::sign(&key, b"moqmesh connection ids");
        let ids = u64::from_be_bytes(std::array::from_fn(|at| tag.as_ref()[at]));
        let mut config = EndpointConfig::new(Arc::new(key));
        config.cid_generator(move || Box::new(HashedConnectionIdGenerator::from_key(ids)));
        config
    }

    fn token_key(&self) -> Option<Arc<dyn quinn::crypto::HandshakeTokenKey>> {
        let key = self.reset_key.as_ref()?;
        // Derived, so that a token says nothing of the key for resets.
        Some(Arc::new(ring::hkdf::Salt::new(ring::hkdf::HKDF_SHA256, b"moqmesh address tokens").extract(key)))
    }

    // ---- links

    pub fn link_up(&mut self, link: Arc<LinkShared>) {
        let slot = self.ids.links.slot(link.id);
        if slot >= self.links.len() {
            self.links.resize(slot + 1, None);
        }
        self.links[slot] = Some(link);
    }

    pub fn link_down(&mut self, link: &LinkShared) {
        let slot = self.ids.links.slot(link.id);
        self.links[slot] = None;
        self.ids.links.queued_of(link.id).store(0, Relaxed);
        self.ids.links.give_back(link.id);
    }

    pub fn stream_gone(&self, id: u32) {
        self.ids.dropped(id);
        self.ids.streams.give_back(id);
    }

    /// JavaScript has taken an event of the link.
    pub fn settle(&self, link: &LinkShared, cost: usize) {
        if link.settle(cost) {
            self.workers[link.worker].push(Command::Resume(link.id));
        }
    }

    pub fn link(&self, id: u32) -> Option<&Arc<LinkShared>> {
        self.links.get(self.ids.links.slot(id))?.as_ref().filter(|link| link.id == id)
    }

    /// For the link's worker.
    pub fn to_link(&self, id: u32, command: Command) {
        if let Some(link) = self.link(id) {
            self.workers[link.worker].post(command);
        }
    }

    pub fn send_datagram(&self, link: u32, bytes: &[u8]) -> bool {
        let Some(link) = self.link(link) else { return false };
        let length = link.datagram_prefix.len() + bytes.len();
        if bytes.len() > link.max_datagram() || link.conn.datagram_send_buffer_space() < length {
            return false;
        }
        let mut datagram = Vec::with_capacity(length);
        datagram.extend_from_slice(&link.datagram_prefix);
        datagram.extend_from_slice(bytes);
        link.conn.send_datagram(datagram.into()).is_ok()
    }

    /// The peer may have so many bidirectional streams open; less than before changes nothing.
    /// While it is paused the link counts as one whose events JavaScript has not drained.
    pub fn pause_reading(&self, link: u32, paused: bool) {
        let Some(link) = self.link(link) else { return };
        if paused {
            link.charge(LINK_UNREAD);
        } else {
            self.settle(link, LINK_UNREAD);
        }
    }

    pub fn allow_bidi(&self, link: u32, streams: u32) {
        let Some(link) = self.link(link) else { return };
        if let Some(limit) = link.allowed.bidi.raise(streams) {
            link.conn.set_max_concurrent_bi_streams(quinn::VarInt::from_u32(limit));
        }
    }

    pub fn stats(&self, link: u32, into: &mut [f64]) {
        let Some(link) = self.link(link) else { return };
        for (place, figure) in into.iter_mut().zip(link.figures()) {
            *place = figure;
        }
    }

    // ---- streams

    /// The new stream's id, or 0 when the peer allows none now; then `Capacity` follows.
    pub fn open(&self, link_id: u32, priority: i32, bidi: bool) -> u32 {
        let Some(link) = self.link(link_id) else { return 0 };
        let Some(id) = self.ids.take_stream(link_id, link.worker) else { return 0 };
        let Some((send, recv)) = open_now(link, bidi) else {
            self.ids.streams.give_back(id);
            let wanted = if bidi { &link.wanted_bidi } else { &link.wanted_uni };
            if link.conn.close_reason().is_none() && !wanted.swap(true, AcqRel) {
                self.workers[link.worker].push(Command::Want(link_id, bidi));
            }
            return 0;
        };
        self.workers[link.worker].post(Command::Opened { id, link: link_id, send, recv, priority });
        id
    }

    pub fn write(&self, id: u32, bytes: &[u8]) {
        if bytes.is_empty() {
            return;
        }
        let (worker, link) = self.ids.owner(id);
        self.ids.queue(id, link, bytes.len() as u32);
        self.post(worker, Command::Write(id, Bytes::copy_from_slice(bytes)));
    }

    /// The bytes are copied once, for however many streams.
    pub fn write_many(&self, ids: &[u32], bytes: &[u8]) {
        if bytes.is_empty() || ids.is_empty() {
            return;
        }
        for id in ids {
            let (_, link) = self.ids.owner(*id);
            self.ids.queue(*id, link, bytes.len() as u32);
        }
        let bytes = Bytes::copy_from_slice(bytes);
        self.by_worker(ids, |ids| Command::WriteMany(ids, bytes.clone()));
    }

    pub fn finish_many(&self, ids: &[u32]) {
        self.by_worker(ids, Command::FinishMany);
    }

    pub fn reset(&self, id: u32, code: u32) {
        self.ids.dropped(id);
        self.to_stream(id, Command::Reset(id, code));
    }

    pub fn reset_many(&self, ids: &[u32], code: u32) {
        for id in ids {
            self.ids.dropped(*id);
        }
        self.by_worker(ids, |ids| Command::ResetMany(ids, code));
    }

    /// For the stream's worker.
    pub fn to_stream(&self, id: u32, command: Command) {
        self.post(self.ids.owner(id).0, command);
    }

    fn by_worker(&self, ids: &[u32], command: impl Fn(Box<[u32]>) -> Command) {
        if self.workers.len() == 1 {
            return self.post(0, command(ids.into()));
        }
        for worker in self.workers.iter() {
            let own: Box<[u32]> = ids.iter().copied().filter(|id| self.ids.owner(*id).0 == worker.index).collect();
            if !own.is_empty() {
                worker.post(command(own));
            }
        }
    }

    fn post(&self, worker: usize, command: Command) {
        if let Some(worker) = self.workers.get(worker) {
            worker.post(command);
        }
    }

    /// The end of JavaScript's turn: what it has asked for takes effect.
    pub fn flush(&self) {
        for worker in self.workers.iter() {
            worker.kick_if_posted();
        }
    }
}

fn open_now(link: &LinkShared, bidi: bool) -> Option<(quinn::SendStream, Option<quinn::RecvStream>)> {
    let mut spare = link.spare.lock();
    if let Some(place) = spare.iter().position(|spare| matches!(spare, Spare::Bidi(..)) == bidi) {
        return Some(match spare.swap_remove(place) {
            Spare::Uni(send) => (send, None),
            Spare::Bidi(send, recv) => (send, Some(recv)),
        });
    }
    drop(spare);
    let mut context = Context::from_waker(TaskWaker::noop());
    if bidi {
        match pin!(link.conn.open_bi()).poll(&mut context) {
            Poll::Ready(Ok((send, recv))) => Some((send, Some(recv))),
            _ => None,
        }
    } else {
        match pin!(link.conn.open_uni()).poll(&mut context) {
            Poll::Ready(Ok(send)) => Some((send, None)),
            _ => None,
        }
    }
}

type Keys = Vec<(String, Arc<rustls::sign::CertifiedKey>)>;

fn certificates(named: &[Named]) -> Result<Keys> {
    let keys: std::result::Result<Keys, String> =
        named.iter().map(|named| Ok((named.name.clone(), tls::certified(&named.cert, &named.key)?))).collect();
    match keys {
        Ok(keys) if !keys.is_empty() => Ok(keys),
        Ok(_) => Err(Failure("bad_certificate", "no certificate".into())),
        Err(error) => Err(Failure("bad_certificate", error)),
    }
}
