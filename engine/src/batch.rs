//! Events as JavaScript gets them: records of five numbers, and one buffer with the bytes that they point to.

use crate::engine::Engine;
use crate::events::Event;
use crate::link_shared::LinkShared;
use std::sync::Arc;

/// Numbers of a record: kind, link, stream, and two whose meaning depends on the kind (offset and length of bytes, or a
/// code).
pub const RECORD: usize = 5;

/// Kinds of records; `transport/native/records.ts` has the same numbers.
mod kind {
    pub const REQUEST: u32 = 1;
    pub const DIALLED: u32 = 2;
    pub const DIAL_FAILED: u32 = 3;
    pub const CLOSED: u32 = 4;
    pub const UNI: u32 = 5;
    pub const BIDI: u32 = 6;
    pub const DATA: u32 = 7;
    pub const FIN: u32 = 8;
    pub const RESET: u32 = 9;
    pub const STOP: u32 = 10;
    pub const DATAGRAM: u32 = 11;
    pub const CAPACITY: u32 = 12;
    pub const BACKLOG: u32 = 13;
    pub const DRAINED: u32 = 14;
    pub const GONE: u32 = 15;
    pub const LISTENER_CLOSED: u32 = 16;
    pub const WARNING: u32 = 17;
    pub const DARK: u32 = 18;
    pub const MARK: u32 = 19;
    pub const UNPASSED: u32 = 20;
}

/// Longest text of a record in bytes. The size of a peer's request bounds the part that the peer writes.
const MAX_TEXT: usize = 256 * 1024;

/// The records of one `poll`.
pub struct Batch<'a> {
    records: &'a mut [u32],
    data: &'a mut [u8],
    count: usize,
    used: usize,
}

impl<'a> Batch<'a> {
    pub fn new(records: &'a mut [u32], data: &'a mut [u8]) -> Self {
        Self { records, data, count: 0, used: 0 }
    }

    /// Encodes waiting events until none is left or a buffer is full. Returns the number of records; 0: no event waits.
    pub fn fill(mut self, engine: &mut Engine) -> usize {
        let mut rest = std::mem::take(&mut engine.rest);
        if rest.is_empty() {
            engine.event_queue.take(&mut rest);
        }
        while let Some(event) = rest.pop_front() {
            if !self.fits(&event) {
                rest.push_front(event);
                break;
            }
            self.put(engine, event);
        }
        engine.rest = rest;
        self.count
    }

    fn fits(&self, event: &Event) -> bool {
        let bytes = match event {
            Event::Data(_, _, bytes, _) | Event::Datagram(_, bytes) => bytes.len(),
            Event::Request(_, _, text)
            | Event::Dialled(_, _, text)
            | Event::DialFailed(_, text)
            | Event::Closed(_, text)
            | Event::Warning(text) => text.len().min(MAX_TEXT),
            _ => 0,
        };
        (self.count + 1) * RECORD <= self.records.len() && self.used + bytes <= self.data.len()
    }

    fn put(&mut self, engine: &mut Engine, event: Event) {
        let cost = event.cost();
        match event {
            Event::Request(link, listener, text) => {
                let id = link.id;
                engine.link_up(link);
                self.text(kind::REQUEST, id, listener, &text);
            }
            Event::Dialled(link, token, text) => {
                let id = link.id;
                engine.link_up(link);
                self.text(kind::DIALLED, id, token, &text);
            }
            Event::DialFailed(token, text) => self.text(kind::DIAL_FAILED, 0, token, &text),
            Event::Closed(link, text) => {
                self.text(kind::CLOSED, link.id, 0, &text);
                engine.link_down(&link);
            }
            Event::Uni(link, id) => self.plain(kind::UNI, engine, &link, id, 0, cost),
            Event::Bidi(link, id) => self.plain(kind::BIDI, engine, &link, id, 0, cost),
            Event::Fin(link, id) => self.plain(kind::FIN, engine, &link, id, 0, cost),
            Event::Reset(link, id, code) => self.plain(kind::RESET, engine, &link, id, code, cost),
            Event::Stop(link, id, code) => self.plain(kind::STOP, engine, &link, id, code, cost),
            Event::Unpassed(link, id) => self.record([kind::UNPASSED, link.id, id, 0, 0]),
            Event::Mark(link, id) => self.record([kind::MARK, link.id, id, 0, 0]),
            Event::Data(link, id, bytes, _) => {
                self.data(&link, id, &bytes);
                engine.drained(&link, cost);
            }
            Event::Datagram(link, bytes) => {
                let (offset, length) = self.copy(&bytes);
                self.record([kind::DATAGRAM, link.id, 0, offset, length]);
                engine.drained(&link, cost);
            }
            Event::Capacity(link) => self.record([kind::CAPACITY, link, 0, 0, 0]),
            Event::Backlog(link, queued) => self.record([kind::BACKLOG, link, 0, queued, 0]),
            Event::Drained(link) => self.record([kind::DRAINED, link, 0, 0, 0]),
            Event::Dark(link) => self.record([kind::DARK, link, 0, 0, 0]),
            Event::Gone(id) => {
                self.record([kind::GONE, 0, id, 0, 0]);
                engine.stream_gone(id);
            }
            Event::ListenerClosed(id) => self.record([kind::LISTENER_CLOSED, 0, id, 0, 0]),
            Event::Warning(text) => self.text(kind::WARNING, 0, 0, &text),
        }
    }

    /// A record of a stream without bytes.
    fn plain(&mut self, kind: u32, engine: &Engine, link: &Arc<LinkShared>, id: u32, code: u32, cost: usize) {
        self.record([kind, link.id, id, code, 0]);
        engine.drained(link, cost);
    }

    /// Adds received bytes. Bytes of the same stream as the last record extend that record.
    fn data(&mut self, link: &LinkShared, id: u32, bytes: &[u8]) {
        let (offset, length) = self.copy(bytes);
        if self.count > 0 {
            let last = &mut self.records[(self.count - 1) * RECORD..self.count * RECORD];
            if last[0] == kind::DATA && last[2] == id {
                last[4] += length;
                return;
            }
        }
        self.record([kind::DATA, link.id, id, offset, length]);
    }

    fn text(&mut self, kind: u32, link: u32, other: u32, text: &str) {
        let end = text.floor_char_boundary(MAX_TEXT);
        let (offset, length) = self.copy(&text.as_bytes()[..end]);
        self.record([kind, link, other, offset, length]);
    }

    fn copy(&mut self, bytes: &[u8]) -> (u32, u32) {
        let offset = self.used;
        self.used += bytes.len();
        self.data[offset..self.used].copy_from_slice(bytes);
        (offset as u32, bytes.len() as u32)
    }

    fn record(&mut self, record: [u32; RECORD]) {
        let start = self.count * RECORD;
        self.records[start..start + RECORD].copy_from_slice(&record);
        self.count += 1;
    }
}
