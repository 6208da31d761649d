//! A datagram that waits to be sent.

#[cfg(target_os = "linux")]
use super::control::Control;
use quinn_udp::{EcnCodepoint, Transmit};
#[cfg(target_os = "linux")]
use socket2::SockAddr;
use std::net::{IpAddr, SocketAddr};

/// Datagrams of one system call. More make the first ones wait, and the kernel saves little more.
pub const BATCH: usize = 32;

/// A datagram, or several of one size for the same address (GSO).
pub struct Datagram {
    pub contents: Vec<u8>,
    #[cfg(target_os = "linux")]
    pub address: SockAddr,
    #[cfg(target_os = "linux")]
    pub control: Control,
    destination: SocketAddr,
    ecn: Option<EcnCodepoint>,
    segment_size: Option<usize>,
    source: Option<IpAddr>,
}

/// Where a datagram goes, and how.
pub struct Route {
    pub destination: SocketAddr,
    pub ecn: Option<EcnCodepoint>,
    pub segment_size: Option<usize>,
    pub source: Option<IpAddr>,
}

impl Datagram {
    pub fn new() -> Self {
        let none = SocketAddr::from(([0, 0, 0, 0], 0));
        Self {
            contents: Vec::new(),
            #[cfg(target_os = "linux")]
            address: none.into(),
            #[cfg(target_os = "linux")]
            control: Control::new(),
            destination: none,
            ecn: None,
            segment_size: None,
            source: None,
        }
    }

    /// Sets the route of the contents.
    pub fn set_route(&mut self, route: Route) {
        #[cfg(target_os = "linux")]
        if self.destination != route.destination {
            self.address = route.destination.into();
        }
        self.destination = route.destination;
        self.ecn = route.ecn;
        self.segment_size = route.segment_size.filter(|size| *size < self.contents.len());
        self.source = route.source;
        #[cfg(target_os = "linux")]
        self.write_control();
    }

    pub fn transmit(&self) -> Transmit<'_> {
        Transmit {
            destination: self.destination,
            ecn: self.ecn,
            contents: &self.contents,
            segment_size: self.segment_size,
            src_ip: self.source,
        }
    }

    #[cfg(target_os = "linux")]
    fn write_control(&mut self) {
        let control = &mut self.control;
        control.clear();
        let ecn = self.ecn.map_or(0, |ecn| ecn as i32).to_ne_bytes();
        if self.destination.ip().to_canonical().is_ipv4() {
            control.push(libc::IPPROTO_IP, libc::IP_TOS, &ecn);
        } else {
            control.push(libc::IPPROTO_IPV6, libc::IPV6_TCLASS, &ecn);
        }
        if let Some(size) = self.segment_size {
            let size = u16::try_from(size).unwrap_or(u16::MAX);
            control.push(libc::SOL_UDP, libc::UDP_SEGMENT, &size.to_ne_bytes());
        }
        match self.source {
            // struct in_pktinfo: interface, source address, and an address that sending does not read.
            Some(IpAddr::V4(source)) => {
                let mut info = [0; 12];
                info[4..8].copy_from_slice(&source.octets());
                control.push(libc::IPPROTO_IP, libc::IP_PKTINFO, &info);
            }
            // struct in6_pktinfo: source address and interface.
            Some(IpAddr::V6(source)) => {
                let mut info = [0; 20];
                info[..16].copy_from_slice(&source.octets());
                control.push(libc::IPPROTO_IPV6, libc::IPV6_PKTINFO, &info);
            }
            None => {}
        }
    }
}
