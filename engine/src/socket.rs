//! UDP sockets: one for both address families, with buffers of the wanted size where the kernel allows it.

use socket2::{Domain, Protocol, Socket, Type};
use std::io;
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr, UdpSocket};

pub struct SocketOptions {
    /// Receive and send buffer in bytes.
    pub buffer: usize,
    pub reuse_port: bool,
}

/// A bound socket, and a warning for the operator if the kernel gave it smaller buffers.
pub fn bind(address: SocketAddr, options: &SocketOptions) -> io::Result<(UdpSocket, Option<String>)> {
    let socket = Socket::new(Domain::for_address(address), Type::DGRAM, Some(Protocol::UDP))?;
    if let SocketAddr::V6(v6) = address {
        socket.set_only_v6(!v6.ip().is_unspecified())?;
    }
    #[cfg(unix)]
    if options.reuse_port {
        socket.set_reuse_port(true)?;
    }
    socket.set_recv_buffer_size(options.buffer)?;
    socket.set_send_buffer_size(options.buffer)?;
    socket.bind(&address.into())?;
    let warning = shortfall(&socket, options.buffer)?;
    Ok((socket.into(), warning))
}

/// A socket for dialling, on any port, for IPv6 (`v6`) or IPv4.
pub fn bind_client(v6: bool, options: &SocketOptions) -> io::Result<UdpSocket> {
    let any =
        if v6 { SocketAddr::from((Ipv6Addr::UNSPECIFIED, 0)) } else { SocketAddr::from((Ipv4Addr::UNSPECIFIED, 0)) };
    let options = SocketOptions { buffer: options.buffer, reuse_port: false };
    bind(any, &options).map(|(socket, _)| socket)
}

fn shortfall(socket: &Socket, asked: usize) -> io::Result<Option<String>> {
    // Linux reports twice what it grants, for its own bookkeeping.
    let doubled = if cfg!(target_os = "linux") { 2 } else { 1 };
    let receive = socket.recv_buffer_size()? / doubled;
    let send = socket.send_buffer_size()? / doubled;
    if receive >= asked && send >= asked {
        return Ok(None);
    }
    Ok(Some(format!(
        "the kernel limits the UDP socket's buffers to {receive} bytes (receive) and {send} bytes (send) instead of \
         {asked}; packets of a burst may be lost; raise the limit with: \
         sysctl -w net.core.rmem_max={asked} net.core.wmem_max={asked}"
    )))
}
