//! The events that JavaScript gets, and the queue in which they wait.
//!
//! Workers append; JavaScript's thread drains with `poll`. Many events cause one wake-up. The queue drops nothing: the
//! events that a peer can cause are bounded for each link by [`crate::link_shared::LINK_UNREAD`], beyond which the link
//! is not read.

use crate::link_shared::LinkShared;
use bytes::Bytes;
use parking_lot::Mutex;
use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering::*};

/// Cost of an event besides its bytes, so that many empty events are bounded as well.
pub const EVENT_COST: usize = 64;

/// Events that wait for JavaScript's next wake-up: ends of streams, and bytes that were passed on. This many cause a wake-up of their own.
const QUIET_EVENTS: usize = 512;

/// So many bytes that were passed on count as one more event. So JavaScript is woken before half of
/// [`crate::link_shared::LINK_UNREAD`] waits.
const QUIET_BYTES: usize = 1024;

pub enum Event {
    /// A client asks a listener for a link; the text is JSON of [`crate::reports::LinkInfo`].
    Request(Arc<LinkShared>, u32, String),
    Dialled(Arc<LinkShared>, u32, String),
    DialFailed(u32, String),
    Closed(Arc<LinkShared>, String),
    Uni(Arc<LinkShared>, u32),
    Bidi(Arc<LinkShared>, u32),
    /// The flag: the bytes were passed on, and JavaScript may learn of them later.
    Data(Arc<LinkShared>, u32, Bytes, bool),
    /// What follows of the stream comes after the mark that JavaScript asked for.
    Mark(Arc<LinkShared>, u32),
    /// What follows of the stream is not passed on.
    Unpassed(Arc<LinkShared>, u32),
    Fin(Arc<LinkShared>, u32),
    Reset(Arc<LinkShared>, u32, u32),
    Stop(Arc<LinkShared>, u32, u32),
    Datagram(Arc<LinkShared>, Bytes),
    Capacity(u32),
    Backlog(u32, u32),
    Drained(u32),
    /// The peer has acknowledged nothing for a while although data waits.
    Dark(u32),
    /// The last event of a stream. Its id is free once JavaScript has drained this.
    Gone(u32),
    ListenerClosed(u32),
    /// Something unexpected inside the engine.
    Warning(String),
}

impl Event {
    /// Bytes that the event counts towards its link's bound; 0 for events that a peer cannot cause at will.
    pub fn cost(&self) -> usize {
        match self {
            Self::Data(_, _, bytes, _) | Self::Datagram(_, bytes) => EVENT_COST + bytes.len(),
            Self::Uni(..) | Self::Bidi(..) | Self::Fin(..) | Self::Reset(..) | Self::Stop(..) => EVENT_COST,
            _ => 0,
        }
    }

    /// Whether the event can wait for the next wake-up, which then comes soon (`LATE` of the worker's loop).
    pub fn late(&self) -> bool {
        matches!(self, Self::Data(_, _, _, true))
    }

    /// What the event counts towards [`QUIET_EVENTS`] where it can wait for the next wake-up; 0 where it cannot.
    fn quiet(&self) -> usize {
        match self {
            Self::Gone(_) => 1,
            Self::Data(_, _, bytes, true) => 1 + bytes.len() / QUIET_BYTES,
            _ => 0,
        }
    }
}

/// Wakes JavaScript; called from any thread.
pub type Waker = Box<dyn Fn() + Send + Sync>;

/// The queue between the workers and JavaScript.
pub struct EventQueue {
    events: Mutex<VecDeque<Event>>,
    /// A wake-up is under way that JavaScript has not answered with `poll`.
    woken: AtomicBool,
    /// Quiet events since the last `poll`.
    quiet: AtomicUsize,
    waker: Mutex<Option<Waker>>,
}

impl EventQueue {
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
        let loud = events.iter().any(|event| event.quiet() == 0);
        let quiet = events.iter().map(Event::quiet).sum();
        self.events.lock().extend(events.drain(..));
        let quiet = self.quiet.fetch_add(quiet, Relaxed) + quiet;
        if loud || quiet >= QUIET_EVENTS {
            self.wake();
        }
    }

    pub fn push(&self, event: Event) {
        self.publish(&mut vec![event]);
    }

    /// Moves all waiting events behind those in `rest`. From now on new events wake JavaScript again.
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

    /// Causes no wake-up after this.
    pub fn stop_waking(&self) {
        self.waker.lock().take();
    }

    /// Wakes JavaScript if some event waits.
    pub fn wake_if_any(&self) {
        if !self.events.lock().is_empty() {
            self.wake();
        }
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
        let event_queue = EventQueue::new(Box::new(move || {
            seen.fetch_add(1, Relaxed);
        }));
        for id in 0..10 {
            event_queue.push(Event::Capacity(id));
        }
        assert_eq!(count.load(Relaxed), 1);
        let mut taken = VecDeque::new();
        event_queue.take(&mut taken);
        assert_eq!(taken.len(), 10);
        event_queue.push(Event::Capacity(11));
        assert_eq!(count.load(Relaxed), 2);
    }

    #[test]
    fn ends_of_streams_cause_no_wake_up_of_their_own_until_there_are_many() {
        let count = Arc::new(AtomicUsize::new(0));
        let seen = count.clone();
        let event_queue = EventQueue::new(Box::new(move || {
            seen.fetch_add(1, Relaxed);
        }));
        for id in 0..QUIET_EVENTS as u32 - 1 {
            event_queue.push(Event::Gone(id));
        }
        assert_eq!(count.load(Relaxed), 0);
        event_queue.push(Event::Gone(9999));
        assert_eq!(count.load(Relaxed), 1);
    }
}
