//! A link: one connection and what belongs to it, and the tasks that wait on QUIC in its name.

use crate::command::Command;
use crate::error_codes::{Coding, H3_NO_ERROR};
use crate::link_shared::{Allowances, Closed, LinkShared, Meta, Spare};
use crate::worker::WorkerShared;
use bytes::{BufMut, Bytes, BytesMut};
use std::collections::HashSet;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::oneshot;
use web_transport_proto::{Capsule, Frame, Http3CapsuleReader, VarInt};

/// How long a closed WebTransport session waits for its peer to see the close before the connection is cut.
const CLOSE_GRACE: Duration = Duration::from_secs(1);

/// The CONNECT stream of a WebTransport session and what goes with it.
pub struct WebTransport {
    pub send: quinn::SendStream,
    pub recv: Option<quinn::RecvStream>,
    /// HTTP/3's control streams, which must stay open (RFC 9114 section 6.2.1).
    pub control: Vec<quinn::SendStream>,
    pub held: Vec<quinn::RecvStream>,
    pub session: u64,
    /// The protocol to answer with.
    pub protocol: String,
}

/// A connection that is ready to be offered to JavaScript.
pub struct NewLink {
    pub conn: quinn::Connection,
    pub web: Option<WebTransport>,
    pub meta: Meta,
    /// The listener's id, or the dial's.
    pub origin: u32,
    pub dialled: bool,
    /// Step in bytes at which its backlog is reported.
    pub queue_mark: u32,
    /// Smallest send window in bytes.
    pub send_window: u64,
    /// Streams that the peer may have open.
    pub allowed: Allowances,
}

pub struct Link {
    pub shared: Arc<LinkShared>,
    pub listener: Option<u32>,
    pub web: Option<WebTransport>,
    pub streams: HashSet<u32>,
    /// Streams of which QUIC takes no more now.
    pub blocked: Vec<u32>,
    /// Streams that wait for JavaScript to drain.
    pub parked: Vec<u32>,
    pub uni_header: Bytes,
    pub bidi_header: Bytes,
    pub queue_mark: u32,
    /// Multiple of the mark that was last reported.
    pub mark: u32,
    pub send_window: u64,
    pub window_at: Option<std::time::Instant>,
    /// Unidirectional streams that the peer has for HTTP/3 itself.
    of_http3: u32,
    accept: Option<oneshot::Sender<()>>,
    tasks: Vec<tokio::task::AbortHandle>,
    /// Reads the CONNECT stream. Letting go of that stream stops it, which a browser takes for a lost connection.
    session: Option<tokio::task::AbortHandle>,
}

impl Link {
    /// Starts the tasks; nothing is read before [`Link::accept`].
    pub fn new(worker: &Arc<WorkerShared>, id: u32, new: NewLink) -> (Self, Meta) {
        let (coding, prefix) = match &new.web {
            Some(web) => (Coding::WebTransport, varint(web.session / 4)),
            None => (Coding::Raw, Vec::new()),
        };
        let shared = Arc::new(LinkShared::new(id, worker.index, new.conn, coding, prefix, new.allowed));
        let header = |kind: u32| match &new.web {
            Some(web) => stream_header(kind, web.session),
            None => Bytes::new(),
        };
        let (accept, accepted) = oneshot::channel();
        let tasks = vec![tokio::spawn(pump(worker.clone(), shared.clone(), accepted)).abort_handle()];
        let (uni_header, bidi_header) = (header(STREAM_UNI), header(STREAM_BIDI));
        let mut web = new.web;
        let recv = web.as_mut().and_then(|web| web.recv.take());
        let session = recv.map(|recv| tokio::spawn(watch_session(worker.clone(), shared.clone(), recv)).abort_handle());
        let held = web.as_ref().map_or(0, |web| web.held.len());
        let mut link = Self {
            shared,
            listener: (!new.dialled).then_some(new.origin),
            web,
            streams: HashSet::new(),
            blocked: Vec::new(),
            parked: Vec::new(),
            uni_header,
            bidi_header,
            queue_mark: new.queue_mark.max(1),
            mark: 0,
            send_window: new.send_window,
            window_at: None,
            of_http3: 0,
            accept: Some(accept),
            tasks,
            session,
        };
        for _ in 0..held {
            link.one_more_of_http3();
        }
        (link, new.meta)
    }

