//! The two halves of a stream as their worker keeps them.
//!
//! QUIC calls wakers while it holds its connection's lock, so they hold no stream: they only note an id.

use crate::worker::WorkerShared;
use bytes::Bytes;
use quinn::{ReadError, StoppedError, VarInt, WriteError};
use std::collections::VecDeque;
use std::future::Future;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::task::{Context, Poll, Wake, Waker};

/// Chunks that one read takes from QUIC at most.
pub const READ_CHUNKS: usize = 16;

/// Bytes that a send half hands to QUIC before others of its priority have their turn.
pub const SHARE: usize = 16 * 1024;

/// What a stream has become ready for.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Ready {
    Read,
    Write,
    Stopped,
}

struct StreamWaker {
    worker: Arc<WorkerShared>,
    id: u32,
    what: Ready,
}

impl Wake for StreamWaker {
    fn wake(self: Arc<Self>) {
        self.wake_by_ref();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        self.worker.ready.lock().push((self.id, self.what));
        self.worker.kick();
    }
}

fn waker(worker: &Arc<WorkerShared>, id: u32, what: Ready) -> Waker {
    Waker::from(Arc::new(StreamWaker { worker: worker.clone(), id, what }))
}

type Stopped = Pin<Box<dyn Future<Output = Result<Option<VarInt>, StoppedError>> + Send + Sync>>;

/// How a send half is after something was tried.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum SendState {
    Open,
    /// More waits, but the half has had its share.
    Shared,
    /// QUIC takes no more now; a [`Ready::Write`] follows.
    Blocked,
    /// Stopped with a code, or lost: nothing more can be sent, and what was queued is dropped.
    Dead(Option<VarInt>),
}

pub struct SendHalf {
    stream: quinn::SendStream,
    /// Watched only where nothing else would tell: QUIC keeps a note of a watch until the connection's end when the
    /// stream is reset.
    stopped: Option<(Stopped, Waker)>,
    /// Something was written since the last [`SendHalf::idle`].
    busy: bool,
    on_writable: Option<Waker>,
    queue: VecDeque<Bytes>,
    /// Bytes of the WebTransport header at the front of the queue, which count for nobody.
    header: usize,
    /// FIN follows what is queued.
    finishing: bool,
    pub priority: i32,
    /// In its link's list of halves that wait for QUIC.
    pub blocked: bool,
}

impl SendHalf {
    pub fn new(stream: quinn::SendStream, header: Bytes, priority: i32) -> Self {
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

    /// The header or more waits.
    pub fn waiting(&self) -> bool {
        !self.queue.is_empty()
    }

    /// True when it was dropped: FIN was asked for.
    pub fn queue(&mut self, bytes: Bytes) -> bool {
        if !self.finishing {
            self.queue.push_back(bytes);
        }
        self.finishing
    }

    pub fn finish(&mut self) {
        self.finishing = true;
    }

    pub fn set_priority(&mut self, priority: i32) {
        self.priority = priority;
        let _ = self.stream.set_priority(priority);
    }

    /// Gives QUIC what it takes, or a [`SHARE`] of it; the number of bytes that it took.
    pub fn drain(&mut self, worker: &Arc<WorkerShared>, id: u32) -> (SendState, u32) {
        let mut taken = 0;
        self.busy = true;
        while let Some(first) = self.queue.front_mut() {
            if taken as usize >= SHARE {
                return (SendState::Shared, taken);
            }
            if first.len() > SHARE {
                let share = first.split_to(SHARE);
                self.queue.push_front(share);
            }
            let on_writable = self.on_writable.get_or_insert_with(|| waker(worker, id, Ready::Write));
            let mut context = Context::from_waker(on_writable);
            let (chunks, _) = self.queue.as_mut_slices();
            let count = whole(chunks);
            let result = pin!(self.stream.write_chunks(&mut chunks[..count])).poll(&mut context);
            match result {
                Poll::Ready(Ok(written)) => {
                    let header = self.header.min(written.bytes);
                    self.header -= header;
                    taken += (written.bytes - header) as u32;
                    self.queue.drain(..written.chunks);
                }
                Poll::Ready(Err(error)) => {
                    self.queue.clear();
                    let code = if let WriteError::Stopped(code) = error { Some(code) } else { None };
                    return (SendState::Dead(code), taken);
                }
                Poll::Pending => return (SendState::Blocked, taken),
            }
        }
        if self.finishing {
            let _ = self.stream.finish();
        }
        (SendState::Open, taken)
    }

    pub fn reset(&mut self, code: VarInt) {
        self.queue.clear();
        let _ = self.stream.reset(code);
    }

    /// Whether all up to FIN was acknowledged.
    pub fn acknowledged(&self) -> bool {
        self.finishing && self.queue.is_empty() && self.stream.priority().is_err()
    }

    /// Whether a watch is needed to learn of STOP_SENDING: not while there are writes, which fail then, nor while QUIC
    /// wakes the writer that it blocks, nor after FIN.
    pub fn idle(&mut self) -> bool {
        let busy = std::mem::take(&mut self.busy);
        !busy && !self.blocked && !self.finishing && self.stopped.is_none()
    }

    /// Whether the peer has stopped the half, with its code, or the link is lost. Until then [`Ready::Stopped`] follows.
    pub fn poll_stopped(&mut self, worker: &Arc<WorkerShared>, id: u32) -> Poll<Option<VarInt>> {
        let stream = &self.stream;
        let (stopped, waker) =
            self.stopped.get_or_insert_with(|| (Box::pin(stream.stopped()), waker(worker, id, Ready::Stopped)));
        let mut context = Context::from_waker(waker);
        match stopped.as_mut().poll(&mut context) {
            Poll::Ready(Ok(code)) => Poll::Ready(code),
            Poll::Ready(Err(_)) => Poll::Ready(None),
            Poll::Pending => Poll::Pending,
        }
    }

    pub fn into_stream(self) -> quinn::SendStream {
        self.stream
    }
}

/// How many chunks from the first on make a share, at least one.
fn whole(chunks: &[Bytes]) -> usize {
    let mut size = 0;
    let within = chunks.iter().take_while(|chunk| {
        size += chunk.len();
        size <= SHARE
    });
    within.count().max(1)
}

/// One read of a receive half.
pub enum Read {
    /// That many of the chunks are filled.
    Chunks(usize),
    Fin,
    Reset(VarInt),
    /// Nothing now; [`Ready::Read`] follows.
    Pending,
    Lost,
}

/// The WebTransport header in front of a stream of the peer.
pub enum Head {
    Reading(Vec<u8>),
    Read,
    /// Not a stream of the session: HTTP/3's own, which stay open and unread.
    Foreign,
}

pub struct RecvHalf {
    stream: quinn::RecvStream,
    on_readable: Waker,
    pub head: Head,
}

impl RecvHalf {
    pub fn new(worker: &Arc<WorkerShared>, id: u32, stream: quinn::RecvStream, head: Head) -> Self {
        Self { stream, on_readable: waker(worker, id, Ready::Read), head }
    }

    pub fn read(&mut self, chunks: &mut [Bytes; READ_CHUNKS]) -> Read {
        let mut context = Context::from_waker(&self.on_readable);
        match pin!(self.stream.read_chunks(chunks)).poll(&mut context) {
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

    pub fn into_stream(self) -> quinn::RecvStream {
        self.stream
    }
}

pub struct Stream {
    pub id: u32,
    pub link: u32,
    pub send: Option<SendHalf>,
    pub recv: Option<RecvHalf>,
    /// JavaScript knows it.
    pub told: bool,
}
