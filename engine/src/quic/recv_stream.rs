//! The receiving half of a stream.

use super::inner::Ref;
use bytes::Bytes;
use quinn_proto::{ClosedStream, ConnectionError, ReadableError, StreamId, VarInt};
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, Waker, ready};
use tokio::io::{AsyncReadExt, ReadBuf};

#[derive(Debug)]
pub enum ReadError {
    /// The peer has reset the stream, and says why with a code.
    Reset(VarInt),
    ConnectionLost(ConnectionError),
    /// Stopped or read to its end before.
    Closed,
}

impl std::fmt::Display for ReadError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Reset(code) => write!(f, "stream reset by peer: error {code}"),
            Self::ConnectionLost(error) => write!(f, "connection lost: {error}"),
            Self::Closed => write!(f, "closed stream"),
        }
    }
}

impl std::error::Error for ReadError {}

impl From<ReadError> for io::Error {
    fn from(error: ReadError) -> Self {
        let kind = match error {
            ReadError::Reset(_) => io::ErrorKind::ConnectionReset,
            ReadError::ConnectionLost(_) | ReadError::Closed => io::ErrorKind::NotConnected,
        };
        Self::new(kind, error)
    }
}

/// Dropping it before its end stops the stream.
pub struct RecvStream {
    connection: Ref,
    id: StreamId,
    /// How the stream ended: the code of a reset, or none.
    end: Option<Option<VarInt>>,
    /// The end was reported.
    over: bool,
}

impl RecvStream {
    pub(super) fn new(connection: Ref, id: StreamId) -> Self {
        Self { connection, id, end: None, over: false }
    }

    /// Reads chunks in order, each of at most `longest` bytes, while `take` wants more. Returns how many; 0: the end.
    /// Pending: none now; `waker` is woken when there are some.
    fn poll(
        &mut self,
        waker: &Waker,
        mut take: impl FnMut(Bytes),
        mut wanted: impl FnMut() -> usize,
    ) -> Poll<Result<usize, ReadError>> {
        let mut count = 0;
        if self.end.is_none() {
            let mut state = self.connection.lock();
            let mut recv = state.quic.recv_stream(self.id);
            let mut chunks = match recv.read(true) {
                Ok(chunks) => chunks,
                Err(ReadableError::ClosedStream) | Err(ReadableError::IllegalOrderedRead) => {
                    return Poll::Ready(Err(ReadError::Closed));
                }
            };
            let mut blocked = false;
            loop {
                let longest = wanted();
                if longest == 0 {
                    break;
                }
                match chunks.next(longest) {
                    Ok(Some(chunk)) => {
                        take(chunk.bytes);
                        count += 1;
                    }
                    Ok(None) => {
                        self.end = Some(None);
                        break;
                    }
                    Err(quinn_proto::ReadError::Reset(code)) => {
                        self.end = Some(Some(code));
                        break;
                    }
                    Err(quinn_proto::ReadError::Blocked) => {
                        blocked = true;
                        break;
                    }
                }
            }
            let transmit = chunks.finalize().should_transmit();
            if blocked && count == 0 {
                if let Some(error) = &state.error {
                    return Poll::Ready(Err(ReadError::ConnectionLost(error.clone())));
                }
                state.readers.insert(self.id, waker.clone());
                return Poll::Pending;
            }
            drop(state);
            if transmit {
                self.connection.wake();
            }
        }
        if count == 0
            && let Some(end) = self.end
        {
            self.over = true;
            return Poll::Ready(end.map_or(Ok(0), |code| Err(ReadError::Reset(code))));
        }
        Poll::Ready(Ok(count))
    }

    /// Fills the first of `chunks` and returns how many; none at the end of the stream.
    pub fn poll_read_chunks(&mut self, chunks: &mut [Bytes], waker: &Waker) -> Poll<Result<Option<usize>, ReadError>> {
        let room = std::cell::Cell::new(chunks.len());
        let mut places = chunks.iter_mut();
        let take = |bytes| {
            if let Some(place) = places.next() {
                *place = bytes;
                room.set(room.get() - 1);
            }
        };
        let read = ready!(self.poll(waker, take, || if room.get() == 0 { 0 } else { usize::MAX }))?;
        Poll::Ready(Ok((read > 0).then_some(read)))
    }

    pub async fn read_exact(&mut self, buffer: &mut [u8]) -> io::Result<()> {
        AsyncReadExt::read_exact(self, buffer).await.map(drop)
    }

    pub fn stop(&mut self, code: VarInt) -> Result<(), ClosedStream> {
        let result = self.connection.lock().quic.recv_stream(self.id).stop(code);
        self.over = true;
        self.connection.wake();
        result
    }
}

impl tokio::io::AsyncRead for RecvStream {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buffer: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let buffer = std::cell::RefCell::new(buffer);
        let take = |bytes: Bytes| buffer.borrow_mut().put_slice(&bytes);
        let wanted = || buffer.borrow().remaining();
        ready!(self.poll(cx.waker(), take, wanted))?;
        Poll::Ready(Ok(()))
    }
}

impl Drop for RecvStream {
    fn drop(&mut self) {
        let mut state = self.connection.lock();
        state.readers.remove(&self.id);
        if self.over || self.end.is_some() || state.error.is_some() {
            return;
        }
        // A stream that has ended needs no stop.
        let _ = state.quic.recv_stream(self.id).stop(VarInt::from_u32(0));
        drop(state);
        self.connection.wake();
    }
}
