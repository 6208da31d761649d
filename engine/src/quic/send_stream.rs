//! The sending half of a stream.

use super::inner::Ref;
use bytes::Bytes;
use quinn_proto::{ClosedStream, ConnectionError, FinishError, StreamId, VarInt, Written};
use std::future::poll_fn;
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, Waker};

#[derive(Debug)]
pub enum WriteError {
    /// The peer wants no more bytes, and says why with a code.
    Stopped(VarInt),
    ConnectionLost(ConnectionError),
    /// Finished or reset before.
    Closed,
}

impl std::fmt::Display for WriteError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Stopped(code) => write!(f, "sending stopped by peer: error {code}"),
            Self::ConnectionLost(error) => write!(f, "connection lost: {error}"),
            Self::Closed => write!(f, "closed stream"),
        }
    }
}

impl std::error::Error for WriteError {}

impl From<WriteError> for io::Error {
    fn from(error: WriteError) -> Self {
        let kind = match error {
            WriteError::Stopped(_) => io::ErrorKind::ConnectionReset,
            WriteError::ConnectionLost(_) | WriteError::Closed => io::ErrorKind::NotConnected,
        };
        Self::new(kind, error)
    }
}

/// Dropping it finishes the stream.
pub struct SendStream {
    connection: Ref,
    id: StreamId,
}

impl SendStream {
    pub(super) fn new(connection: Ref, id: StreamId) -> Self {
        Self { connection, id }
    }

    pub fn id(&self) -> StreamId {
        self.id
    }

    /// Writes as many of the bytes as QUIC takes now. Pending: none; `waker` is woken when it takes some again.
    pub fn poll_write_chunks(&self, chunks: &mut [Bytes], waker: &Waker) -> Poll<Result<Written, WriteError>> {
        self.poll(waker, |stream| stream.write_chunks(chunks))
    }

    pub fn poll_write(&self, bytes: &[u8], waker: &Waker) -> Poll<Result<usize, WriteError>> {
        self.poll(waker, |stream| stream.write(bytes))
    }

    pub async fn write_all(&mut self, mut bytes: &[u8]) -> Result<(), WriteError> {
        while !bytes.is_empty() {
            let written = poll_fn(|cx| self.poll_write(bytes, cx.waker())).await?;
            bytes = &bytes[written..];
        }
        Ok(())
    }

    fn poll<T>(
        &self,
        waker: &Waker,
        write: impl FnOnce(&mut quinn_proto::SendStream<'_>) -> Result<T, quinn_proto::WriteError>,
    ) -> Poll<Result<T, WriteError>> {
        let mut state = self.connection.lock();
        if let Some(error) = &state.error {
            return Poll::Ready(Err(WriteError::ConnectionLost(error.clone())));
        }
        let result = write(&mut state.quic.send_stream(self.id));
        if let Err(quinn_proto::WriteError::Blocked) = result {
            state.writers.insert(self.id, waker.clone());
            drop(state);
            // QUIC may have to tell the peer that it is blocked.
            self.connection.wake();
            return Poll::Pending;
        }
        drop(state);
        Poll::Ready(match result {
            Ok(written) => {
                self.connection.wake();
                Ok(written)
            }
            Err(quinn_proto::WriteError::Stopped(code)) => Err(WriteError::Stopped(code)),
            Err(_) => Err(WriteError::Closed),
        })
    }

    pub fn finish(&self) -> Result<(), ClosedStream> {
        let result = self.connection.lock().quic.send_stream(self.id).finish();
        match result {
            Ok(()) => self.connection.wake(),
            Err(FinishError::ClosedStream) => return Err(ClosedStream::default()),
            Err(FinishError::Stopped(_)) => {}
        }
        Ok(())
    }

    pub fn reset(&self, code: VarInt) -> Result<(), ClosedStream> {
        self.connection.lock().quic.send_stream(self.id).reset(code)?;
        self.connection.wake();
        Ok(())
    }

    pub fn set_priority(&self, priority: i32) -> Result<(), ClosedStream> {
        self.connection.lock().quic.send_stream(self.id).set_priority(priority)
    }

    /// Whether the peer has acknowledged all bytes and the end, or a reset was sent.
    pub fn is_over(&self) -> bool {
        self.connection.lock().quic.send_stream(self.id).priority().is_err()
    }

    /// Ready when the peer has stopped the stream (with its code), when the stream is over, or the connection (without
    /// one).
    pub fn poll_stopped(&self, waker: &Waker) -> Poll<Option<VarInt>> {
        let mut state = self.connection.lock();
        match state.quic.send_stream(self.id).stopped() {
            Err(ClosedStream { .. }) => Poll::Ready(None),
            Ok(Some(code)) => Poll::Ready(Some(code)),
            Ok(None) if state.error.is_some() => Poll::Ready(None),
            Ok(None) => {
                state.stopped.insert(self.id, waker.clone());
                Poll::Pending
            }
        }
    }

    pub async fn stopped(&self) -> Option<VarInt> {
        poll_fn(|cx| self.poll_stopped(cx.waker())).await
    }
}

impl tokio::io::AsyncWrite for SendStream {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        Self::poll_write(&self, bytes, cx.waker()).map_err(Into::into)
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(self.finish().map_err(Into::into))
    }
}

impl Drop for SendStream {
    fn drop(&mut self) {
        let mut state = self.connection.lock();
        state.writers.remove(&self.id);
        state.stopped.remove(&self.id);
        if state.error.is_some() {
            return;
        }
        let mut stream = state.quic.send_stream(self.id);
        let changed = match stream.finish() {
            Ok(()) => true,
            Err(FinishError::Stopped(code)) => stream.reset(code).is_ok(),
            Err(FinishError::ClosedStream) => false,
        };
        drop(state);
        if changed {
            self.connection.wake();
        }
    }
}
