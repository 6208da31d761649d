//! A link: one connection with its streams, and the tasks that wait on QUIC for it.

use crate::command::Command;
use crate::config::MAX_HTTP3_STREAMS;
use crate::error_codes::{CodeMapping, H3_NO_ERROR};
use crate::events::{Event, EventQueue};
use crate::link_shared::{LinkShared, PreopenedStream};
use crate::new_link::{NewLink, WebTransport};
use crate::quic::{Arrival, RecvStream, SendStream};
use crate::reports::{CloseReason, LinkInfo};
use crate::worker::Worker;
use bytes::{BufMut, Bytes, BytesMut};
use quinn_proto::Dir;
use std::collections::HashSet;
use std::sync::Arc;
use std::task::{Wake, Waker};
use std::time::Duration;
use tokio::sync::oneshot;
use web_transport_proto::{Capsule, Frame, Http3CapsuleReader, VarInt};

/// How long a closed WebTransport session waits for its peer's close before it closes the connection.
const CLOSE_GRACE: Duration = Duration::from_secs(1);

pub struct Link {
    pub shared: Arc<LinkShared>,
    pub listener: Option<u32>,
    pub web: Option<WebTransport>,
    pub streams: HashSet<u32>,
    /// Streams from which QUIC accepts no more bytes now.
    pub blocked: Vec<u32>,
    /// Streams that are not read until JavaScript has drained events.
    pub parked: Vec<u32>,
    pub uni_header: Bytes,
    pub bidi_header: Bytes,
    pub queue_mark: u32,
    /// The multiple of `queue_mark` that was last reported.
    pub mark: u32,
    pub send_window: u64,
    /// When the send window was last set.
    pub window_at: Option<std::time::Instant>,
    /// The peer's unidirectional streams of HTTP/3 itself.
    http3_streams: u32,
    accept: Option<oneshot::Sender<()>>,
    tasks: Vec<tokio::task::AbortHandle>,
    /// Reads the CONNECT stream. Dropping that stream stops it, and a browser then reports a lost connection.
    session: Option<tokio::task::AbortHandle>,
}

impl Link {
    /// Starts the tasks. Nothing is read before [`Link::accept`].
    pub fn new(worker: &Arc<Worker>, id: u32, new: NewLink) -> (Self, LinkInfo) {
        let (codes, prefix) = match &new.web {
            Some(web) => (CodeMapping::WebTransport, varint(web.session / 4)),
            None => (CodeMapping::Raw, Vec::new()),
        };
        let shared = Arc::new(LinkShared::new(id, worker.index, new.conn, codes, prefix, new.allowed));
        shared.conn.on_dark(Waker::from(Arc::new(DarkWaker { event_queue: worker.event_queue.clone(), link: id })));
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
        let peer_control = web.as_ref().map_or(0, |web| web.peer_control.len());
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
            http3_streams: 0,
            accept: Some(accept),
            tasks,
            session,
        };
        for _ in 0..peer_control {
            link.count_http3_stream();
        }
        (link, new.info)
    }

    /// Starts reading the peer's streams and datagrams.
    pub fn accept(&mut self) {
        if let Some(accept) = self.accept.take() {
            let _ = accept.send(());
        }
    }

    /// Counts a stream of HTTP/3 that never ends, so that it uses up no stream that the peer may open. The first one,
    /// for control, is allowed from the beginning.
    pub fn count_http3_stream(&mut self) {
        self.http3_streams += 1;
        if self.http3_streams > 1 && self.http3_streams <= MAX_HTTP3_STREAMS {
            let limit = self.shared.allowed.uni.set_extra(self.http3_streams);
            self.shared.conn.set_max_concurrent_streams(Dir::Uni, limit);
        }
    }

    pub fn abort_tasks(&mut self) {
        for task in self.tasks.drain(..).chain(self.session.take()) {
            task.abort();
        }
    }

    /// Opens a stream in the background as soon as the peer's limit allows it.
    pub fn open_when_allowed(&self, worker: &Arc<Worker>, bidi: bool) {
        let (shared, worker) = (self.shared.clone(), worker.clone());
        tokio::spawn(async move {
            let stream = if bidi {
                shared.conn.open_bi().await.map(|(send, recv)| PreopenedStream::Bidi(send, recv))
            } else {
                shared.conn.open_uni().await.map(PreopenedStream::Uni)
            };
            let Ok(stream) = stream else { return };
            shared.preopened.lock().push(stream);
            shared.opening(bidi).store(false, std::sync::atomic::Ordering::Release);
            worker.event_queue.push(Event::Capacity(shared.id));
        });
    }
}

/// Tells JavaScript that the path of a link is dark.
struct DarkWaker {
    event_queue: Arc<EventQueue>,
    link: u32,
}

