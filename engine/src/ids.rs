//! Ids of streams and links, and the tables that JavaScript reads without a call.
//!
//! An id is a slot and a generation, so that a late call for a stream that is gone does not reach the next stream in
//! its slot. Ids are taken on any thread. They are given back only on JavaScript's thread, when the last event of their
//! stream or link is drained; until then the slot's table entries belong to that id.

use parking_lot::Mutex;
use std::collections::VecDeque;
use std::sync::atomic::{AtomicU32, Ordering::*};

/// Streams that one process can have at a time, as a power of two. Beyond, no stream can be opened, and peers' streams
/// are refused.
pub const STREAM_BITS: u32 = 20;
/// Links that one process can have at a time, as a power of two. Beyond, connections are refused.
pub const LINK_BITS: u32 = 16;

/// Free slots that wait before one is used again, so that a slot is not reused soon.
const REUSE_AFTER: usize = 1024;

struct Free {
    slots: VecDeque<u32>,
    generations: Vec<u32>,
}

/// The ids of one kind, with their table of queued bytes.
pub struct Slots {
    bits: u32,
    free: Mutex<Free>,
    /// Bytes written that QUIC has not accepted yet, by slot.
    queued: Box<[AtomicU32]>,
    /// By the stream's slot: the link's slot, and the worker in the upper eight bits.
    owner: Box<[AtomicU32]>,
}

impl Slots {
    pub fn new(bits: u32) -> Self {
        Self {
            bits,
            free: Mutex::new(Free { slots: VecDeque::new(), generations: vec![0] }),
            queued: zeroed(1 << bits),
            owner: zeroed(1 << bits),
        }
    }

    /// A free id, or none when all slots are taken. Slot 0 is never used.
    pub fn take(&self) -> Option<u32> {
        let mut free = self.free.lock();
        let full = free.generations.len() >> self.bits != 0;
        let slot = if free.slots.len() > REUSE_AFTER || full {
            free.slots.pop_front()?
        } else {
            free.generations.push(0);
            free.generations.len() as u32 - 1
        };
        Some(free.generations[slot as usize] << self.bits | slot)
    }

    /// On JavaScript's thread only.
    pub fn give_back(&self, id: u32) {
        let slot = self.slot(id);
        let mut free = self.free.lock();
        let generation = &mut free.generations[slot];
        *generation = (*generation + 1) & (u32::MAX >> self.bits);
        free.slots.push_back(slot as u32);
    }

    #[inline]
    pub fn slot(&self, id: u32) -> usize {
        (id & ((1 << self.bits) - 1)) as usize
    }

    pub fn queued(&self) -> &[AtomicU32] {
        &self.queued
    }

    #[inline]
    pub fn queued_of(&self, id: u32) -> &AtomicU32 {
        &self.queued[self.slot(id)]
    }

    #[inline]
    pub fn owner_of(&self, id: u32) -> &AtomicU32 {
        &self.owner[self.slot(id)]
    }
}

/// The ids and queues of one engine.
pub struct Ids {
    pub streams: Slots,
    pub links: Slots,
}

impl Default for Ids {
    fn default() -> Self {
        Self { streams: Slots::new(STREAM_BITS), links: Slots::new(LINK_BITS) }
    }
}

impl Ids {
    /// A stream's id, bound to its link and worker.
    pub fn take_stream(&self, link: u32, worker: usize) -> Option<u32> {
        let id = self.streams.take()?;
        let owner = (worker as u32) << 24 | self.links.slot(link) as u32;
        self.streams.owner_of(id).store(owner, Relaxed);
        Some(id)
    }

    /// Worker and link slot of a live stream.
    #[inline]
    pub fn owner(&self, stream: u32) -> (usize, usize) {
        let owner = self.streams.owner_of(stream).load(Relaxed);
        ((owner >> 24) as usize, (owner & 0xffff) as usize)
    }

    /// JavaScript wrote `bytes`.
    #[inline]
    pub fn queue(&self, stream: u32, link_slot: usize, bytes: u32) {
        // The link first: what another thread finds at the stream and drops, it subtracts from the link as well.
        self.links.queued()[link_slot].fetch_add(bytes, Release);
        self.streams.queued_of(stream).fetch_add(bytes, AcqRel);
    }

    /// QUIC accepted or dropped `bytes`. Bytes that JavaScript has dropped meanwhile are not subtracted twice.
    pub fn unqueue(&self, stream: u32, bytes: u32) {
        let slot = self.streams.queued_of(stream);
        let mut now = slot.load(Relaxed);
        loop {
            let less = now.min(bytes);
            if less == 0 {
                return;
            }
            match slot.compare_exchange_weak(now, now - less, AcqRel, Relaxed) {
                Ok(_) => {
                    self.links.queued()[self.owner(stream).1].fetch_sub(less, Relaxed);
                    return;
                }
                Err(seen) => now = seen,
            }
        }
    }

    /// All queued bytes of the stream are dropped.
    pub fn unqueue_all(&self, stream: u32) {
        let rest = self.streams.queued_of(stream).swap(0, AcqRel);
        if rest > 0 {
            self.links.queued()[self.owner(stream).1].fetch_sub(rest, Relaxed);
        }
    }
}

fn zeroed(length: usize) -> Box<[AtomicU32]> {
    // SAFETY: all zero bits are a valid AtomicU32. Pages that are never touched cost no memory this way.
    unsafe { Box::new_zeroed_slice(length).assume_init() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reused_slot_has_another_id() {
        let slots = Slots::new(4);
        let first: Vec<u32> = std::iter::from_fn(|| slots.take()).collect();
        assert_eq!(first.len(), 15);
        assert_eq!(slots.take(), None);
        slots.give_back(first[3]);
        let next = slots.take().unwrap();
        assert_ne!(next, first[3]);
        assert_eq!(slots.slot(next), slots.slot(first[3]));
    }

    #[test]
    fn queued_bytes_are_subtracted_once() {
        let ids = Ids::default();
        let link = ids.links.take().unwrap();
        let stream = ids.take_stream(link, 3).unwrap();
        let (worker, slot) = ids.owner(stream);
        assert_eq!((worker, slot), (3, ids.links.slot(link)));
        ids.queue(stream, slot, 100);
        ids.unqueue(stream, 30);
        ids.unqueue_all(stream);
        ids.unqueue(stream, 70);
        assert_eq!(ids.streams.queued_of(stream).load(Relaxed), 0);
        assert_eq!(ids.links.queued_of(link).load(Relaxed), 0);
    }
}
