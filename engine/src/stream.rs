//! The two halves of a stream as their worker keeps them.
//!
//! QUIC calls wakers while it holds its connection's lock. So a waker never touches a stream: it notes the stream's id.

use crate::frames::{Walker, Written};
use crate::quic::{ReadError, RecvStream, SendStream, WriteError};
use crate::worker::{Ready, Worker};
use bytes::Bytes;
use quinn_proto::VarInt;
use std::collections::VecDeque;
use std::sync::Arc;
use std::task::{Poll, Wake, Waker};

/// Most chunks that one read takes from QUIC.
pub const READ_CHUNKS: usize = 16;

/// Bytes that a send half gives to QUIC before the next half of its priority has its turn.
pub const SHARE: usize = 16 * 1024;

struct StreamWaker {
    worker: Arc<Worker>,
    id: u32,
    what: Ready,
}

impl Wake for StreamWaker {
    fn wake(self: Arc<Self>) {
        self.wake_by_ref();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        self.worker.stream_ready(self.id, self.what);
    }
}

fn waker(worker: &Arc<Worker>, id: u32, what: Ready) -> Waker {
    Waker::from(Arc::new(StreamWaker { worker: worker.clone(), id, what }))
}

/// The state of a send half after a write or a drain.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum SendState {
    Open,
    /// More bytes wait, but the half has given its share.
    Shared,
    /// QUIC accepts no more now; a [`Ready::Write`] follows.
    Blocked,
    /// Stopped with a code, or lost. Nothing more can be sent; queued bytes are dropped.
    Dead(Option<VarInt>),
}

pub struct SendHalf {
    stream: SendStream,
    /// Watched only while no write can show that the peer stopped the stream.
    stopped: Option<Waker>,
    /// A write happened since the last call of [`SendHalf::must_watch`].
    busy: bool,
    on_writable: Option<Waker>,
    queue: VecDeque<Bytes>,
    /// Bytes of the WebTransport header at the front of the queue. They do not count as queued bytes of the stream.
    header: usize,
    /// FIN follows what is queued.
    finishing: bool,
    pub priority: i32,
    /// In its link's list of halves that wait for QUIC.
    pub blocked: bool,
}

impl SendHalf {
    pub fn new(stream: SendStream, header: Bytes, priority: i32) -> Self {
        if priority != 0 {
            let _ = stream.set_priority(priority);
        }
        Self {
            stopped: None,
            busy: true,
            on_writable: None,
            header: header.len(),
            queue: if header.is_empty() { VecDeque::new() } else { VecDeque::from([header]) },
            stream,
            finishing: false,
            priority,
            blocked: false,
        }
    }

    /// Whether the header or more bytes wait.
    pub fn has_queued(&self) -> bool {
        !self.queue.is_empty()
    }

    /// Queues the bytes. False when they were dropped because the stream is finishing.
    pub fn queue(&mut self, bytes: Bytes) -> bool {
        if !self.finishing {
            self.queue.push_back(bytes);
        }
        !self.finishing
    }

    pub fn finish(&mut self) {
        self.finishing = true;
    }

    pub fn set_priority(&mut self, priority: i32) {
        self.priority = priority;
        let _ = self.stream.set_priority(priority);
    }

    /// Gives queued bytes to QUIC, at most about a [`SHARE`]. Returns how many bytes QUIC accepted.
    pub fn drain(&mut self, worker: &Arc<Worker>, id: u32) -> (SendState, u32) {
        let mut accepted = 0;
        self.busy = true;
        while let Some(first) = self.queue.front_mut() {
            if accepted as usize >= SHARE {
                return (SendState::Shared, accepted);
            }
            if first.len() > SHARE {
                let share = first.split_to(SHARE);
                self.queue.push_front(share);
            }
            let on_writable = self.on_writable.get_or_insert_with(|| waker(worker, id, Ready::Write));
            let (chunks, _) = self.queue.as_mut_slices();
            let count = chunks_in_share(chunks);
            match self.stream.poll_write_chunks(&mut chunks[..count], on_writable) {
                Poll::Ready(Ok(written)) => {
                    let header = self.header.min(written.bytes);
                    self.header -= header;
                    accepted += (written.bytes - header) as u32;
                    self.queue.drain(..written.chunks);
                }
                Poll::Ready(Err(error)) => {
                    self.queue.clear();
                    let code = if let WriteError::Stopped(code) = error { Some(code) } else { None };
                    return (SendState::Dead(code), accepted);
                }
                Poll::Pending => return (SendState::Blocked, accepted),
            }
        }
        if self.finishing {
            let _ = self.stream.finish();
        }
        (SendState::Open, accepted)
    }