impl Wake for DarkWaker {
    fn wake(self: Arc<Self>) {
        self.wake_by_ref();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        self.event_queue.push(Event::Dark(self.link));
    }
}

/// Types of a session's unidirectional and bidirectional streams (WebTransport over HTTP/3 section 4).
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

/// Passes the peer's streams and datagrams to the worker. Pauses while JavaScript has too many events to drain.
async fn pump(worker: Arc<Worker>, link: Arc<LinkShared>, accepted: oneshot::Receiver<()>) {
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
        match conn.next_arrival().await {
            Ok(arrival) => {
                allow_more(&link, &arrival);
                pass_on(&worker, &link, arrival);
            }
            Err(_) => break,
        }
    }
    // The connection is over. QUIC still has what arrived before the end.
    while let Ok(arrival) = conn.next_arrival().await {
        pass_on(&worker, &link, arrival);
    }
    worker.push(Command::Lost(link.id));
}

/// Counts a stream that the peer has opened; it may open more now.
fn allow_more(link: &LinkShared, arrival: &Arrival) {
    let (dir, allowance) = match arrival {
        Arrival::Uni(_) => (Dir::Uni, &link.allowed.uni),
        Arrival::Bidi(..) => (Dir::Bi, &link.allowed.bidi),
        Arrival::Datagram(_) => return,
    };
    if let Some(limit) = allowance.count_opened() {
        link.conn.set_max_concurrent_streams(dir, limit);
    }
}

fn pass_on(worker: &Worker, link: &LinkShared, arrival: Arrival) {
    worker.push(match arrival {
        Arrival::Uni(recv) => Command::IncomingUni(link.id, recv),
        Arrival::Bidi(send, recv) => Command::IncomingBidi(link.id, send, recv),
        Arrival::Datagram(bytes) => Command::Datagram(link.id, bytes),
    });
}

/// Reads the CONNECT stream until the session ends.
async fn watch_session(worker: Arc<Worker>, link: Arc<LinkShared>, recv: RecvStream) {
    let mut reader = Http3CapsuleReader::new(recv);
    let (code, reason) = loop {
        match reader.read().await {
            Ok(Some(Capsule::CloseWebTransportSession { code, reason })) => break (code, reason),
            Ok(Some(_)) => {}
            Ok(None) => break (0, String::new()),
            // The end of the connection has the better reason; `pump` reports it.
            Err(_) if link.conn.close_reason().is_some() => return,
            Err(_) => break (0, String::new()),
        }
    };
    worker.push(Command::SessionEnded(link.id, code, reason));
}

/// Why a connection ended, as the transport contract names it.
pub fn close_reason(error: Option<quinn_proto::ConnectionError>, codes: CodeMapping) -> CloseReason {
    use quinn_proto::ConnectionError::*;
    let closed = |by, code, reason: String| CloseReason { by, code, reason };
    match error {
        Some(ApplicationClosed(close)) => {
            let reason = String::from_utf8_lossy(&close.reason).into_owned();
            closed("remote", codes.decode(close.error_code), reason)
        }
        Some(TimedOut) => closed("timeout", 0, "the peer did not answer within the idle timeout".into()),
        Some(LocallyClosed) | None => closed("local", 0, String::new()),
        Some(Reset) => closed("error", 0, "the peer no longer knows the connection (stateless reset)".into()),
        Some(other) => closed("error", 0, other.to_string()),
    }
}

/// Closes a connection so that the peer gets code and reason. `keep` holds the link's streams until then, because a
/// stream that is dropped would be finished or stopped first.
pub fn close(link: &mut Link, code: u32, reason: String, keep: Vec<(Option<SendStream>, Option<RecvStream>)>) {
    let session = link.session.take();
    link.abort_tasks();
    let conn = link.shared.conn.clone();
    let wire = link.shared.codes.encode(code);
    let Some(web) = link.web.take() else {
        conn.close(wire, reason.as_bytes());
        return;
    };
    tokio::spawn(async move {
        let WebTransport { mut send, control, peer_control, .. } = web;
        let capsule = Capsule::CloseWebTransportSession { code, reason: reason.clone() };
        let _ = send.set_priority(i32::MAX);
        let closed = async {
            send.write_all(&data_frame(&capsule)).await.ok()?;
            send.finish().ok()?;
            conn.closed().await;
            Some(())
        };
        let _ = tokio::time::timeout(CLOSE_GRACE, closed).await;
        conn.close(wire, reason.as_bytes());
        if let Some(session) = session {
            session.abort();
        }
        drop((send, control, peer_control, keep));
    });
}

/// Closes the connection after the peer has ended the session.
pub fn close_after_peer(link: &mut Link) {
    link.abort_tasks();
    link.shared.conn.close(quinn_proto::VarInt::from_u32(H3_NO_ERROR), b"");
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