    /// Lets the peer's streams and datagrams in.
    pub fn accept(&mut self) {
        if let Some(accept) = self.accept.take() {
            let _ = accept.send(());
        }
    }

    /// A stream of HTTP/3 that never ends; it takes nothing from what the peer may open. The first, for control, is
    /// allowed from the beginning.
    pub fn one_more_of_http3(&mut self) {
        self.of_http3 += 1;
        if self.of_http3 > 1 && self.of_http3 <= crate::config::MAX_HTTP3_STREAMS {
            let limit = self.shared.allowed.uni.with_extra(self.of_http3);
            self.shared.conn.set_max_concurrent_uni_streams(quinn::VarInt::from_u32(limit));
        }
    }

    pub fn abort_tasks(&mut self) {
        for task in self.tasks.drain(..).chain(self.session.take()) {
            task.abort();
        }
    }

    /// Waits in the background for a stream that the peer does not allow yet.
    pub fn want(&self, worker: &Arc<WorkerShared>, bidi: bool) {
        let (shared, worker) = (self.shared.clone(), worker.clone());
        tokio::spawn(async move {
            let spare = if bidi {
                shared.conn.open_bi().await.map(|(send, recv)| Spare::Bidi(send, recv))
            } else {
                shared.conn.open_uni().await.map(Spare::Uni)
            };
            let Ok(spare) = spare else { return };
            shared.spare.lock().push(spare);
            let wanted = if bidi { &shared.wanted_bidi } else { &shared.wanted_uni };
            wanted.store(false, std::sync::atomic::Ordering::Release);
            worker.hub.push(crate::events::Event::Capacity(shared.id));
        });
    }
}

/// Type of a unidirectional, and of a bidirectional, stream of a session (WebTransport over HTTP/3 section 4).
pub const STREAM_UNI: u32 = 0x54;
pub const STREAM_BIDI: u32 = 0x41;

fn stream_header(kind: u32, session: u64) -> Bytes {
    let mut bytes = BytesMut::new();
    VarInt::from_u32(kind).encode(&mut bytes);
    bytes.put_slice(&varint(session));
    bytes.freeze()
}

fn varint(value: u64) -> Vec<u8> {
    let mut bytes = Vec::new();
    VarInt::from_u64(value).unwrap_or(VarInt::MAX).encode(&mut bytes);
    bytes
}

/// Hands what the peer opens and sends to the worker, as long as JavaScript keeps up.
async fn pump(worker: Arc<WorkerShared>, link: Arc<LinkShared>, accepted: oneshot::Receiver<()>) {
    let conn = &link.conn;
    tokio::select! {
        _ = conn.closed() => return worker.push(Command::Lost(link.id)),
        _ = accepted => {}
    }
    loop {
        while !link.may_read() {
            tokio::select! {
                _ = conn.closed() => break,
                _ = link.room.notified() => {}
            }
        }
        tokio::select! {
            uni = conn.accept_uni() => match uni {
                Ok(recv) => {
                    if let Some(limit) = link.allowed.uni.used() {
                        conn.set_max_concurrent_uni_streams(quinn::VarInt::from_u32(limit));
                    }
                    worker.push(Command::IncomingUni(link.id, recv));
                }
                Err(_) => break,
            },
            bidi = conn.accept_bi() => match bidi {
                Ok((send, recv)) => {
                    if let Some(limit) = link.allowed.bidi.used() {
                        conn.set_max_concurrent_bi_streams(quinn::VarInt::from_u32(limit));
                    }
                    worker.push(Command::IncomingBidi(link.id, send, recv));
                }
                Err(_) => break,
            },
            datagram = conn.read_datagram() => match datagram {
                Ok(bytes) => worker.push(Command::Datagram(link.id, bytes)),
                Err(_) => break,
            },
        }
    }
    // The connection is over; what came before its end is still there.
    while let Ok(recv) = conn.accept_uni().await {
        worker.push(Command::IncomingUni(link.id, recv));
    }
    while let Ok((send, recv)) = conn.accept_bi().await {
        worker.push(Command::IncomingBidi(link.id, send, recv));
    }
    while let Ok(bytes) = conn.read_datagram().await {
        worker.push(Command::Datagram(link.id, bytes));
    }
    worker.push(Command::Lost(link.id));
}

