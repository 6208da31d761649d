//! A UDP socket of an endpoint. quinn-udp sets its options and reads it.

use crate::udp::{Outgoing, Route};
use quinn_proto::Transmit;
use quinn_udp::{RecvMeta, UdpSocketState};
use std::future::Future;
use std::io::{self, IoSliceMut};
use std::net::{SocketAddr, UdpSocket};
use std::os::fd::AsFd;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::task::{Context, Poll, ready};
use std::time::Duration;
use tokio::io::Interest;
use tokio::io::unix::AsyncFd;

/// Most datagrams of one connection that the kernel gets as one (GSO).
const MAX_SEGMENTS: usize = 32;

/// Bytes of a UDP datagram, and of datagrams that go to the kernel as one.
const MAX_BYTES: usize = 65_000;

/// How long a full socket is left alone where the kernel cannot be asked when it takes datagrams again.
const FULL: Duration = Duration::from_millis(1);

/// Resolves when the socket may take datagrams again.
pub type Writable = Pin<Box<dyn Future<Output = ()> + Send>>;

pub struct Socket {
    /// Watched for datagrams alone. With interest in room as well, the kernel would wake the thread for each datagram that leaves the
    /// socket's buffer.
    io: AsyncFd<UdpSocket>,
    state: UdpSocketState,
    /// The kernel has given several datagrams in one call. Where it cannot, a call that gives one says nothing of others.
    several: AtomicBool,
    /// Calls of [`Socket::send`] that find the socket full.
    #[cfg(test)]
    pub refusals: std::sync::atomic::AtomicU32,
}

impl Socket {
    /// Call this in the context of the runtime that will read the socket.
    pub fn new(socket: UdpSocket) -> io::Result<Self> {
        let state = UdpSocketState::new((&socket).into())?;
        // SAFETY: the socket is open as long as the `AsyncFd` owns it, and always has the same descriptor.
        let io = unsafe { AsyncFd::register_with_interest(socket, Interest::READABLE) }?;
        Ok(Self {
            io,
            state,
            several: AtomicBool::new(false),
            #[cfg(test)]
            refusals: Default::default(),
        })
    }

    pub fn address(&self) -> io::Result<SocketAddr> {
        self.io.get_ref().local_addr()
    }

    /// Whether the path's MTU may be probed: the network does not cut datagrams.
    pub fn may_probe(&self) -> bool {
        !self.state.may_fragment()
    }

    /// Datagrams of `mtu` bytes that one call may send to the same address.
    pub fn segments(&self, mtu: u16) -> usize {
        self.state.max_gso_segments().min(MAX_SEGMENTS).min(MAX_BYTES / usize::from(mtu.max(1))).max(1)
    }

    /// Datagrams of one sender that the kernel may deliver as one (GRO).
    pub fn receive_segments(&self) -> usize {
        self.state.gro_segments()
    }

    /// Receives datagrams; registers the task's waker where there are none, or where the kernel reports an error.
    pub fn poll_receive(
        &self,
        cx: &mut Context<'_>,
        buffers: &mut [IoSliceMut<'_>],
        about: &mut [RecvMeta],
    ) -> Poll<io::Result<usize>> {
        let most = buffers.len();
        loop {
            let mut ready = ready!(self.io.poll_read_ready(cx))?;
            let received = ready.try_io(|io| {
                let received = self.state.recv(io.get_ref().into(), buffers, about);
                // `WouldBlock` makes the runtime wait for the next datagram. After another error it would not.
                received.map_err(|error| match error.kind() {
                    io::ErrorKind::ConnectionReset => error,
                    _ => io::ErrorKind::WouldBlock.into(),
                })
            });
            let Ok(received) = received else { continue };
            if let Ok(count) = received {
                if count > 1 {
                    self.several.store(true, Relaxed);
                }
                if count < most && self.several.load(Relaxed) {
                    // The kernel had no more: the next call would only say so.
                    ready.clear_ready();
                }
            }
            return Poll::Ready(received);
        }
    }

    /// Sends what waits. `WouldBlock`: the kernel takes no more now, and the rest waits.
    pub fn send(&self, outgoing: &mut Outgoing) -> io::Result<()> {
        #[cfg(test)]
        if self.refusals.fetch_update(Relaxed, Relaxed, |left| left.checked_sub(1)).is_ok() {
            return Err(io::ErrorKind::WouldBlock.into());
        }
        outgoing.flush(self.io.get_ref().as_fd(), &self.state)
    }

    pub fn writable(self: &Arc<Self>) -> Writable {
        let socket = self.clone();
        Box::pin(async move {
            if socket.room().await.is_err() {
                tokio::time::sleep(FULL).await;
            }
        })
    }

    /// Resolves when the kernel has room in the socket. Fails where that cannot be watched, such as without a file descriptor.
    async fn room(&self) -> io::Result<()> {
        let same = self.io.get_ref().try_clone()?;
        // SAFETY: the same as in `new`.
        let watched = unsafe { AsyncFd::register_with_interest(same, Interest::WRITABLE) }?;
        watched.writable().await.map(drop)
    }
}

/// Where a packet of QUIC goes.
pub fn route(transmit: &Transmit) -> Route {
    Route {
        destination: transmit.destination,
        ecn: transmit.ecn.and_then(|ecn| quinn_udp::EcnCodepoint::from_bits(ecn as u8)),
        segment_size: transmit.segment_size,
        source: transmit.src_ip,
    }
}
