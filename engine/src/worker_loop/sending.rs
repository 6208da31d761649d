//! Sending: what JavaScript writes goes to QUIC, by priority where QUIC takes no more.

use super::Rounds;
use crate::events::Event;
use crate::link::Link;
use crate::stream::{Head, RecvHalf, SendHalf, SendState, Stream};
use bytes::Bytes;
use std::sync::atomic::Ordering::*;
use std::task::Poll;
use std::time::{Duration, Instant};

/// How often a link's send window follows its congestion window.
const WINDOW_EVERY: Duration = Duration::from_millis(20);

/// Largest send window in bytes: what QUIC may hold of one link.
const MAX_SEND_WINDOW: u64 = 8 * 1024 * 1024;

impl Rounds {
    pub(super) fn opened(
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

    pub(super) fn write(&mut self, id: u32, bytes: Bytes) {
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

    pub(super) fn finish(&mut self, id: u32) {
        let Some(send) = self.send_half(id) else { return };
        send.finish();
        if !send.blocked {
            self.drain(id);
        }
    }

    /// Hands over all that QUIC takes.
    pub(super) fn drain(&mut self, id: u32) {
        while self.drain_share(id).0 == SendState::Shared {}
    }

    /// Hands over a share; the number of bytes.
    pub(super) fn drain_share(&mut self, id: u32) -> (SendState, u32) {
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
    pub(super) fn drain_blocked(&mut self, link_id: u32) {
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

    pub(super) fn priority(&mut self, id: u32) -> i32 {
        self.send_half(id).map_or(0, |send| send.priority)
    }

    pub(super) fn reset(&mut self, id: u32, code: u32) {
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

    pub(super) fn check_stopped(&mut self, id: u32) {
        let worker = self.worker.clone();
        let Some(send) = self.send_half(id) else { return };
        if let Poll::Ready(code) = send.poll_stopped(&worker, id) {
            self.send_over(id, code);
        }
    }

    /// The send half is over, stopped by the peer where there is a code.
    pub(super) fn send_over(&mut self, id: u32, code: Option<quinn::VarInt>) {
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

    pub(super) fn check_marks(&mut self, link_id: u32) {
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
