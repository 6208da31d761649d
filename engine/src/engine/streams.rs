//! Calls for streams. Most become a command for the stream's worker.

use super::Engine;
use crate::command::Command;
use crate::link_shared::{LinkShared, PreopenedStream};
use crate::quic::{RecvStream, SendStream};
use bytes::Bytes;
use quinn_proto::Dir;
use std::sync::atomic::Ordering::AcqRel;

impl Engine {
    /// Opens a stream and returns its id. 0: the peer allows none now; `Event::Capacity` follows when it does.
    pub fn open(&self, link_id: u32, priority: i32, bidi: bool) -> u32 {
        let Some(link) = self.link(link_id) else { return 0 };
        let Some(id) = self.ids.take_stream(link_id, link.worker) else { return 0 };
        let Some((send, recv)) = open_now(link, bidi) else {
            self.ids.streams.give_back(id);
            if link.conn.close_reason().is_none() && !link.opening(bidi).swap(true, AcqRel) {
                self.workers[link.worker].push(Command::OpenWhenAllowed(link_id, bidi));
            }
            return 0;
        };
        self.workers[link.worker].post(Command::Opened { id, link: link_id, send, recv, priority });
        id
    }

    pub fn write(&self, id: u32, bytes: &[u8]) {
        if bytes.is_empty() {
            return;
        }
        let (worker, link) = self.ids.owner(id);
        self.ids.queue(id, link, bytes.len() as u32);
        self.post(worker, Command::Write(id, Bytes::copy_from_slice(bytes)));
    }

    /// Copies the bytes once, for all streams.
    pub fn write_many(&self, ids: &[u32], bytes: &[u8]) {
        if bytes.is_empty() || ids.is_empty() {
            return;
        }
        for id in ids {
            let (_, link) = self.ids.owner(*id);
            self.ids.queue(*id, link, bytes.len() as u32);
        }
        let bytes = Bytes::copy_from_slice(bytes);
        self.by_worker(ids, |ids| Command::WriteMany(ids, bytes.clone()));
    }

    pub fn finish_many(&self, ids: &[u32]) {
        self.by_worker(ids, Command::FinishMany);
    }

    pub fn reset(&self, id: u32, code: u32) {
        self.ids.unqueue_all(id);
        self.to_stream(id, Command::Reset(id, code));
    }

    pub fn reset_many(&self, ids: &[u32], code: u32) {
        for id in ids {
            self.ids.unqueue_all(*id);
        }
        self.by_worker(ids, |ids| Command::ResetMany(ids, code));
    }

    /// Posts a command to the stream's worker.
    pub fn to_stream(&self, id: u32, command: Command) {
        self.post(self.ids.owner(id).0, command);
    }

    /// Posts one command to each worker that has some of the streams.
    fn by_worker(&self, ids: &[u32], command: impl Fn(Box<[u32]>) -> Command) {
        if self.workers.len() == 1 {
            return self.post(0, command(ids.into()));
        }
        for worker in self.workers.iter() {
            let own: Box<[u32]> = ids.iter().copied().filter(|id| self.ids.owner(*id).0 == worker.index).collect();
            if !own.is_empty() {
                worker.post(command(own));
            }
        }
    }

    fn post(&self, worker: usize, command: Command) {
        if let Some(worker) = self.workers.get(worker) {
            worker.post(command);
        }
    }
}

/// A stream opened ahead, or a new one if the peer allows one now.
fn open_now(link: &LinkShared, bidi: bool) -> Option<(SendStream, Option<RecvStream>)> {
    let mut preopened = link.preopened.lock();
    if let Some(place) = preopened.iter().position(|stream| matches!(stream, PreopenedStream::Bidi(..)) == bidi) {
        return Some(match preopened.swap_remove(place) {
            PreopenedStream::Uni(send) => (send, None),
            PreopenedStream::Bidi(send, recv) => (send, Some(recv)),
        });
    }
    drop(preopened);
    link.conn.try_open(if bidi { Dir::Bi } else { Dir::Uni })
}
