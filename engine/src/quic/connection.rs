//! Handles of a connection.

use super::inner::{Arrived, Inner, Ref, State};
use super::recv_stream::RecvStream;
use super::send_stream::SendStream;
use bytes::Bytes;
use quinn_proto::{ConnectionError, ConnectionStats, Dir, StreamId, VarInt};
use std::any::Any;
use std::net::SocketAddr;
use std::sync::Arc;
use std::task::Waker;
use tokio::sync::Notify;

/// A connection whose handshake is under way. Dropping it closes the connection.
pub struct Connecting(Ref);

impl Connecting {
    pub(super) fn new(inner: &Arc<Inner>) -> Self {
        Self(Ref::new(inner))
    }

    pub(super) fn close(&self, code: VarInt, reason: &[u8]) {
        self.0.close(code, reason);
    }

    /// Resolves when the handshake is done.
    pub async fn established(self) -> Result<Connection, ConnectionError> {
        let outcome = wait(&self.0, &self.0.notices.connected, |state| match (&state.error, state.connected) {
            (Some(error), _) => Some(Err(error.clone())),
            (None, true) => Some(Ok(())),
            (None, false) => None,
        });
        outcome.await?;
        Ok(Connection(self.0))
    }
}

/// A stream that the peer has opened, or a datagram.
pub enum Arrival {
    Uni(RecvStream),
    Bidi(SendStream, RecvStream),
    Datagram(Bytes),
}

/// A connection. When this and all its clones and streams are dropped, the connection closes.
#[derive(Clone)]
pub struct Connection(Ref);

impl Connection {
    /// Opens a stream if the peer allows one now.
    pub fn try_open(&self, dir: Dir) -> Option<(SendStream, Option<RecvStream>)> {
        let id = self.0.lock().quic.streams().open(dir)?;
        let recv = (dir == Dir::Bi).then(|| RecvStream::new(self.0.clone(), id));
        Some((SendStream::new(self.0.clone(), id), recv))
    }

    pub async fn open_uni(&self) -> Result<SendStream, ConnectionError> {
        let id = self.open(Dir::Uni).await?;
        Ok(SendStream::new(self.0.clone(), id))
    }

    pub async fn open_bi(&self) -> Result<(SendStream, RecvStream), ConnectionError> {
        let id = self.open(Dir::Bi).await?;
        Ok((SendStream::new(self.0.clone(), id), RecvStream::new(self.0.clone(), id)))
    }

    async fn open(&self, dir: Dir) -> Result<StreamId, ConnectionError> {
        wait(&self.0, &self.0.notices.allowed[dir as usize], |state| match &state.error {
            Some(error) => Some(Err(error.clone())),
            None => state.quic.streams().open(dir).map(Ok),
        })
        .await
    }

    pub async fn accept_uni(&self) -> Result<RecvStream, ConnectionError> {
        let id = self.accept(Dir::Uni).await?;
        Ok(RecvStream::new(self.0.clone(), id))
    }

    pub async fn accept_bi(&self) -> Result<(SendStream, RecvStream), ConnectionError> {
        let id = self.accept(Dir::Bi).await?;
        Ok((SendStream::new(self.0.clone(), id), RecvStream::new(self.0.clone(), id)))
    }

    /// What came before the connection's end is given out after it, too.
    async fn accept(&self, dir: Dir) -> Result<StreamId, ConnectionError> {
        let id = wait(&self.0, &self.0.notices.incoming, |state| {
            let id = state.quic.streams().accept(dir);
            id.map(Ok).or_else(|| state.error.clone().map(Err))
        })
        .await?;
        // The peer may get more credit for streams now.
        self.0.wake();
        Ok(id)
    }

    /// The next stream that the peer has opened, or the next datagram. As with [`Connection::accept_bi`], what came before the connection's end is
    /// given out after it.
    pub async fn next_arrival(&self) -> Result<Arrival, ConnectionError> {
        let arrival = wait(&self.0, &self.0.notices.incoming, |state| {
            let arrival = state.next_arrival();
            arrival.map(Ok).or_else(|| state.error.clone().map(Err))
        })
        .await?;
        Ok(match arrival {
            Arrived::Stream(dir, id) => {
                // The peer may get more credit for streams now.
                self.0.wake();
                let recv = RecvStream::new(self.0.clone(), id);
                match dir {
                    Dir::Bi => Arrival::Bidi(SendStream::new(self.0.clone(), id), recv),
                    Dir::Uni => Arrival::Uni(recv),
                }
            }
            Arrived::Datagram(bytes) => Arrival::Datagram(bytes),
        })
    }

    /// Sends a datagram; false where it does not fit or the peer takes none.
    pub fn send_datagram(&self, bytes: Bytes) -> bool {
        let mut state = self.0.lock();
        let sent = state.error.is_none() && state.quic.datagrams().send(bytes, true).is_ok();
        drop(state);
        if sent {
            self.0.wake();
        }
        sent
    }

    /// Longest datagram in bytes that fits into a packet now; none where the peer takes none.
    pub fn max_datagram_size(&self) -> Option<usize> {
        self.0.lock().quic.datagrams().max_size()
    }

    pub fn datagram_send_buffer_space(&self) -> usize {
        self.0.lock().quic.datagrams().send_buffer_space()
    }

    /// `waker` is woken, with the connection locked, with each probe of a path that is dark, and when the dark has ended.
    pub fn on_dark(&self, waker: Waker) {
        self.0.lock().on_dark = Some(waker);
    }

    /// Resolves when the connection is over.
    pub async fn closed(&self) -> ConnectionError {
        wait(&self.0, &self.0.notices.closed, |state| state.error.clone()).await
    }

    pub fn close_reason(&self) -> Option<ConnectionError> {
        self.0.lock().error.clone()
    }

    pub fn close(&self, code: VarInt, reason: &[u8]) {
        self.0.close(code, reason);
    }

    pub fn stats(&self) -> ConnectionStats {
        self.0.lock().quic.stats()
    }

    /// Congestion window in bytes.
    pub fn congestion_window(&self) -> u64 {
        self.0.lock().quic.congestion_state().window()
    }

    pub fn remote_address(&self) -> SocketAddr {
        self.0.lock().quic.remote_address()
    }

    pub fn handshake_data(&self) -> Option<Box<dyn Any>> {
        self.0.lock().quic.crypto_session().handshake_data()
    }

    pub fn peer_identity(&self) -> Option<Box<dyn Any>> {
        self.0.lock().quic.crypto_session().peer_identity()
    }

    pub fn set_max_concurrent_streams(&self, dir: Dir, count: u32) {
        self.0.lock().quic.set_max_concurrent_streams(dir, VarInt::from_u32(count));
        self.0.wake();
    }

    pub fn set_send_window(&self, bytes: u64) {
        self.0.lock().quic.set_send_window(bytes);
        self.0.wake();
    }
}

/// Waits until `check` has a result, which it tries whenever `notice` comes.
async fn wait<T>(inner: &Arc<Inner>, notice: &Notify, mut check: impl FnMut(&mut State) -> Option<T>) -> T {
    loop {
        let noticed = notice.notified();
        let result = check(&mut inner.lock());
        if let Some(result) = result {
            return result;
        }
        noticed.await;
    }
}
