//! What a worker does in a round: commands, then streams that became ready, then what the round has to tell.

use crate::codes::H3_REQUEST_REJECTED;
use crate::command::Command;
use crate::events::Event;
use crate::link::{self, Link, NewLink};
use crate::shared::{Closed, json};
use crate::stream::{Head, READ_CHUNKS, Ready, RecvHalf, SendHalf, SendState, Stream};
use crate::worker::WorkerShared;
use bytes::{Buf, Bytes};
use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::Ordering::*;
use std::task::Poll;
use std::time::{Duration, Instant};

/// How often send halves are looked through.
pub const SWEEP: Duration = Duration::from_millis(50);

/// How often a link's send window follows its congestion window.
const WINDOW_EVERY: Duration = Duration::from_millis(20);

/// Largest send window in bytes: what QUIC may hold of one link.
const MAX_SEND_WINDOW: u64 = 8 * 1024 * 1024;

/// Bytes of the header of a WebTransport stream at most: two varints.
const MAX_HEAD: usize = 16;

pub struct Rounds {
    pub worker: Arc<WorkerShared>,
    pub links: HashMap<u32, Link>,
    /// By slot.
    pub streams: Vec<Option<Box<Stream>>>,
    live: usize,
    events: Vec<Event>,
    /// Streams opened in this round, whose header goes out even when nothing was written.
    opened: Vec<u32>,
    /// Links whose queue changed in this round.
    touched: Vec<u32>,
    /// Links of which a stream can be written again.
    writable: Vec<u32>,
}

impl Rounds {
    pub fn new(worker: Arc<WorkerShared>) -> Self {
        Self {
            worker,
            links: HashMap::new(),
            streams: Vec::new(),
            live: 0,
            events: Vec::new(),
            opened: Vec::new(),
            touched: Vec::new(),
            writable: Vec::new(),
        }
    }

    pub fn warn(&mut self, text: String) {
        self.events.push(Event::Warning(text));
    }

    pub fn execute(&mut self, command: Command) {
        match command {
            Command::Write(id, bytes) => self.write(id, bytes),
            Command::WriteMany(ids, bytes) => {
                for id in ids {
                    self.write(id, bytes.clone());
                }
            }
            Command::Opened { id, link, send, recv, priority } => self.opened(id, link, send, recv, priority),
            Command::Finish(id) => self.finish(id),
            Command::FinishMany(ids) => {
                for id in ids {
                    self.finish(id);
                }
            }
            Command::Reset(id, code) => self.reset(id, code),
            Command::ResetMany(ids, code) => {
                for id in ids {
                    self.reset(id, code);
                }
            }
            Command::Stop(id, code) => self.stop(id, code),
            Command::Priority(id, priority) => {
                if let Some(send) = self.send_half(id) {
                    send.set_priority(priority);
                }
            }
            Command::IncomingUni(link, recv) => self.incoming(link, None, recv),
            Command::IncomingBidi(link, send, recv) => self.incoming(link, Some(send), recv),
            Command::Datagram(link, bytes) => self.datagram(link, bytes),
            Command::Resume(link) => self.resume(link),
            Command::Want(link, bidi) => {
                if let Some(link) = self.links.get(&link) {
                    link.want(&self.worker, bidi);
                }
            }
            Command::NewLink(new) => self.new_link(*new),
            Command::Accept(link) => self.accept(link),
            Command::Reject(link, status) => self.reject(link, status),
            Command::Close(link, code, reason) => self.close(link, code, reason),
            Command::Lost(link) => self.lost(link),
            Command::SessionEnded(link, code, reason) => self.session_ended(link, code, reason),
            Command::CloseListener(listener) => self.close_listener(listener),
            Command::Shutdown => {}
        }
    }

