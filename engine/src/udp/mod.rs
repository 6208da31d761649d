//! UDP for QUIC: datagrams of many connections go out in one system call.

#[cfg(target_os = "linux")]
mod control;
mod datagram;
mod outgoing;
#[cfg(target_os = "linux")]
mod sendmmsg;

pub use datagram::Route;
pub use outgoing::Outgoing;
