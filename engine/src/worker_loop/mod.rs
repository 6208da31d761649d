//! What a worker does in a round: commands, then streams that became ready, then what the round has to tell.

mod links;
mod receiving;
mod sending;

use crate::command::Command;
use crate::events::Event;
use crate::link::Link;
use crate::stream::{Ready, SendHalf, Stream};
use crate::worker::WorkerShared;
use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

/// How often send halves are looked through.
pub const SWEEP: Duration = Duration::from_millis(50);

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
}