    /// A waker of QUIC has called.
    pub fn ready(&mut self, id: u32, what: Ready) {
        match what {
            Ready::Read => self.read(id, false),
            Ready::Stopped => self.check_stopped(id),
            Ready::Write => {
                if let Some(stream) = self.stream(id) {
                    let link = stream.link;
                    if !self.writable.contains(&link) {
                        self.writable.push(link);
                    }
                }
            }
        }
    }

    /// Ends a round: late headers, streams that can be written again in order of priority, and what is to be told.
    pub fn end(&mut self) {
        for id in std::mem::take(&mut self.opened) {
            if self.send_half(id).is_some_and(|send| send.waiting() && !send.blocked) {
                self.drain(id);
            }
        }
        for link in std::mem::take(&mut self.writable) {
            self.drain_blocked(link);
        }
        for link in std::mem::take(&mut self.touched) {
            self.check_marks(link);
        }
        self.worker.hub.publish(&mut self.events);
    }

    /// Streams that it has.
    pub fn streams_live(&self) -> usize {
        self.live
    }

    fn stream(&mut self, id: u32) -> Option<&mut Stream> {
        let slot = self.worker.ids.streams.slot(id);
        self.streams.get_mut(slot)?.as_deref_mut().filter(|stream| stream.id == id)
    }

    fn send_half(&mut self, id: u32) -> Option<&mut SendHalf> {
        self.stream(id)?.send.as_mut()
    }

    fn insert(&mut self, stream: Stream) {
        let slot = self.worker.ids.streams.slot(stream.id);
        if slot >= self.streams.len() {
            self.streams.resize_with(slot + 1, || None);
        }
        self.streams[slot] = Some(Box::new(stream));
        self.live += 1;
    }

    /// Takes a stream both of whose halves are over, and lets its id go.
    fn settle(&mut self, id: u32) {
        let Some(stream) = self.stream(id) else { return };
        if stream.send.is_some() || stream.recv.is_some() {
            return;
        }
        let link = stream.link;
        let slot = self.worker.ids.streams.slot(id);
        self.streams[slot] = None;
        self.live -= 1;
        if let Some(link) = self.links.get_mut(&link) {
            link.streams.remove(&id);
        }
        self.events.push(Event::Gone(id));
    }

    fn touch(&mut self, link: u32) {
        if self.touched.last() != Some(&link) {
            self.touched.push(link);
        }
    }

    // ---- sending

    fn opened(
        &mut self,
        id: u32,
        link_id: u32,
        send: quinn::SendStream,
        recv: Option<quinn::RecvStream>,
        priority: i32,
    ) {
        let Some(link) = self.links.get_mut(&link_id) else {
            // The connection is over, so nothing of it reaches the peer.
            self.events.push(Event::Gone(id));
            return;
        };
        link.streams.insert(id);
        let header = if recv.is_some() { &link.bidi_header } else { &link.uni_header }.clone();
        let send = SendHalf::new(send, header, priority);
        let recv = recv.map(|recv| RecvHalf::new(&self.worker, id, recv, Head::Read));
        let reads = recv.is_some();
        self.insert(Stream { id, link: link_id, send: Some(send), recv, told: true });
        self.opened.push(id);
        if reads {
            self.read(id, false);
        }
    }

    fn write(&mut self, id: u32, bytes: Bytes) {
        let length = bytes.len() as u32;
        let Some(send) = self.send_half(id) else { return };
        if send.queue(bytes) {
            self.worker.ids.taken(id, length);
        } else if send.blocked {
            if let Some(link) = self.stream(id).map(|stream| stream.link) {
                self.touch(link);
            }
        } else {
            self.drain(id);
        }
    }

    fn finish(&mut self, id: u32) {
        let Some(send) = self.send_half(id) else { return };
        send.finish();
        if !send.blocked {
            self.drain(id);
        }
    }

    /// Hands over all that QUIC takes.
    fn drain(&mut self, id: u32) {
        while self.drain_share(id).0 == SendState::Shared {}
    }

