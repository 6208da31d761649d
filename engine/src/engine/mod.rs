//! The engine as JavaScript's thread calls it: workers, listeners, links and their streams.

mod listening;
mod streams;

use crate::command::Command;
use crate::config::{Congestion, EngineOptions, Tuning, mtu};
use crate::events::{Event, EventQueue, Waker};
use crate::handshake_counts::HandshakeCounts;
use crate::handshake_rate::HandshakeRate;
use crate::ids::Ids;
use crate::link_shared::{LINK_UNREAD, LinkShared};
use crate::listener::Listener;
use crate::quic::Endpoint;
use crate::requests::{Failure, Result};
use crate::reset_key::ResetKey;
use crate::routable_ids::Routing;
use crate::socket::SocketOptions;
use crate::worker::{PULSE_FIGURES, Worker};
use crate::worker_thread::WorkerThread;
use quinn_proto::Dir;
use std::collections::{HashMap, VecDeque};
use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;
use std::time::Duration;

pub struct Engine {
    pub event_queue: Arc<EventQueue>,
    pub ids: Arc<Ids>,
    /// Events that did not fit into the last batch.
    pub rest: VecDeque<Event>,
    threads: Vec<WorkerThread>,
    workers: Arc<[Arc<Worker>]>,
    /// By slot.
    links: Vec<Option<Arc<LinkShared>>>,
    listeners: HashMap<u32, Listener>,
    next_listener: u32,
    /// The sockets for dials, by worker: IPv6 and IPv4.
    clients: HashMap<usize, (Option<Endpoint>, Option<Endpoint>)>,
    tuning: Tuning,
    socket: SocketOptions,
    retry_above: usize,
    /// The bound on new handshakes, of all listeners.
    pub rate: Arc<HandshakeRate>,
    handshakes: Arc<HandshakeCounts>,
    reset_key: Option<Arc<ResetKey>>,
    /// What connection ids of listeners tell a load balancer.
    routing: Option<Arc<Routing>>,
    /// The operator was warned of small socket buffers.
    warned_buffers: bool,
}

impl Engine {
    pub fn start(options: EngineOptions, waker: Waker) -> Result<Self> {
        let congestion = Congestion::parse(&options.congestion).ok_or_else(|| {
            Failure("engine_unavailable", format!("unknown congestion control {}", options.congestion))
        })?;
        let routing = options.routing.map(|one| {
            let key = one.key.as_deref().unwrap_or_default();
            let rotation = u8::try_from(one.rotation).unwrap_or(u8::MAX);
            Routing::new(&one.server_id, one.nonce_length as usize, rotation, key)
        });
        let routing = routing.transpose().map_err(|error| Failure("engine_unavailable", error))?;
        let event_queue = Arc::new(EventQueue::new(waker));
        let ids = Arc::new(Ids::default());
        let count = options.threads.clamp(1, 64) as usize;
        let threads: std::io::Result<Vec<_>> =
            (0..count).map(|index| WorkerThread::start(index, event_queue.clone(), ids.clone())).collect();
        let threads = threads.map_err(|error| Failure("engine_unavailable", error.to_string()))?;
        let workers: Arc<[Arc<Worker>]> = threads.iter().map(|thread| thread.worker.clone()).collect();
        for worker in workers.iter() {
            let _ = worker.others.set(workers.iter().map(Arc::downgrade).collect());
        }
        Ok(Self {
            event_queue,
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
                // Peers may send payloads as large as those that this engine begins with.
                max_mtu: mtu(options.max_mtu.max(options.initial_mtu)),
                ack_delay: (options.ack_delay > 0).then(|| Duration::from_millis(options.ack_delay.into())),
                initial_streams: options.initial_streams,
                initial_window: options.initial_window.unwrap_or(12_000),
                packet_threshold: options.packet_threshold.unwrap_or(20),
                time_threshold: options.time_threshold.unwrap_or(120) as f32 / 100.0,
            },
            socket: SocketOptions { buffer: options.socket_buffer as usize, reuse_port: options.reuse_port },
            retry_above: options.retry_above as usize,
            rate: Arc::default(),
            handshakes: Arc::default(),
            reset_key: options.reset_key.map(|key| Arc::new(ResetKey::new(&key))),
            routing: routing.map(Arc::new),
            warned_buffers: false,
        })
    }

    /// Ends all threads at once; the peers get no close.
    pub fn stop(&mut self) {
        self.event_queue.stop_waking();
        for thread in &mut self.threads {
            thread.stop();
        }
        self.listeners.clear();
        self.clients.clear();
        self.links.clear();
    }

    /// JavaScript has drained the event of a new link.
    pub fn link_up(&mut self, link: Arc<LinkShared>) {
        let slot = self.ids.links.slot(link.id);
        if slot >= self.links.len() {
            self.links.resize(slot + 1, None);
        }
        self.links[slot] = Some(link);
    }

    /// JavaScript has drained the last event of a link; its id is free now.
    pub fn link_down(&mut self, link: &LinkShared) {
        let slot = self.ids.links.slot(link.id);
        self.links[slot] = None;
        self.ids.links.queued_of(link.id).store(0, Relaxed);
        self.ids.links.give_back(link.id);
    }

    /// JavaScript has drained the last event of a stream; its id is free now.
    pub fn stream_gone(&self, id: u32) {
        self.ids.unqueue_all(id);
        self.ids.streams.give_back(id);
    }

    /// JavaScript has drained an event of the link; the worker reads the link again if it waited for that.
    pub fn drained(&self, link: &LinkShared, cost: usize) {
        if link.discharge(cost) {
            self.workers[link.worker].push(Command::Resume(link.id));
        }
    }

    pub fn link(&self, id: u32) -> Option<&Arc<LinkShared>> {
        self.links.get(self.ids.links.slot(id))?.as_ref().filter(|link| link.id == id)
    }

    /// Posts a command to the link's worker.
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
        link.conn.send_datagram(datagram.into())
    }

    /// Pauses or resumes reading. A paused link counts as one whose events JavaScript has not drained.
    pub fn pause_reading(&self, link: u32, paused: bool) {
        let Some(link) = self.link(link) else { return };
        if paused {
            link.charge(LINK_UNREAD);
        } else {
            self.drained(link, LINK_UNREAD);
        }
    }

    /// Lets the peer have this many bidirectional streams open; fewer than before changes nothing.
    pub fn allow_bidi(&self, link: u32, streams: u32) {
        let Some(link) = self.link(link) else { return };
        if let Some(limit) = link.allowed.bidi.raise(streams) {
            link.conn.set_max_concurrent_streams(Dir::Bi, limit);
        }
    }

    pub fn stats(&self, link: u32, into: &mut [f64]) {
        let Some(link) = self.link(link) else { return };
        for (place, figure) in into.iter_mut().zip(link.figures()) {
            *place = figure;
        }
    }

    /// Writes the handshakes by how they ended.
    pub fn handshakes(&self, into: &mut [f64]) {
        for (place, figure) in into.iter_mut().zip(self.handshakes.figures()) {
            *place = figure;
        }
    }

    /// Writes the figures of each worker, see [`Worker::pulse`]. Asks those that have answered for another sign of life. Returns the
    /// number of workers.
    pub fn pulses(&self, into: &mut [f64]) -> usize {
        for (worker, place) in self.workers.iter().zip(into.chunks_exact_mut(PULSE_FIGURES)) {
            place.copy_from_slice(&worker.pulse());
        }
        self.workers.len()
    }

    /// Ends JavaScript's turn: its commands take effect.
    pub fn flush(&self) {
        for worker in self.workers.iter() {
            worker.wake_if_posted();
        }
    }
}
