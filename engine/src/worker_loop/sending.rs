//! Sending: written bytes go to QUIC at once; while QUIC is full they wait, and the highest priority goes first.

use super::WorkerLoop;
use crate::events::Event;
use crate::link::Link;
use crate::quic::{RecvStream, SendStream};
use crate::stream::{Head, RecvHalf, SendHalf, SendState, Stream};
use bytes::Bytes;
use std::sync::atomic::Ordering::*;
use std::task::Poll;
use std::time::{Duration, Instant};

/// Shortest time between two updates of a link's send window.
const WINDOW_EVERY: Duration = Duration::from_millis(20);

/// Largest send window in bytes: how much QUIC may buffer for one link.
const MAX_SEND_WINDOW: u64 = 8 * 1024 * 1024;

impl WorkerLoop {
    pub(super) fn opened(&mut self, id: u32, link_id: u32, send: SendStream, recv: Option<RecvStream>, priority: i32) {
        let Some(link) = self.links.get_mut(&link_id) else {
            // The connection is over, so the peer never gets the stream.
            self.events.push(Event::Gone(id));
            return;
        };
        link.streams.insert(id);
        let header = if recv.is_some() { &link.bidi_header } else { &link.uni_header }.clone();
        let send = SendHalf::new(send, header, priority);
        let recv = recv.map(|recv| RecvHalf::new(&self.worker, id, recv, Head::Read));
        let reads = recv.is_some();
        self.insert(Stream { id, link: link_id, send: Some(send), recv, passing: None, known: true });
        self.opened.push(id);
        if reads {
            self.read(id, false);
        }
    }

    pub(super) fn write(&mut self, id: u32, bytes: Bytes) {
        let length = bytes.len() as u32;
        let Some(send) = self.send_half(id) else { return };
        if !send.queue(bytes) {
            self.worker.ids.unqueue(id, length);
        } else if send.blocked {
            if let Some(link) = self.stream(id).map(|stream| stream.link) {
                self.touch(link);
            }
        } else {
            self.drain(id);
        }
    }

    pub(super) fn finish(&mut self, id: u32) {
        let Some(send) = self.send_half(id) else { return };
        send.finish();
        if !send.blocked {
            self.drain(id);
        }
    }

    /// Gives QUIC as many bytes of the stream as it accepts.
    pub(super) fn drain(&mut self, id: u32) {
        while self.drain_share(id).0 == SendState::Shared {}
    }

    /// Gives QUIC one share of the stream; returns how many bytes QUIC accepted.
    pub(super) fn drain_share(&mut self, id: u32) -> (SendState, u32) {
        const NOTHING: (SendState, u32) = (SendState::Dead(None), 0);
        let worker = self.worker.clone();
        let Some(stream) = self.stream(id) else { return NOTHING };
        let link_id = stream.link;
        let Some(send) = stream.send.as_mut() else { return NOTHING };
        let (state, accepted) = send.drain(&worker, id);
        let was_blocked = std::mem::replace(&mut send.blocked, state == SendState::Blocked);
        if let SendState::Dead(code) = state {
            self.send_over(id, code);
            return (state, accepted);
        }
        if accepted > 0 {
            worker.ids.unqueue(id, accepted);
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
            update_send_window(link);
        }
        (state, accepted)
    }

    /// Drains the link's blocked streams, the highest priority first. Streams of one priority take turns, a share each;
    /// a stream that has given its share goes to the end.
    pub(super) fn drain_blocked(&mut self, link_id: u32) {
        let Some(link) = self.links.get_mut(&link_id) else { return };
        update_send_window(link);
        let mut blocked = std::mem::take(&mut link.blocked);
        blocked.retain(|id| self.send_half(*id).is_some_and(|send| send.blocked));
        blocked.sort_by_cached_key(|id| std::cmp::Reverse(self.priority(*id)));
        let (mut still, mut served) = (Vec::new(), Vec::new());
        let mut rest = std::collections::VecDeque::from(blocked);
        while let Some(id) = rest.pop_front() {
            // The stream is put into the list of blocked streams below, not by `drain_share`.
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

    pub(super) fn priority(&mut self, id: u32) -> i32 {
        self.send_half(id).map_or(0, |send| send.priority)
    }

    pub(super) fn reset(&mut self, id: u32, code: u32) {
        let Some(stream) = self.stream(id) else { return };
        let link_id = stream.link;
        let Some(mut send) = stream.send.take() else { return };
        if let Some(link) = self.links.get(&link_id) {
            send.reset(link.shared.codes.encode(code));
        }
        self.worker.ids.unqueue_all(id);
        self.touch(link_id);
        self.remove_if_over(id);
    }

    /// Ends the send half if the peer has stopped it; otherwise watches for that.
    pub(super) fn watch_stopped(&mut self, id: u32) {
        let worker = self.worker.clone();
        let Some(send) = self.send_half(id) else { return };
        if let Poll::Ready(code) = send.poll_stopped(&worker, id) {
            self.send_over(id, code);
        }
    }

    /// Ends the send half. With a code the peer has stopped it, and JavaScript gets the code.
    pub(super) fn send_over(&mut self, id: u32, code: Option<quinn_proto::VarInt>) {
        let Some(stream) = self.stream(id) else { return };
        let (link_id, known) = (stream.link, stream.known);
        stream.send = None;
        self.worker.ids.unqueue_all(id);
        self.touch(link_id);
        if let (Some(code), true, Some(link)) = (code, known, self.links.get(&link_id)) {
            let event = Event::Stop(link.shared.clone(), id, link.shared.codes.decode(code));
            self.report(event);
        }
        self.remove_if_over(id);
    }

    /// Ends send halves that the peer has acknowledged, and watches idle ones for STOP_SENDING.
    pub(super) fn sweep(&mut self) {
        for slot in 0..self.streams.len() {
            let Some(stream) = self.streams[slot].as_deref_mut() else { continue };
            let id = stream.id;
            let Some(send) = stream.send.as_mut() else { continue };
            if send.acknowledged() {
                self.send_over(id, None);
            } else if send.must_watch() {
                self.watch_stopped(id);
            }
        }
    }

    /// Reports a backlog that has passed another multiple of the mark, or that has drained.
    pub(super) fn report_backlog(&mut self, link_id: u32) {
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
}

/// Sets the send window to twice the congestion window, at least the configured minimum.
fn update_send_window(link: &mut Link) {
    let now = Instant::now();
    if link.window_at.is_some_and(|at| now.duration_since(at) < WINDOW_EVERY) {
        return;
    }
    link.window_at = Some(now);
    let conn = &link.shared.conn;
    let window = (2 * conn.congestion_window()).clamp(link.send_window, MAX_SEND_WINDOW.max(link.send_window));
    conn.set_send_window(window);
}