    /// Hands over a share; the number of bytes.
    fn drain_share(&mut self, id: u32) -> (SendState, u32) {
        const NOTHING: (SendState, u32) = (SendState::Dead(None), 0);
        let worker = self.worker.clone();
        let Some(stream) = self.stream(id) else { return NOTHING };
        let link_id = stream.link;
        let Some(send) = stream.send.as_mut() else { return NOTHING };
        let (state, taken) = send.drain(&worker, id);
        let was_blocked = std::mem::replace(&mut send.blocked, state == SendState::Blocked);
        if let SendState::Dead(code) = state {
            self.send_over(id, code);
            return (state, taken);
        }
        if taken > 0 {
            worker.ids.taken(id, taken);
        }
        if state == SendState::Blocked || was_blocked {
            self.touch(link_id);
        }
        if state == SendState::Blocked
            && let Some(link) = self.links.get_mut(&link_id)
        {
            if !was_blocked {
                link.blocked.push(id);
            }
            widen(link);
        }
        (state, taken)
    }

    /// Higher priorities first, so that what QUIC takes now is what matters most; in shares among equals, and who had
    /// one goes to the end.
    fn drain_blocked(&mut self, link_id: u32) {
        let Some(link) = self.links.get_mut(&link_id) else { return };
        widen(link);
        let mut blocked = std::mem::take(&mut link.blocked);
        blocked.retain(|id| self.send_half(*id).is_some_and(|send| send.blocked));
        blocked.sort_by_cached_key(|id| std::cmp::Reverse(self.priority(*id)));
        let (mut still, mut served) = (Vec::new(), Vec::new());
        let mut rest = std::collections::VecDeque::from(blocked);
        while let Some(id) = rest.pop_front() {
            // It is in the list of the blocked again, if it is.
            if let Some(send) = self.send_half(id) {
                send.blocked = true;
            }
            match self.drain_share(id) {
                (SendState::Shared, _) => {
                    let priority = self.priority(id);
                    let place = rest.iter().position(|other| self.priority(*other) < priority).unwrap_or(rest.len());
                    rest.insert(place, id);
                }
                (SendState::Blocked, 0) => still.push(id),
                (SendState::Blocked, _) => served.push(id),
                _ => {}
            }
        }
        if let Some(link) = self.links.get_mut(&link_id) {
            link.blocked.append(&mut still);
            link.blocked.append(&mut served);
        }
    }

    fn priority(&mut self, id: u32) -> i32 {
        self.send_half(id).map_or(0, |send| send.priority)
    }

    fn reset(&mut self, id: u32, code: u32) {
        let Some(stream) = self.stream(id) else { return };
        let link_id = stream.link;
        let Some(mut send) = stream.send.take() else { return };
        if let Some(link) = self.links.get(&link_id) {
            send.reset(link.shared.coding.encode(code));
        }
        self.worker.ids.dropped(id);
        self.touch(link_id);
        self.settle(id);
    }

    fn check_stopped(&mut self, id: u32) {
        let worker = self.worker.clone();
        let Some(send) = self.send_half(id) else { return };
        if let Poll::Ready(code) = send.poll_stopped(&worker, id) {
            self.send_over(id, code);
        }
    }

    /// The send half is over, stopped by the peer where there is a code.
    fn send_over(&mut self, id: u32, code: Option<quinn::VarInt>) {
        let Some(stream) = self.stream(id) else { return };
        let (link_id, told) = (stream.link, stream.told);
        stream.send = None;
        self.worker.ids.dropped(id);
        self.touch(link_id);
        if let (Some(code), true, Some(link)) = (code, told, self.links.get(&link_id)) {
            let event = Event::Stop(link.shared.clone(), id, link.shared.coding.decode(code));
            self.tell(event);
        }
        self.settle(id);
    }

