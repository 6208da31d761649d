//! Datagrams that wait to be sent together.

use super::datagram::{BATCH, Datagram, Route};
use quinn_udp::UdpSocketState;
use std::io;
use std::os::fd::BorrowedFd;

/// Up to [`BATCH`] datagrams of one socket. Their buffers are used again.
#[derive(Default)]
pub struct Outgoing {
    datagrams: Vec<Datagram>,
    filled: usize,
    /// Datagrams in front that were sent already, while the kernel takes no more.
    sent: usize,
}

impl Outgoing {
    pub fn is_empty(&self) -> bool {
        self.filled == 0
    }

    pub fn is_full(&self) -> bool {
        self.filled == BATCH
    }

    /// The empty buffer of the next datagram. The batch must not be full.
    pub fn buffer(&mut self) -> &mut Vec<u8> {
        if self.filled == self.datagrams.len() {
            self.datagrams.push(Datagram::new());
        }
        let contents = &mut self.datagrams[self.filled].contents;
        contents.clear();
        contents
    }

    /// Adds the datagram that was written to [`Outgoing::buffer`].
    pub fn push(&mut self, route: Route) {
        self.datagrams[self.filled].set_route(route);
        self.filled += 1;
    }

    /// Drops what waits.
    pub fn clear(&mut self) {
        self.filled = 0;
        self.sent = 0;
    }

    /// Sends what waits. On `WouldBlock` the rest waits for the next call.
    pub fn flush(&mut self, socket: BorrowedFd<'_>, state: &UdpSocketState) -> io::Result<()> {
        while self.sent < self.filled {
            self.sent += send_some(socket, state, &self.datagrams[self.sent..self.filled])?;
        }
        self.filled = 0;
        self.sent = 0;
        Ok(())
    }
}

/// Sends at least the first datagram. quinn-udp sends single ones, and those that the kernel refused among many: it
/// knows the errors of old kernels and of network cards without GSO.
fn send_some(socket: BorrowedFd<'_>, state: &UdpSocketState, datagrams: &[Datagram]) -> io::Result<usize> {
    #[cfg(target_os = "linux")]
    if datagrams.len() > 1 {
        match super::sendmmsg::send_many(socket, datagrams) {
            Ok(sent) if sent > 0 => return Ok(sent),
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Err(error),
            _ => {}
        }
    }
    state.send((&socket).into(), &datagrams[0].transmit())?;
    Ok(1)
}

#[cfg(test)]
mod tests {
    use super::*;
    use quinn_udp::EcnCodepoint;
    use std::net::{IpAddr, SocketAddr, UdpSocket};
    use std::os::fd::AsFd;

    fn send(from: &str, count: usize, segment_size: Option<usize>, source: Option<IpAddr>) -> Vec<Vec<u8>> {
        let to = UdpSocket::bind("127.0.0.1:0").unwrap();
        to.set_read_timeout(Some(std::time::Duration::from_secs(1))).unwrap();
        let socket = UdpSocket::bind(from).unwrap();
        let state = UdpSocketState::new((&socket).into()).unwrap();
        let mut outgoing = Outgoing::default();
        let destination = match to.local_addr().unwrap() {
            SocketAddr::V4(to) if from.starts_with('[') => SocketAddr::from((to.ip().to_ipv6_mapped(), to.port())),
            to => to,
        };
        for index in 0..count {
            outgoing.buffer().extend([index as u8; 300]);
            outgoing.push(Route { destination, ecn: Some(EcnCodepoint::Ect0), segment_size, source });
        }
        assert_eq!(outgoing.is_full(), count == BATCH);
        outgoing.flush(socket.as_fd(), &state).unwrap();
        assert!(outgoing.is_empty());
        let segments = segment_size.map_or(1, |size| 300usize.div_ceil(size));
        let mut got = Vec::new();
        for _ in 0..count * segments {
            let mut bytes = [0; 2000];
            let length = to.recv(&mut bytes).unwrap();
            got.push(bytes[..length].to_vec());
        }
        got
    }

    #[test]
    fn a_full_batch_arrives_in_order() {
        let got = send("127.0.0.1:0", BATCH, None, Some("127.0.0.1".parse().unwrap()));
        let want: Vec<_> = (0..BATCH).map(|index| vec![index as u8; 300]).collect();
        assert_eq!(got, want);
    }

    #[test]
    fn datagrams_in_segments_and_from_a_socket_of_both_families_arrive() {
        let got = send("127.0.0.1:0", 3, Some(200), None);
        assert_eq!(got.iter().map(Vec::len).collect::<Vec<_>>(), [200, 100, 200, 100, 200, 100]);
        let got = send("[::]:0", 2, None, Some("::ffff:127.0.0.1".parse().unwrap()));
        assert_eq!(got, [vec![0; 300], vec![1; 300]]);
    }
}
