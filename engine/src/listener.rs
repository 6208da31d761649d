//! Listening: one endpoint for raw QUIC and WebTransport on one port.

use crate::command::Command;
use crate::config::{Limits, Tuning, allowances, transport};
use crate::error_codes::H3_NO_ERROR;
use crate::events::Event;
use crate::h3;
use crate::handshake_limit::{Place, Places};
use crate::link::NewLink;
use crate::link_shared::{Meta, address_text};
use crate::stream_allowance::first;
use crate::tls::Certificates;
use crate::worker::WorkerShared;
use crate::worker_runtime::{Spread, least_loaded, on};
use quinn::{AsyncUdpSocket, Endpoint, EndpointConfig, Incoming, Runtime, ServerConfig, VarInt};
use std::net::{SocketAddr, UdpSocket};
use std::sync::atomic::{AtomicBool, Ordering::*};
use std::sync::{Arc, Weak};
use std::time::Duration;

/// Handshakes that are under way at a time. At the bound the address that has most of them loses its oldest one.
const MAX_HANDSHAKES: usize = 4096;

/// How often at most the log says that handshakes were cut at the bound.
const CUT_WARNING_INTERVAL: Duration = Duration::from_secs(60);

/// How long a client has for its handshake and its request.
const HANDSHAKE_TIMEOUT: Duration = Duration::from_secs(10);

/// How long closing waits for the peers to hear of it, and for the socket.
const CLOSE_GRACE: Duration = Duration::from_millis(1500);

/// HTTP status for a client that offers protocols of which none is spoken here.
pub const NO_COMMON_PROTOCOL: u16 = 406;

/// ALPN of HTTP/3.
pub const ALPN_H3: &[u8] = b"h3";

pub struct Listener {
    pub id: u32,
    pub address: SocketAddr,
    pub certificates: Arc<Certificates>,
    endpoint: Endpoint,
    socket: Weak<dyn AsyncUdpSocket>,
    workers: Arc<[Arc<WorkerShared>]>,
    accepting: Arc<AtomicBool>,
}

/// What every connection of a listener shares.
struct Common {
    id: u32,
    protocols: Vec<String>,
    tuning: Tuning,
    /// What a connection is accepted with that gets a qlog file of its own.
    logged: Option<ServerConfig>,
    limits: Limits,
    retry_above: usize,
    handshakes: Arc<Places>,
    accepting: Arc<AtomicBool>,
}

pub struct ListenParts {
    pub id: u32,
    pub socket: UdpSocket,
    pub endpoint: EndpointConfig,
    pub crypto: Arc<dyn quinn::crypto::ServerConfig>,
    pub certificates: Arc<Certificates>,
    pub protocols: Vec<String>,
    pub limits: Limits,
    pub tuning: Tuning,
    pub retry_above: usize,
    pub token_key: Option<Arc<dyn quinn::crypto::HandshakeTokenKey>>,
}

impl Listener {
    /// Starts to take connections; new ones are spread over `workers`, the first of which reads the socket.
    pub fn start(parts: ListenParts, workers: Arc<[Arc<WorkerShared>]>) -> std::io::Result<Self> {
        let first = &workers[parts.id as usize % workers.len()];
        let handle = first.handle.get().ok_or_else(|| std::io::Error::other("the engine has ended"))?;
        let _context = handle.enter();
        let mut server = ServerConfig::with_crypto(parts.crypto);
        server.transport_config(Arc::new(transport(&parts.tuning, &parts.limits, false)));
        server.max_incoming(MAX_HANDSHAKES);
        if let Some(key) = parts.token_key {
            server.token_key(key);
        }
        let runtime = Arc::new(Spread { workers: workers.clone() });
        let socket = runtime.wrap_udp_socket(parts.socket)?;
        let held = Arc::downgrade(&socket);
        let logged = parts.tuning.qlog.is_some().then(|| server.clone());
        let endpoint =
            on(first.index, || Endpoint::new_with_abstract_socket(parts.endpoint, Some(server), socket, runtime))?;
        let accepting = Arc::new(AtomicBool::new(true));
        let common = Arc::new(Common {
            id: parts.id,
            protocols: parts.protocols,
            tuning: parts.tuning,
            logged,
            limits: parts.limits,
            retry_above: parts.retry_above,
            handshakes: Places::new(MAX_HANDSHAKES),
            accepting: accepting.clone(),
        });
        first.spawn(take_connections(endpoint.clone(), workers.clone(), common.clone()));
        first.spawn(tell_of_cuts(Arc::downgrade(&common), first.clone()));
        let address = endpoint.local_addr()?;
        Ok(Self { id: parts.id, address, certificates: parts.certificates, endpoint, socket: held, workers, accepting })
    }

    pub fn stop_accepting(&self) {
        self.accepting.store(false, Release);
    }

