//! A listener: one QUIC endpoint for raw QUIC and WebTransport on one port.

use crate::command::Command;
use crate::config::{Limits, Tuning, allowances, patience, transport};
use crate::error_codes::H3_NO_ERROR;
use crate::events::Event;
use crate::h3::{self, ALPN_H3, NO_COMMON_PROTOCOL};
use crate::handshake_counts::{HandshakeCounts, count};
use crate::handshake_limit::{HandshakeLimit, HandshakePermit};
use crate::handshake_rate::HandshakeRate;
use crate::new_link::NewLink;
use crate::quic::{Connection, Endpoint, Incoming, Socket};
use crate::reports::{LinkInfo, address_text};
use crate::stream_allowance::initial_limit;
use crate::tls::{Certificates, Clients, peer_certificate};
use crate::worker::{Worker, least_loaded};
use quinn_proto::{Dir, EndpointConfig, ServerConfig, VarInt};
use std::net::{SocketAddr, UdpSocket};
use std::sync::atomic::{AtomicBool, Ordering::*};
use std::sync::{Arc, Weak};
use std::time::{Duration, Instant};

/// Handshakes that may be under way at a time, and clients that wait for theirs to begin. At the bound a new handshake replaces the oldest one of the
/// address that has most, and the client that waits longest is ignored.
const MAX_HANDSHAKES: usize = 4096;

/// Clients that are refused or asked for a proof of their address before other tasks of the worker have their turn; more than are read in one turn.
const ANSWERS: usize = 256;

/// How often the engine warns, at most, that handshakes were refused or replaced at the bound.
const LIMIT_WARNING_INTERVAL: Duration = Duration::from_secs(60);

/// How long a client may take for its handshake and its request.
const HANDSHAKE_TIMEOUT: Duration = Duration::from_secs(10);

/// How long each step of closing may take: the links' closes, the endpoint's close, the socket's release.
const CLOSE_GRACE: Duration = Duration::from_millis(1500);

pub struct Listener {
    pub id: u32,
    pub address: SocketAddr,
    pub certificates: Arc<Certificates>,
    /// Absent where the listener asks for no certificate.
    pub clients: Option<Arc<Clients>>,
    endpoint: Endpoint,
    socket: Weak<Socket>,
    workers: Arc<[Arc<Worker>]>,
    accepting: Arc<AtomicBool>,
}

/// What all connections of a listener share.
struct Common {
    id: u32,
    protocols: Vec<String>,
    tuning: Tuning,
    /// Set where each connection gets a qlog file of its own: the configuration to accept it with.
    with_qlog: Option<ServerConfig>,
    limits: Limits,
    retry_above: usize,
    handshakes: Arc<HandshakeLimit>,
    counts: Arc<HandshakeCounts>,
    rate: Arc<HandshakeRate>,
    accepting: Arc<AtomicBool>,
}

pub struct ListenParts {
    pub id: u32,
    pub socket: UdpSocket,
    pub endpoint: EndpointConfig,
    pub crypto: Arc<dyn quinn_proto::crypto::ServerConfig>,
    pub certificates: Arc<Certificates>,
    pub clients: Option<Arc<Clients>>,
    pub protocols: Vec<String>,
    pub limits: Limits,
    pub preferred: Vec<SocketAddr>,
    pub tuning: Tuning,
    pub retry_above: usize,
    pub rate: Arc<HandshakeRate>,
    pub token_key: Option<Arc<dyn quinn_proto::crypto::HandshakeTokenKey>>,
    pub counts: Arc<HandshakeCounts>,
}

