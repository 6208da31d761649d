//! Links: how they start, how they are accepted or rejected, and how they end.

use super::WorkerLoop;
use crate::error_codes::H3_REQUEST_REJECTED;
use crate::events::Event;
use crate::link::{self, Link};
use crate::new_link::NewLink;
use crate::reports::{CloseReason, LinkEnd, json};
use crate::stream::{RecvHalf, SendHalf};
use std::sync::atomic::Ordering::*;

impl WorkerLoop {
    pub(super) fn new_link(&mut self, new: NewLink) {
        let (origin, dialled) = (new.origin, new.dialled);
        let Some(id) = self.worker.ids.links.take() else {
            new.conn.close(quinn_proto::VarInt::from_u32(H3_REQUEST_REJECTED), b"too many links");
            self.worker.load.fetch_sub(1, Relaxed);
            self.warn("the engine has as many links as it can have; a connection was refused".into());
            return;
        };
        let (mut link, info) = Link::new(&self.worker, id, new);
        let shared = link.shared.clone();
        if dialled {
            link.accept();
        }
        self.links.insert(id, link);
        let text = json(&info);
        self.events.push(match dialled {
            true => Event::Dialled(shared, origin, text),
            false => Event::Request(shared, origin, text),
        });
    }

    pub(super) fn accept(&mut self, id: u32) {
        let Some(link) = self.links.get_mut(&id) else { return };
        link.accept();
        if let Some(web) = link.web.as_mut() {
            crate::h3::respond(web, 200);
        }
    }

    pub(super) fn reject(&mut self, id: u32, status: u16) {
        let Some(link) = self.links.get_mut(&id) else { return };
        link.abort_tasks();
        match link.web.take() {
            Some(web) => crate::h3::reject(link.shared.conn.clone(), web, status),
            None => link.shared.conn.close(quinn_proto::VarInt::from_u32(status.into()), b"rejected"),
        }
        self.end_link(id, CloseReason { by: "local", code: 0, reason: String::new() });
    }

    pub(super) fn close(&mut self, id: u32, code: u32, reason: String) {
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
        self.end_link(id, CloseReason { by: "local", code, reason });
    }

    pub(super) fn lost(&mut self, id: u32) {
        let Some(link) = self.links.get(&id) else { return };
        let streams: Vec<u32> = link.streams.iter().copied().collect();
        let why = link::close_reason(link.shared.conn.close_reason(), link.shared.codes);
        for stream in streams {
            self.read_all(stream);
        }
        self.end_link(id, why);
    }

    pub(super) fn session_ended(&mut self, id: u32, code: u32, reason: String) {
        let Some(link) = self.links.get(&id) else { return };
        let streams: Vec<u32> = link.streams.iter().copied().collect();
        for stream in streams {
            self.read_all(stream);
        }
        if let Some(link) = self.links.get_mut(&id) {
            link::close_after_peer(link);
        }
        self.end_link(id, CloseReason { by: "remote", code, reason });
    }

    pub(super) fn end_link(&mut self, id: u32, why: CloseReason) {
        let Some(mut link) = self.links.remove(&id) else { return };
        link.abort_tasks();
        for stream in std::mem::take(&mut link.streams) {
            let Some(found) = self.stream(stream) else { continue };
            found.send = None;
            found.recv = None;
            self.worker.ids.unqueue_all(stream);
            self.remove_if_over(stream);
        }
        self.worker.load.fetch_sub(1, Relaxed);
        let text = json(&LinkEnd { why, figures: link.shared.figures() });
        self.events.push(Event::Closed(link.shared, text));
    }

    pub(super) fn close_listener(&mut self, listener: u32) {
        let accepted = |link: &&Link| link.listener == Some(listener);
        let ids: Vec<u32> = self.links.values().filter(accepted).map(|link| link.shared.id).collect();
        for id in ids {
            self.close(id, 0, String::new());
        }
    }
}