    /// Ends all links; [`Event::ListenerClosed`] follows when the socket is free.
    pub fn close(self) {
        self.stop_accepting();
        for worker in self.workers.iter() {
            worker.push(Command::CloseListener(self.id));
        }
        let worker = self.workers[self.id as usize % self.workers.len()].clone();
        let hub = worker.hub.clone();
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
            hub.push(Event::ListenerClosed(id));
        });
    }
}

async fn take_connections(endpoint: Endpoint, workers: Arc<[Arc<WorkerShared>]>, common: Arc<Common>) {
    while let Some(incoming) = endpoint.accept().await {
        if !common.accepting.load(Acquire) {
            incoming.refuse();
            continue;
        }
        let busy = common.handshakes.taken() >= common.retry_above;
        if busy && incoming.may_retry() && !incoming.remote_address_validated() {
            // Only fails where retrying is not possible, which was asked.
            let _ = incoming.retry();
            continue;
        }
        let Some(place) = common.handshakes.take(incoming.remote_address().ip()) else {
            incoming.refuse();
            continue;
        };
        let Some(worker) = least_loaded(&workers) else { return };
        greet(incoming, place, worker.clone(), common.clone());
    }
}

/// Warns when handshakes are cut at their bound, for as long as the listener is there.
async fn tell_of_cuts(common: Weak<Common>, worker: Arc<WorkerShared>) {
    loop {
        tokio::time::sleep(CUT_WARNING_INTERVAL).await;
        let Some(common) = common.upgrade() else { return };
        let cut = common.handshakes.cut();
        if cut > 0 {
            let within = CUT_WARNING_INTERVAL.as_secs();
            worker.hub.push(Event::Warning(format!(
                "{cut} QUIC handshakes were cut at the bound of {MAX_HANDSHAKES} in the last {within} s"
            )));
        }
    }
}

/// Completes the handshake on the worker that is to have the link.
fn greet(incoming: Incoming, place: Place, worker: Arc<WorkerShared>, common: Arc<Common>) {
    let connecting = on(worker.index, || match &common.logged {
        None => incoming.accept(),
        Some(server) => {
            let mut server = server.clone();
            let mut transport = transport(&common.tuning, &common.limits, false);
            transport.qlog_stream(common.tuning.qlog_stream("server"));
            server.transport_config(Arc::new(transport));
            incoming.accept_with(Arc::new(server))
        }
    });
    let connecting = match connecting {
        Ok(connecting) => connecting,
        Err(_) => {
            worker.load.fetch_sub(1, Relaxed);
            return;
        }
    };
    let there = worker.clone();
    worker.spawn(async move {
        let link = async {
            let conn = connecting.await.ok()?;
            meet(conn, &common).await
        };
        let link = tokio::select! {
            link = tokio::time::timeout(HANDSHAKE_TIMEOUT, link) => link.ok().flatten(),
            () = place.lost() => None,
        };
        drop(place);
        match link {
            Some(link) => there.push(Command::NewLink(Box::new(link))),
            None => {
                there.load.fetch_sub(1, Relaxed);
            }
        }
    });
}

async fn meet(conn: quinn::Connection, common: &Common) -> Option<NewLink> {
    let data = conn.handshake_data()?.downcast::<quinn::crypto::rustls::HandshakeData>().ok()?;
    let alpn = data.protocol.unwrap_or_default();
    let peer = conn.remote_address();
    let certificate = peer_certificate(&conn);
    let mut meta = Meta {
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
        // Its control stream and its request take nothing from what the client may open.
        let first = |limit| first(limit, common.tuning.initial_streams).saturating_add(1);
        conn.set_max_concurrent_uni_streams(VarInt::from_u32(first(common.limits.uni_streams)));
        conn.set_max_concurrent_bi_streams(VarInt::from_u32(first(common.limits.bidi_streams)));
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
        meta.binding = "webtransport";
        meta.protocol = session.protocol.clone();
        meta.authority = request.url.authority().to_owned();
        meta.path = request.url.path().to_owned();
        meta.query = request.url.query().unwrap_or_default().to_owned();
        meta.headers = request
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
        meta,
        origin: common.id,
        dialled: false,
        queue_mark: common.limits.queue_mark,
        send_window: common.tuning.send_window,
        allowed: allowances(&common.tuning, &common.limits, http3),
    })
}

/// DER of the certificate that the peer has shown, in hexadecimal.
pub fn peer_certificate(conn: &quinn::Connection) -> Option<String> {
    use std::fmt::Write;
    let identity = conn.peer_identity()?;
    let chain = identity.downcast::<Vec<rustls::pki_types::CertificateDer<'static>>>().ok()?;
    let leaf = chain.first()?;
    let mut text = String::with_capacity(2 * leaf.len());
    for byte in leaf.iter() {
        let _ = write!(text, "{byte:02x}");
    }
    Some(text)
}