/// Reads the CONNECT stream until the session's end.
async fn watch_session(worker: Arc<WorkerShared>, link: Arc<LinkShared>, recv: quinn::RecvStream) {
    let mut reader = Http3CapsuleReader::new(recv);
    let (code, reason) = loop {
        match reader.read().await {
            Ok(Some(Capsule::CloseWebTransportSession { code, reason })) => break (code, reason),
            Ok(Some(_)) => {}
            Ok(None) => break (0, String::new()),
            // The connection's own end says more.
            Err(_) if link.conn.close_reason().is_some() => return,
            Err(_) => break (0, String::new()),
        }
    };
    worker.push(Command::SessionEnded(link.id, code, reason));
}

/// Why a connection ended, in the contract's words.
pub fn closed_by(error: Option<quinn::ConnectionError>, coding: Coding) -> Closed {
    use quinn::ConnectionError::*;
    let closed = |by, code, reason: String| Closed { by, code, reason };
    match error {
        Some(ApplicationClosed(close)) => {
            let reason = String::from_utf8_lossy(&close.reason).into_owned();
            closed("remote", coding.decode(close.error_code), reason)
        }
        Some(TimedOut) => closed("timeout", 0, "the peer fell silent".into()),
        Some(LocallyClosed) | None => closed("local", 0, String::new()),
        Some(Reset) => closed("error", 0, "the peer has forgotten the connection".into()),
        Some(other) => closed("error", 0, other.to_string()),
    }
}

/// Closes a connection so that the peer gets code and reason; `keep` lives until then, because a stream that is let go
/// would be finished or stopped before.
pub fn close(
    link: &mut Link,
    code: u32,
    reason: String,
    keep: Vec<(Option<quinn::SendStream>, Option<quinn::RecvStream>)>,
) {
    let session = link.session.take();
    link.abort_tasks();
    let conn = link.shared.conn.clone();
    let wire = link.shared.coding.encode(code);
    let Some(web) = link.web.take() else {
        conn.close(wire, reason.as_bytes());
        return;
    };
    tokio::spawn(async move {
        let WebTransport { mut send, control, held, .. } = web;
        let capsule = Capsule::CloseWebTransportSession { code, reason: reason.clone() };
        let _ = send.set_priority(i32::MAX);
        let told = async {
            send.write_all(&data_frame(&capsule)).await.ok()?;
            send.finish().ok()?;
            conn.closed().await;
            Some(())
        };
        let _ = tokio::time::timeout(CLOSE_GRACE, told).await;
        conn.close(wire, reason.as_bytes());
        if let Some(session) = session {
            session.abort();
        }
        drop((send, control, held, keep));
    });
}

/// Ends the connection after the peer has ended the session.
pub fn close_answer(link: &mut Link) {
    link.abort_tasks();
    link.shared.conn.close(quinn::VarInt::from_u32(H3_NO_ERROR), b"");
}

fn data_frame(capsule: &Capsule) -> Vec<u8> {
    let mut body = Vec::new();
    capsule.encode(&mut body);
    let mut frame = Vec::new();
    Frame::DATA.encode(&mut frame);
    VarInt::from_u32(body.len() as u32).encode(&mut frame);
    frame.extend_from_slice(&body);
    frame
}
