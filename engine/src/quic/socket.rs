//! A UDP socket of an endpoint. quinn-udp sets its options and reads it.

use crate::udp::{Outgoing, Route};
use quinn_proto::Transmit;
use quinn_udp::{RecvMeta, UdpSocketState};
use std::future::Future;
use std::io::{self, IoSliceMut};
use std::net::SocketAddr;
use std::os::fd::AsFd;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use tokio::io::Interest;

/// Most datagrams of one connection that the kernel gets as one (GSO).
const MAX_SEGMENTS: usize = 32;

/// Bytes of a UDP datagram, and of datagrams that go to the kernel as one.
const MAX_BYTES: usize = 65_000;

/// Resolves when the socket may take datagrams again.
pub type Writable = Pin<Box<dyn Future<Output = io::Result<()>> + Send>>;

pub struct Socket {
    io: tokio::net::UdpSocket,
    state: UdpSocketState,
}

impl Socket {
    /// Call this in the context of the runtime that will read the socket.
    pub fn new(socket: std::net::UdpSocket) -> io::Result<Self> {
        let state = UdpSocketState::new((&socket).into())?;
        Ok(Self { io: tokio::net::UdpSocket::from_std(socket)?, state })
    }

    pub fn address(&self) -> io::Result<SocketAddr> {
        self.io.local_addr()
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
        loop {
            ready!(self.io.poll_recv_ready(cx))?;
            let received = self.io.try_io(Interest::READABLE, || {
                let received = self.state.recv((&self.io).into(), buffers, about);
                // `WouldBlock` makes the runtime wait for the next datagram. After another error it would not.
                received.map_err(|error| match error.kind() {
                    io::ErrorKind::ConnectionReset => error,
                    _ => io::ErrorKind::WouldBlock.into(),
                })
            });
            match received {
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                other => return Poll::Ready(other),
            }
        }
    }

    /// Sends what waits. `WouldBlock`: the kernel takes no more now, and the rest waits.
    pub fn send(&self, outgoing: &mut Outgoing) -> io::Result<()> {
        self.io.try_io(Interest::WRITABLE, || outgoing.flush(self.io.as_fd(), &self.state))
    }

    pub fn writable(self: &Arc<Self>) -> Writable {
        let socket = self.clone();
        Box::pin(async move { socket.io.writable().await })
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