    /// Looks through all send halves for those that are over and those that must be watched; every [`SWEEP`].
    pub fn sweep(&mut self) {
        for slot in 0..self.streams.len() {
            let Some(stream) = self.streams[slot].as_deref_mut() else { continue };
            let id = stream.id;
            let Some(send) = stream.send.as_mut() else { continue };
            if send.acknowledged() {
                self.send_over(id, None);
            } else if send.idle() {
                self.check_stopped(id);
            }
        }
    }

    fn check_marks(&mut self, link_id: u32) {
        let Some(link) = self.links.get_mut(&link_id) else { return };
        let queued = self.worker.ids.links.queued_of(link_id).load(Relaxed);
        let mark = queued / link.queue_mark;
        if mark > link.mark {
            self.events.push(Event::Backlog(link_id, queued));
            link.mark = mark;
        } else if link.mark > 0 && queued < link.queue_mark / 2 {
            link.mark = 0;
            self.events.push(Event::Drained(link_id));
        }
    }

    // ---- receiving

    fn tell(&mut self, event: Event) {
        let cost = event.cost();
        match &event {
            Event::Data(link, ..)
            | Event::Fin(link, _)
            | Event::Reset(link, ..)
            | Event::Stop(link, ..)
            | Event::Uni(link, _)
            | Event::Bidi(link, _)
            | Event::Datagram(link, _) => link.charge(cost),
            _ => {}
        }
        self.events.push(event);
    }

    fn incoming(&mut self, link_id: u32, send: Option<quinn::SendStream>, mut recv: quinn::RecvStream) {
        let Some(link) = self.links.get_mut(&link_id) else { return };
        let Some(id) = self.worker.ids.take_stream(link_id, self.worker.index) else {
            let _ = recv.stop(quinn::VarInt::from_u32(H3_REQUEST_REJECTED));
            self.warn("no more streams can be kept, one of a peer was refused".into());
            return;
        };
        link.streams.insert(id);
        let raw = link.web.is_none();
        let head = if raw { Head::Read } else { Head::Reading(Vec::new()) };
        let send = send.map(|send| SendHalf::new(send, Bytes::new(), 0));
        let recv = RecvHalf::new(&self.worker, id, recv, head);
        self.insert(Stream { id, link: link_id, send, recv: Some(recv), told: false });
        if raw {
            self.announce(id);
        }
        self.read(id, false);
    }

    /// Tells JavaScript of a stream of the peer.
    fn announce(&mut self, id: u32) {
        let Some(stream) = self.stream(id) else { return };
        stream.told = true;
        let (bidi, link_id) = (stream.send.is_some(), stream.link);
        let Some(link) = self.links.get(&link_id) else { return };
        let shared = link.shared.clone();
        if bidi {
            self.tell(Event::Bidi(shared, id));
        } else {
            self.tell(Event::Uni(shared, id));
        }
    }

    /// Reads what has come, up to the link's bound, or all of it when the link is over.
    fn read(&mut self, id: u32, all: bool) {
        let mut chunks: [Bytes; READ_CHUNKS] = Default::default();
        loop {
            let Some(stream) = self.stream(id) else { return };
            let link_id = stream.link;
            let Some(link) = self.links.get_mut(&link_id) else { return };
            let shared = link.shared.clone();
            if !all && !shared.may_read() {
                if !link.parked.contains(&id) {
                    link.parked.push(id);
                }
                return;
            }
            let Some(recv) = self.stream(id).and_then(|stream| stream.recv.as_mut()) else { return };
            if matches!(recv.head, Head::Foreign) {
                return;
            }
            match recv.read(&mut chunks) {
                crate::stream::Read::Chunks(count) => {
                    for bytes in chunks[..count].iter_mut().map(std::mem::take) {
                        self.received(id, bytes);
                    }
                }
                crate::stream::Read::Pending => return,
                crate::stream::Read::Lost => return,
                crate::stream::Read::Fin => return self.recv_over(id, |id| Event::Fin(shared, id)),
                crate::stream::Read::Reset(code) => {
                    let code = shared.coding.decode(code);
                    return self.recv_over(id, |id| Event::Reset(shared, id, code));
                }
            }
        }
    }