impl Listener {
    /// Starts to accept connections and spreads them over `workers`. One worker, chosen by the id, reads the socket.
    pub fn start(parts: ListenParts, workers: Arc<[Arc<Worker>]>) -> std::io::Result<Self> {
        let first = &workers[parts.id as usize % workers.len()];
        let _context = first.executor().enter();
        let mut server = ServerConfig::with_crypto(parts.crypto);
        server.transport_config(Arc::new(transport(&parts.tuning, &parts.limits, false)));
        server.max_incoming(MAX_HANDSHAKES);
        for address in parts.preferred {
            match address {
                SocketAddr::V4(address) => server.preferred_address_v4(Some(address)),
                SocketAddr::V6(address) => server.preferred_address_v6(Some(address)),
            };
        }
        if let Some(key) = parts.token_key {
            server.token_key(key);
        }
        let with_qlog = parts.tuning.qlog.is_some().then(|| server.clone());
        let endpoint = Endpoint::new(parts.endpoint, Some(server), parts.socket, &first.driver)?;
        let accepting = Arc::new(AtomicBool::new(true));
        let common = Arc::new(Common {
            id: parts.id,
            protocols: parts.protocols,
            tuning: parts.tuning,
            with_qlog,
            limits: parts.limits,
            retry_above: parts.retry_above,
            handshakes: HandshakeLimit::new(MAX_HANDSHAKES),
            counts: parts.counts,
            rate: parts.rate,
            accepting: accepting.clone(),
        });
        first.spawn(accept_connections(endpoint.clone(), workers.clone(), common.clone()));
        first.spawn(warn_at_limit(Arc::downgrade(&common), first.clone()));
        let address = endpoint.local_addr()?;
        Ok(Self {
            id: parts.id,
            address,
            certificates: parts.certificates,
            clients: parts.clients,
            socket: endpoint.socket(),
            endpoint,
            workers,
            accepting,
        })
    }

    pub fn stop_accepting(&self) {
        self.accepting.store(false, Release);
    }

    /// Closes all links. [`Event::ListenerClosed`] follows when the port is free again.
    pub fn close(self) {
        self.stop_accepting();
        for worker in self.workers.iter() {
            worker.push(Command::CloseListener(self.id));
        }
        let worker = self.workers[self.id as usize % self.workers.len()].clone();
        let event_queue = worker.event_queue.clone();
        let (id, endpoint, socket) = (self.id, self.endpoint, self.socket);
        worker.spawn(async move {
            let idle = async {
                while endpoint.open_connections() > 0 {
                    tokio::time::sleep(Duration::from_millis(2)).await;
                }
            };
            let _ = tokio::time::timeout(CLOSE_GRACE, idle).await;
            endpoint.close(VarInt::from_u32(H3_NO_ERROR), b"");
            let _ = tokio::time::timeout(CLOSE_GRACE, endpoint.wait_idle()).await;
            drop(endpoint);
            let freed = async {
                while socket.strong_count() > 0 {
                    tokio::time::sleep(Duration::from_millis(1)).await;
                }
            };
            let _ = tokio::time::timeout(CLOSE_GRACE, freed).await;
            event_queue.push(Event::ListenerClosed(id));
        });
    }
}

async fn accept_connections(endpoint: Endpoint, workers: Arc<[Arc<Worker>]>, common: Arc<Common>) {
    let mut answers = 0;
    while let Some(incoming) = endpoint.accept().await {
        let flooded = endpoint.waiting() >= MAX_HANDSHAKES;
        answers += 1;
        if answer(incoming, flooded, &workers, &common) || answers >= ANSWERS {
            // A handshake takes as long as tens of packets of media: what has come meanwhile is first.
            tokio::task::yield_now().await;
            answers = 0;
        }
    }
}

/// Begins a handshake, or answers that there is none. True where one began. `flooded`: too many others wait.
fn answer(incoming: Incoming, flooded: bool, workers: &Arc<[Arc<Worker>]>, common: &Arc<Common>) -> bool {
    if !common.accepting.load(Acquire) {
        count(&common.counts.refused);
        incoming.refuse();
        return false;
    }
    let now = Instant::now();
    let busy = common.handshakes.taken() >= common.retry_above || common.rate.is_scarce(now);
    if busy && incoming.may_retry() && !incoming.remote_address_validated() {
        incoming.retry();
        count(&common.counts.retried);
        return false;
    }
    // An answer would cost more than silence; the client asks again after its time-out.
    if flooded {
        common.handshakes.count_cut();
        count(&common.counts.refused);
        incoming.ignore();
        return false;
    }
    if !common.rate.take(now) {
        incoming.ignore();
        return false;
    }
    let Some(permit) = common.handshakes.take(incoming.remote_address().ip()) else {
        count(&common.counts.refused);
        incoming.refuse();
        return false;
    };
    let Some(worker) = least_loaded(workers) else { return false };
    start_handshake(incoming, permit, worker.clone(), common.clone());
    true
}