    pub fn reset(&mut self, code: VarInt) {
        self.queue.clear();
        let _ = self.stream.reset(code);
    }

    /// Whether the peer has acknowledged everything, FIN included.
    pub fn acknowledged(&self) -> bool {
        self.finishing && self.queue.is_empty() && self.stream.is_over()
    }

    /// Whether a watch is needed to learn of STOP_SENDING. It is not needed
    /// - while bytes are written: the write fails;
    /// - while QUIC blocks the half: QUIC then wakes the writer;
    /// - after FIN.
    pub fn must_watch(&mut self) -> bool {
        let busy = std::mem::take(&mut self.busy);
        !busy && !self.blocked && !self.finishing && self.stopped.is_none()
    }

    /// Ready when the peer has stopped the half (with its code) or the link is lost; otherwise [`Ready::Stopped`]
    /// follows.
    pub fn poll_stopped(&mut self, worker: &Arc<Worker>, id: u32) -> Poll<Option<VarInt>> {
        let waker = self.stopped.get_or_insert_with(|| waker(worker, id, Ready::Stopped));
        self.stream.poll_stopped(waker)
    }

    pub fn into_stream(self) -> SendStream {
        self.stream
    }
}

/// How many of the first chunks fit into a share; at least one.
fn chunks_in_share(chunks: &[Bytes]) -> usize {
    let mut size = 0;
    let within = chunks.iter().take_while(|chunk| {
        size += chunk.len();
        size <= SHARE
    });
    within.count().max(1)
}

/// The result of one read of a receive half.
pub enum Read {
    /// This many chunks are filled.
    Chunks(usize),
    Fin,
    Reset(VarInt),
    /// Nothing to read now; [`Ready::Read`] follows.
    Pending,
    Lost,
}

/// How much of the WebTransport header at the start of a peer's stream was read.
pub enum Head {
    Reading(Vec<u8>),
    Read,
    /// Not a stream of the session but one of HTTP/3's own, which stays open and unread.
    Http3,
}

pub struct RecvHalf {
    stream: RecvStream,
    on_readable: Waker,
    pub head: Head,
}

impl RecvHalf {
    pub fn new(worker: &Arc<Worker>, id: u32, stream: RecvStream, head: Head) -> Self {
        Self { stream, on_readable: waker(worker, id, Ready::Read), head }
    }

    pub fn read(&mut self, chunks: &mut [Bytes; READ_CHUNKS]) -> Read {
        match self.stream.poll_read_chunks(chunks, &self.on_readable) {
            Poll::Ready(Ok(Some(count))) => Read::Chunks(count),
            Poll::Ready(Ok(None)) => Read::Fin,
            Poll::Ready(Err(ReadError::Reset(code))) => Read::Reset(code),
            Poll::Ready(Err(_)) => Read::Lost,
            Poll::Pending => Read::Pending,
        }
    }

    pub fn stop(&mut self, code: VarInt) {
        let _ = self.stream.stop(code);
    }

    pub fn into_stream(self) -> RecvStream {
        self.stream
    }
}

/// What a receive half brings goes to other streams as well, see [`crate::command::Pass`].
#[derive(Default)]
pub struct Passing {
    /// JavaScript has not answered the mark: nothing is read.
    pub marked: bool,
    pub late: bool,
    /// Absent while nothing is passed on.
    pub walker: Option<Walker>,
    pub written: Vec<Written>,
}

pub struct Stream {
    pub id: u32,
    pub link: u32,
    pub send: Option<SendHalf>,
    pub recv: Option<RecvHalf>,
    pub passing: Option<Box<Passing>>,
    /// JavaScript has opened the stream, or got its event.
    pub known: bool,
}