    fn recv_over(&mut self, id: u32, event: impl FnOnce(u32) -> Event) {
        let Some(stream) = self.stream(id) else { return };
        stream.recv = None;
        if stream.told {
            self.tell(event(id));
        } else {
            // A stream that ended inside its header is nobody's.
            stream.send = None;
        }
        self.settle(id);
    }

    fn received(&mut self, id: u32, mut bytes: Bytes) {
        let Some(stream) = self.stream(id) else { return };
        let (link_id, bidi) = (stream.link, stream.send.is_some());
        let Some(recv) = stream.recv.as_mut() else { return };
        if let Head::Reading(head) = &mut recv.head {
            let before = head.len();
            head.extend_from_slice(&bytes[..bytes.len().min(MAX_HEAD)]);
            let Some((kind, length)) = parse_head(head) else { return };
            if kind != if bidi { link::STREAM_BIDI } else { link::STREAM_UNI } {
                return self.foreign(id, bidi);
            }
            recv.head = Head::Read;
            bytes.advance(length - before);
            self.announce(id);
        }
        if bytes.is_empty() {
            return;
        }
        let Some(link) = self.links.get(&link_id) else { return };
        let event = Event::Data(link.shared.clone(), id, bytes);
        self.tell(event);
    }

    /// HTTP/3's own unidirectional streams are left alone; a further request is refused.
    fn foreign(&mut self, id: u32, bidi: bool) {
        let Some(stream) = self.stream(id) else { return };
        let link_id = stream.link;
        if !bidi {
            if let Some(recv) = stream.recv.as_mut() {
                recv.head = Head::Foreign;
            }
            if let Some(link) = self.links.get_mut(&link_id) {
                link.one_more_of_http3();
            }
            return;
        }
        let code = quinn::VarInt::from_u32(H3_REQUEST_REJECTED);
        if let Some(mut send) = stream.send.take() {
            send.reset(code);
        }
        if let Some(mut recv) = stream.recv.take() {
            recv.stop(code);
        }
        self.settle(id);
    }

    fn stop(&mut self, id: u32, code: u32) {
        let Some(stream) = self.stream(id) else { return };
        let link_id = stream.link;
        let Some(mut recv) = stream.recv.take() else { return };
        if let Some(link) = self.links.get(&link_id) {
            recv.stop(link.shared.coding.encode(code));
        }
        self.settle(id);
    }

    fn datagram(&mut self, link_id: u32, mut bytes: Bytes) {
        let Some(link) = self.links.get(&link_id) else { return };
        let shared = link.shared.clone();
        if !bytes.starts_with(&shared.datagram_prefix) {
            return;
        }
        bytes.advance(shared.datagram_prefix.len());
        self.tell(Event::Datagram(shared, bytes));
    }

    fn resume(&mut self, link_id: u32) {
        let Some(link) = self.links.get_mut(&link_id) else { return };
        link.shared.room.notify_one();
        for id in std::mem::take(&mut link.parked) {
            self.read(id, false);
        }
    }

    // ---- links

    fn new_link(&mut self, new: NewLink) {
        let (origin, dialled) = (new.origin, new.dialled);
        let Some(id) = self.worker.ids.links.take() else {
            new.conn.close(quinn::VarInt::from_u32(H3_REQUEST_REJECTED), b"too many links");
            self.worker.load.fetch_sub(1, Relaxed);
            self.warn("no more links can be kept, a connection was refused".into());
            return;
        };
        let (mut link, meta) = Link::new(&self.worker, id, new);
        let shared = link.shared.clone();
        if dialled {
            link.accept();
        }
        self.links.insert(id, link);
        let text = json(&meta);
        self.events.push(match dialled {
            true => Event::Dialled(shared, origin, text),
            false => Event::Request(shared, origin, text),
        });
    }

