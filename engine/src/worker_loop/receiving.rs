//! Receiving: received bytes become events, while JavaScript keeps up.

use super::WorkerLoop;
use crate::error_codes::H3_REQUEST_REJECTED;
use crate::events::Event;
use crate::link;
use crate::quic::{RecvStream, SendStream};
use crate::stream::{Head, READ_CHUNKS, Read, RecvHalf, SendHalf, Stream};
use bytes::{Buf, Bytes};

/// Longest header of a WebTransport stream in bytes: two varints.
const MAX_HEAD: usize = 16;

impl WorkerLoop {
    /// Adds an event to the round, and its cost to its link.
    pub(super) fn report(&mut self, event: Event) {
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

    pub(super) fn incoming(&mut self, link_id: u32, send: Option<SendStream>, mut recv: RecvStream) {
        let Some(link) = self.links.get_mut(&link_id) else { return };
        let Some(id) = self.worker.ids.take_stream(link_id, self.worker.index) else {
            let _ = recv.stop(quinn_proto::VarInt::from_u32(H3_REQUEST_REJECTED));
            self.warn("the engine has as many streams as it can have; a stream of a peer was refused".into());
            return;
        };
        link.streams.insert(id);
        let raw = link.web.is_none();
        let head = if raw { Head::Read } else { Head::Reading(Vec::new()) };
        let send = send.map(|send| SendHalf::new(send, Bytes::new(), 0));
        let recv = RecvHalf::new(&self.worker, id, recv, head);
        self.insert(Stream { id, link: link_id, send, recv: Some(recv), passing: None, known: false });
        if raw {
            self.report_stream(id);
        }
        self.read(id, false);
    }

    /// Reports a stream of the peer to JavaScript.
    pub(super) fn report_stream(&mut self, id: u32) {
        let Some(stream) = self.stream(id) else { return };
        stream.known = true;
        let (bidi, link_id) = (stream.send.is_some(), stream.link);
        let Some(link) = self.links.get(&link_id) else { return };
        let shared = link.shared.clone();
        if bidi {
            self.report(Event::Bidi(shared, id));
        } else {
            self.report(Event::Uni(shared, id));
        }
    }

    /// Reads received bytes, up to the link's bound; all of them when the link is over.
    pub(super) fn read(&mut self, id: u32, all: bool) {
        let mut chunks: [Bytes; READ_CHUNKS] = Default::default();
        loop {
            let Some(stream) = self.stream(id) else { return };
            let link_id = stream.link;
            if stream.passing.as_ref().is_some_and(|passing| passing.marked) {
                return;
            }
            let Some(link) = self.links.get_mut(&link_id) else { return };
            let shared = link.shared.clone();
            if !all && !shared.may_read() {
                if !link.parked.contains(&id) {
                    link.parked.push(id);
                }
                return;
            }
            let Some(recv) = self.stream(id).and_then(|stream| stream.recv.as_mut()) else { return };
            if matches!(recv.head, Head::Http3) {
                return;
            }
            match recv.read(&mut chunks) {
                Read::Chunks(count) => {
                    if !self.pass_on(id, &shared, &mut chunks[..count]) {
                        for bytes in chunks[..count].iter_mut().map(std::mem::take) {
                            self.received(id, bytes);
                        }
                    }
                }
                Read::Pending => return,
                Read::Lost => return,
                Read::Fin => return self.recv_over(id, |id| Event::Fin(shared, id)),
                Read::Reset(code) => {
                    let code = shared.codes.decode(code);
                    return self.recv_over(id, |id| Event::Reset(shared, id, code));
                }
            }
        }
    }

    pub(super) fn recv_over(&mut self, id: u32, event: impl FnOnce(u32) -> Event) {
        let Some(stream) = self.stream(id) else { return };
        stream.recv = None;
        if stream.known {
            self.report(event(id));
        } else {
            // The stream ended inside its header, so JavaScript never got it.
            stream.send = None;
        }
        self.remove_if_over(id);
    }

    pub(super) fn received(&mut self, id: u32, mut bytes: Bytes) {
        let Some(stream) = self.stream(id) else { return };
        let (link_id, bidi) = (stream.link, stream.send.is_some());
        let Some(recv) = stream.recv.as_mut() else { return };
        if let Head::Reading(head) = &mut recv.head {
            let before = head.len();
            head.extend_from_slice(&bytes[..bytes.len().min(MAX_HEAD)]);
            let Some((kind, length)) = parse_head(head) else { return };
            if kind != if bidi { link::STREAM_BIDI } else { link::STREAM_UNI } {
                return self.not_of_session(id, bidi);
            }
            recv.head = Head::Read;
            bytes.advance(length - before);
            self.report_stream(id);
        }
        if bytes.is_empty() {
            return;
        }
        let Some(link) = self.links.get(&link_id) else { return };
        let event = Event::Data(link.shared.clone(), id, bytes, false);
        self.report(event);
    }

    /// A stream that is not of the session: HTTP/3's own unidirectional ones stay open, a second request is refused.
    pub(super) fn not_of_session(&mut self, id: u32, bidi: bool) {
        let Some(stream) = self.stream(id) else { return };
        let link_id = stream.link;
        if !bidi {
            if let Some(recv) = stream.recv.as_mut() {
                recv.head = Head::Http3;
            }
            if let Some(link) = self.links.get_mut(&link_id) {
                link.count_http3_stream();
            }
            return;
        }
        let code = quinn_proto::VarInt::from_u32(H3_REQUEST_REJECTED);
        if let Some(mut send) = stream.send.take() {
            send.reset(code);
        }
        if let Some(mut recv) = stream.recv.take() {
            recv.stop(code);
        }
        self.remove_if_over(id);
    }

    pub(super) fn stop(&mut self, id: u32, code: u32) {
        let Some(stream) = self.stream(id) else { return };
        let link_id = stream.link;
        let Some(mut recv) = stream.recv.take() else { return };
        if let Some(link) = self.links.get(&link_id) {
            recv.stop(link.shared.codes.encode(code));
        }
        self.remove_if_over(id);
    }

    pub(super) fn datagram(&mut self, link_id: u32, mut bytes: Bytes) {
        let Some(link) = self.links.get(&link_id) else { return };
        let shared = link.shared.clone();
        if !bytes.starts_with(&shared.datagram_prefix) {
            return;
        }
        bytes.advance(shared.datagram_prefix.len());
        self.report(Event::Datagram(shared, bytes));
    }

    pub(super) fn resume(&mut self, link_id: u32) {
        let Some(link) = self.links.get_mut(&link_id) else { return };
        link.shared.room.notify_one();
        for id in std::mem::take(&mut link.parked) {
            self.read(id, false);
        }
    }
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
