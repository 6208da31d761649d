//! The loop of a worker, which owns its links and their streams.
//!
//! A round executes the waiting commands, then serves the streams that became ready, then publishes the round's events.
//! All state of a link lives here, so only the worker's inbox needs a lock.

mod links;
mod passing;
mod receiving;
mod sending;

use crate::command::Command;
use crate::events::Event;
use crate::link::Link;
use crate::panic_text::panic_text;
use crate::stream::{SendHalf, Stream};
use crate::worker::{Ready, Worker};
use std::collections::HashMap;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::time::Duration;
use tokio::task::AbortHandle;

/// How often all send halves are checked, see [`WorkerLoop::sweep`].
const SWEEP: Duration = Duration::from_millis(50);

/// How much later JavaScript may learn of bytes that were passed on.
const LATE: Duration = Duration::from_millis(10);

/// Runs the loop until `Command::Shutdown`. That ends `driver` before the links, so their peers are told nothing: they may go on with
/// a relay that starts again, and a relay that leaves has closed its sessions before.
pub async fn run(worker: Arc<Worker>, driver: AbortHandle) {
    let mut state = WorkerLoop::new(worker.clone());
    let mut commands = Vec::new();
    let mut ready = Vec::new();
    let mut sweep = tokio::time::interval(SWEEP);
    sweep.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    let late = tokio::time::sleep(LATE);
    tokio::pin!(late);
    let mut late_waits = false;
    loop {
        if state.late && !late_waits {
            late.as_mut().reset(tokio::time::Instant::now() + LATE);
            late_waits = true;
        }

        let no_streams = state.live == 0;
        tokio::select! {
            () = worker.woken() => {}
            () = &mut late, if late_waits => {
                (late_waits, state.late) = (false, false);
                worker.event_queue.wake_if_any();
                continue;
            }
            _ = sweep.tick(), if !no_streams => {
                state.guarded(WorkerLoop::sweep);
                state.guarded(WorkerLoop::end_round);
                continue;
            }
        }
        worker.take_commands(&mut commands);
        for command in commands.drain(..) {
            if matches!(command, Command::Shutdown) {
                driver.abort();
                return;
            }
            state.guarded(|state| state.execute(command));
        }
        worker.take_ready(&mut ready);
        for (stream, what) in ready.drain(..) {
            state.guarded(|state| state.ready(stream, what));
        }
        state.guarded(WorkerLoop::end_round);
    }
}

struct WorkerLoop {
    worker: Arc<Worker>,
    links: HashMap<u32, Link>,
    /// By slot.
    streams: Vec<Option<Box<Stream>>>,
    /// Streams in `streams`.
    live: usize,
    /// Events of this round.
    events: Vec<Event>,
    /// Streams opened in this round. Their header is sent even when nothing was written.
    opened: Vec<u32>,
    /// Links whose queue changed in this round.
    touched: Vec<u32>,
    /// Links with a stream that QUIC accepts bytes from again.
    writable: Vec<u32>,
    /// An event that can wait was published since JavaScript was last woken for such events.
    late: bool,
}

impl WorkerLoop {
    fn new(worker: Arc<Worker>) -> Self {
        Self {
            worker,
            links: HashMap::new(),
            streams: Vec::new(),
            live: 0,
            events: Vec::new(),
            opened: Vec::new(),
            touched: Vec::new(),
            writable: Vec::new(),
            late: false,
        }
    }

    /// Runs one step. A panic ends the step, not the process; JavaScript gets a warning.
    fn guarded(&mut self, step: impl FnOnce(&mut Self)) {
        if let Err(panic) = catch_unwind(AssertUnwindSafe(|| step(self))) {
            self.warn(format!("a panic in the engine: {}", panic_text(&panic)));
        }
    }

    fn warn(&mut self, text: String) {
        self.events.push(Event::Warning(text));
    }

    fn execute(&mut self, command: Command) {
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
            Command::Mark(id) => self.mark(id),
            Command::Pass(pass) => self.pass(*pass),
            Command::Unpass(id) => self.unpass(id),
            Command::Passed(to, bytes) => self.passed(&to, &bytes),
            Command::Resume(link) => self.resume(link),
            Command::OpenWhenAllowed(link, bidi) => {
                if let Some(link) = self.links.get(&link) {
                    link.open_when_allowed(&self.worker, bidi);
                }
            }
            Command::NewLink(new) => self.new_link(*new),
            Command::Accept(link) => self.accept(link),
            Command::Reject(link, status) => self.reject(link, status),
            Command::Close(link, code, reason) => self.close(link, code, reason),
            Command::Lost(link) => self.lost(link),
            Command::SessionEnded(link, code, reason) => self.session_ended(link, code, reason),
            Command::CloseListener(listener) => self.close_listener(listener),
            Command::Pulse => self.worker.answer_pulse(),
            Command::Shutdown => {}
        }
    }

    /// Serves a stream that QUIC has reported as ready.
    fn ready(&mut self, id: u32, what: Ready) {
        match what {
            Ready::Read => self.read(id, false),
            Ready::Stopped => self.watch_stopped(id),
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

    /// Ends a round: sends headers of new streams, drains links that can be written again, publishes the events.
    fn end_round(&mut self) {
        for id in std::mem::take(&mut self.opened) {
            if self.send_half(id).is_some_and(|send| send.has_queued() && !send.blocked) {
                self.drain(id);
            }
        }
        for link in std::mem::take(&mut self.writable) {
            self.drain_blocked(link);
        }
        for link in std::mem::take(&mut self.touched) {
            self.report_backlog(link);
        }
        self.late |= self.events.iter().any(Event::late);
        self.worker.event_queue.publish(&mut self.events);
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

    /// Removes the stream if both halves are over; its id becomes free when JavaScript has drained the event.
    fn remove_if_over(&mut self, id: u32) {
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

    /// Has the backlog of the link checked at the end of the round.
    fn touch(&mut self, link: u32) {
        if self.touched.last() != Some(&link) {
            self.touched.push(link);
        }
    }
}