    fn accept(&mut self, id: u32) {
        let Some(link) = self.links.get_mut(&id) else { return };
        link.accept();
        if let Some(web) = link.web.as_mut() {
            crate::h3::respond(web, 200);
        }
    }

    fn reject(&mut self, id: u32, status: u16) {
        let Some(link) = self.links.get_mut(&id) else { return };
        link.abort_tasks();
        match link.web.take() {
            Some(web) => crate::h3::reject(link.shared.conn.clone(), web, status),
            None => link.shared.conn.close(quinn::VarInt::from_u32(status.into()), b"rejected"),
        }
        self.end_link(id, Closed { by: "local", code: 0, reason: String::new() });
    }

    fn close(&mut self, id: u32, code: u32, reason: String) {
        let Some(link) = self.links.get(&id) else { return };
        let streams: Vec<u32> = link.streams.iter().copied().collect();
        let mut keep = Vec::new();
        for id in streams {
            let Some(stream) = self.stream(id) else { continue };
            keep.push((stream.send.take().map(SendHalf::into_stream), stream.recv.take().map(RecvHalf::into_stream)));
        }
        if let Some(link) = self.links.get_mut(&id) {
            link::close(link, code, reason.clone(), keep);
        }
        self.end_link(id, Closed { by: "local", code, reason });
    }

    fn lost(&mut self, id: u32) {
        let Some(link) = self.links.get(&id) else { return };
        let streams: Vec<u32> = link.streams.iter().copied().collect();
        let why = link::closed_by(link.shared.conn.close_reason(), link.shared.coding);
        for stream in streams {
            self.read(stream, true);
        }
        self.end_link(id, why);
    }

    fn session_ended(&mut self, id: u32, code: u32, reason: String) {
        let Some(link) = self.links.get(&id) else { return };
        let streams: Vec<u32> = link.streams.iter().copied().collect();
        for stream in streams {
            self.read(stream, true);
        }
        if let Some(link) = self.links.get_mut(&id) {
            link::close_answer(link);
        }
        self.end_link(id, Closed { by: "remote", code, reason });
    }

    fn end_link(&mut self, id: u32, why: Closed) {
        let Some(mut link) = self.links.remove(&id) else { return };
        link.abort_tasks();
        for stream in std::mem::take(&mut link.streams) {
            let Some(found) = self.stream(stream) else { continue };
            found.send = None;
            found.recv = None;
            self.worker.ids.dropped(stream);
            self.settle(stream);
        }
        self.worker.load.fetch_sub(1, Relaxed);
        self.events.push(Event::Closed(link.shared.clone(), json(&why)));
    }

    fn close_listener(&mut self, listener: u32) {
        let of_it = |link: &&Link| link.listener == Some(listener);
        let ids: Vec<u32> = self.links.values().filter(of_it).map(|link| link.shared.id).collect();
        for id in ids {
            self.close(id, 0, String::new());
        }
    }
}

/// QUIC may hold twice what is under way on the path, at least the configured minimum.
fn widen(link: &mut Link) {
    let now = Instant::now();
    if link.window_at.is_some_and(|at| now.duration_since(at) < WINDOW_EVERY) {
        return;
    }
    link.window_at = Some(now);
    let conn = &link.shared.conn;
    let window = (2 * conn.stats().path.cwnd).clamp(link.send_window, MAX_SEND_WINDOW.max(link.send_window));
    conn.set_send_window(window);
}

/// Type and length of the header of a WebTransport stream, once it is complete.
fn parse_head(head: &[u8]) -> Option<(u32, usize)> {
    let mut rest = head;
    let kind = web_transport_proto::VarInt::decode(&mut rest).ok()?.into_inner();
    let kind = u32::try_from(kind).unwrap_or(u32::MAX);
    if kind != link::STREAM_UNI && kind != link::STREAM_BIDI {
        return Some((kind, head.len() - rest.len()));
    }
    web_transport_proto::VarInt::decode(&mut rest).ok()?;
    Some((kind, head.len() - rest.len()))
}
