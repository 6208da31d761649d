//! What the engine tells JavaScript, and the queue in which it waits.
//!
//! Workers append; JavaScript's thread drains with `poll`. Many events make one wake-up. Nothing is dropped here: what
//! a peer can cause is bounded for each link by [`LINK_UNREAD`], beyond which the link is not read.

use crate::link_shared::LinkShared;
use bytes::Bytes;
use parking_lot::Mutex;
use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering::*};

/// Bytes of events of one link that wait for JavaScript; at this many its streams, datagrams and new streams wait in
/// QUIC, whose flow control then stops the peer.
pub const LINK_UNREAD: usize = 1024 * 1024;

/// What an event counts besides its bytes, so that many empty ones are bounded as well.
pub const EVENT_COST: usize = 64;

/// Ends of streams that wait for the next wake-up of JavaScript; at this many they cause one.
const QUIET_EVENTS: usize = 512;

pub enum Event {
    /// A listener was asked for a link; the text is JSON of [`crate::link_shared::Meta`].
    Request(Arc<LinkShared>, u32, String),
    Dialled(Arc<LinkShared>, u32, String),
    DialFailed(u32, String),
    Closed(Arc<LinkShared>, String),
    Uni(Arc<LinkShared>, u32),
    Bidi(Arc<LinkShared>, u32),
    Data(Arc<LinkShared>, u32, Bytes),
    Fin(Arc<LinkShared>, u32),
    Reset(Arc<LinkShared>, u32, u32),
    Stop(Arc<LinkShared>, u32, u32),
    Datagram(Arc<LinkShared>, Bytes),
    Capacity(u32),
    Backlog(u32, u32),
    Drained(u32),
    /// The last of a stream: its id is free once this is drained.
    Gone(u32),
    ListenerClosed(u32),
    /// Something unexpected inside the engine.
    Warning(String),
}

impl Event {
    /// What it counts towards its link's bound; 0 for what no peer can cause at will.
    pub fn cost(&self) -> usize {
        match self {
            Self::Data(_, _, bytes) | Self::Datagram(_, bytes) => EVENT_COST + bytes.len(),
            Self::Uni(..) | Self::Bidi(..) | Self::Fin(..) | Self::Reset(..) | Self::Stop(..) => EVENT_COST,
            _ => 0,
        }
    }

    fn quiet(&self) -> bool {
        matches!(self, Self::Gone(_))
    }
}

/// Wakes JavaScript; called from any thread.
pub type Waker = Box<dyn Fn() + Send + Sync>;

/// The queue between the workers and JavaScript.
pub struct Hub {
    events: Mutex<VecDeque<Event>>,
    /// A wake-up is under way that JavaScript has not answered with `poll`.
    woken: AtomicBool,
    quiet: AtomicUsize,
    waker: Mutex<Option<Waker>>,
}

impl Hub {
    pub fn new(waker: Waker) -> Self {
        Self {
            events: Mutex::default(),
            woken: AtomicBool::new(false),
            quiet: AtomicUsize::new(0),
            waker: Mutex::new(Some(waker)),
        }
    }

    /// Appends all of `events` and empties it.
    pub fn publish(&self, events: &mut Vec<Event>) {
        if events.is_empty() {
            return;
        }
        let quiet = events.iter().filter(|event| event.quiet()).count();
        let loud = quiet < events.len();
        self.events.lock().extend(events.drain(..));
        let quiet = self.quiet.fetch_add(quiet, Relaxed) + quiet;
        if loud || quiet >= QUIET_EVENTS {
            self.wake();
        }
    }

    pub fn push(&self, event: Event) {
        self.publish(&mut vec![event]);
    }

    /// JavaScript is here: whatever comes from now on wakes it again. Takes what waits, behind what `rest` holds.
    pub fn take(&self, rest: &mut VecDeque<Event>) {
        self.woken.store(false, Release);
        self.quiet.store(0, Relaxed);
        let mut events = self.events.lock();
        if rest.is_empty() {
            std::mem::swap(rest, &mut events);
        } else {
            rest.append(&mut events);
        }
    }

    /// No wake-up after this.
    pub fn silence(&self) {
        self.waker.lock().take();
    }

    fn wake(&self) {
        if !self.woken.swap(true, AcqRel)
            && let Some(waker) = &*self.waker.lock()
        {
            waker();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn many_events_make_one_wake_up() {
        let count = Arc::new(AtomicUsize::new(0));
        let seen = count.clone();
        let hub = Hub::new(Box::new(move || {
            seen.fetch_add(1, Relaxed);
        }));
        for id in 0..10 {
            hub.push(Event::Capacity(id));
        }
        assert_eq!(count.load(Relaxed), 1);
        let mut taken = VecDeque::new();
        hub.take(&mut taken);
        assert_eq!(taken.len(), 10);
        hub.push(Event::Capacity(11));
        assert_eq!(count.load(Relaxed), 2);
    }

    #[test]
    fn ends_of_streams_wait_for_company() {
        let count = Arc::new(AtomicUsize::new(0));
        let seen = count.clone();
        let hub = Hub::new(Box::new(move || {
            seen.fetch_add(1, Relaxed);
        }));
        for id in 0..QUIET_EVENTS as u32 - 1 {
            hub.push(Event::Gone(id));
        }
        assert_eq!(count.load(Relaxed), 0);
        hub.push(Event::Gone(9999));
        assert_eq!(count.load(Relaxed), 1);
    }
}