/// Warns of handshakes that were refused or replaced at the bound, until the listener is gone.
async fn warn_at_limit(common: Weak<Common>, worker: Arc<Worker>) {
    let mut limited_before = 0;
    loop {
        tokio::time::sleep(LIMIT_WARNING_INTERVAL).await;
        let Some(common) = common.upgrade() else { return };
        let cut = common.handshakes.cut();
        let within = LIMIT_WARNING_INTERVAL.as_secs();
        let limited = common.rate.limited() - limited_before;
        limited_before += limited;
        if limited > 0 {
            worker.event_queue.push(Event::Warning(format!(
                "{limited} QUIC handshakes ignored in the last {within} s, above the configured rate"
            )));
        }
        if cut > 0 {
            worker.event_queue.push(Event::Warning(format!(
                "{cut} QUIC handshakes refused or replaced in the last {within} s, at the bound of {MAX_HANDSHAKES}"
            )));
        }
    }
}

/// Completes the handshake on the worker that will have the link.
fn start_handshake(incoming: Incoming, permit: HandshakePermit, worker: Arc<Worker>, common: Arc<Common>) {
    let with_qlog = common.with_qlog.as_ref().map(|server| {
        let mut server = server.clone();
        let mut transport = transport(&common.tuning, &common.limits, false);
        transport.qlog_stream(common.tuning.qlog_stream("server"));
        server.transport_config(Arc::new(transport));
        Arc::new(server)
    });
    let connecting = match incoming.accept(with_qlog, patience(&common.limits), &worker.driver) {
        Ok(connecting) => connecting,
        Err(_) => {
            worker.load.fetch_sub(1, Relaxed);
            count(&common.counts.failed);
            return;
        }
    };
    let own = worker.clone();
    worker.spawn(async move {
        let link = async {
            let conn = connecting.established().await.ok()?;
            negotiate(conn, &common).await
        };
        let counts = &common.counts;
        let (link, ended) = tokio::select! {
            link = tokio::time::timeout(HANDSHAKE_TIMEOUT, link) => (link.ok().flatten(), &counts.failed),
            () = permit.revoked() => (None, &counts.refused),
        };
        drop(permit);
        match link {
            Some(link) => {
                count(&counts.completed);
                own.push(Command::NewLink(Box::new(link)));
            }
            None => {
                own.load.fetch_sub(1, Relaxed);
                count(ended);
            }
        }
    });
}

/// Reads what the client asks for; for WebTransport that is its CONNECT request.
async fn negotiate(conn: Connection, common: &Common) -> Option<NewLink> {
    let data = conn.handshake_data()?.downcast::<quinn_proto::crypto::rustls::HandshakeData>().ok()?;
    let alpn = data.protocol.unwrap_or_default();
    let peer = conn.remote_address();
    let certificate = peer_certificate(&conn);
    let mut info = LinkInfo {
        binding: "quic",
        protocol: String::from_utf8_lossy(&alpn).into_owned(),
        authority: data.server_name.unwrap_or_default(),
        path: String::new(),
        query: String::new(),
        headers: Vec::new(),
        address: address_text(peer),
        port: peer.port(),
        certificate,
    };
    let mut web = None;
    if alpn == ALPN_H3 {
        // HTTP/3's control stream and request come on top of the streams that the client may open.
        let first = |limit| initial_limit(limit, common.tuning.initial_streams).saturating_add(1);
        conn.set_max_concurrent_streams(Dir::Uni, first(common.limits.uni_streams));
        conn.set_max_concurrent_streams(Dir::Bi, first(common.limits.bidi_streams));
        let (request, session) = match h3::accept(&conn, &common.protocols).await {
            Ok(accepted) => accepted,
            Err(error) => {
                conn.close(VarInt::from_u32(H3_NO_ERROR), error.as_bytes());
                return None;
            }
        };
        if session.protocol.is_empty() && !request.protocols.is_empty() {
            h3::reject(conn, session, NO_COMMON_PROTOCOL);
            return None;
        }
        info.binding = "webtransport";
        info.protocol = session.protocol.clone();
        info.authority = request.url.authority().to_owned();
        info.path = request.url.path().to_owned();
        info.query = request.url.query().unwrap_or_default().to_owned();
        info.headers = request
            .headers
            .iter()
            .filter_map(|(name, value)| Some((name.as_str().to_owned(), value.to_str().ok()?.to_owned())))
            .collect();
        web = Some(session);
    }
    let http3 = if web.is_some() { (1, 1) } else { (0, 0) };
    Some(NewLink {
        conn,
        web,
        info,
        origin: common.id,
        dialled: false,
        queue_mark: common.limits.queue_mark,
        send_window: common.tuning.send_window,
        allowed: allowances(&common.tuning, &common.limits, http3),
    })
}
