//! The loop over real sockets of the loopback interface.

use super::{Driver, DriverHandle, Endpoint, Patience};
use crate::tls::{Trust, client};
use crate::udp::Outgoing;
use quinn_proto::{ClientConfig, EndpointConfig, RandomConnectionIdGenerator};
use quinn_udp::RecvMeta;
use std::net::{SocketAddr, UdpSocket};
use std::sync::Arc;
use std::time::{Duration, Instant};

const PATIENCE: Patience = Patience { keep_alive: Duration::from_secs(5), idle_timeout: Duration::from_secs(30) };

fn local() -> UdpSocket {
    let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
    socket.set_nonblocking(true).unwrap();
    socket
}

fn endpoint(driver: &Arc<DriverHandle>) -> Endpoint {
    let mut config = EndpointConfig::default();
    // Without ids a datagram belongs to the connection with its sender.
    config.cid_generator(|| Box::new(RandomConnectionIdGenerator::new(0)));
    Endpoint::new(config, None, local(), driver).unwrap()
}

/// Begins a handshake with `to`, which never answers.
fn connect(endpoint: &Endpoint, to: SocketAddr, driver: &Arc<DriverHandle>) -> super::connection::Connecting {
    let config = ClientConfig::new(client(Trust::Insecure, None, Vec::new()).unwrap());
    endpoint.connect(config, PATIENCE, to, "localhost", driver).unwrap()
}

fn runtime() -> tokio::runtime::Runtime {
    tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap()
}

#[test]
fn a_socket_that_takes_nothing_now_loses_no_datagrams_to_another_one_of_its_worker() {
    runtime().block_on(async {
        let driver: Arc<DriverHandle> = Arc::default();
        let peers = [local(), local()];
        let mut connecting = Vec::new();
        // A new socket takes nothing before the runtime has asked the kernel about it.
        for peer in &peers {
            let endpoint = endpoint(&driver);
            connecting.push((connect(&endpoint, peer.local_addr().unwrap(), &driver), endpoint));
        }
        tokio::spawn(Driver::new(driver.clone(), Box::new(|_| {})).run());
        // QUIC sends a first packet again after a second.
        for peer in peers {
            let peer = tokio::net::UdpSocket::from_std(peer).unwrap();
            let first = tokio::time::timeout(Duration::from_millis(700), peer.recv(&mut [0; 2000])).await;
            assert!(first.expect("the first packet came").unwrap() >= 1200);
        }
    });
}

#[test]
fn datagrams_that_wait_for_another_thread_are_bounded() {
    let runtime = runtime();
    let _context = runtime.enter();
    let driver: Arc<DriverHandle> = Arc::default();
    let (endpoint, peer) = (endpoint(&driver), local());
    let _connecting = connect(&endpoint, peer.local_addr().unwrap(), &driver);
    let about = RecvMeta { addr: peer.local_addr().unwrap(), len: 50, stride: 50, ..RecvMeta::default() };
    let sources = driver.take_sources();
    for _ in 0..10_000 {
        sources[0].0.receive(&[(&about, &[0x40; 50])], Instant::now(), &mut Outgoing::default());
    }
    assert_eq!(endpoint.connections()[0].lock().arrived(), super::inner::MAX_ARRIVED);
}

#[test]
fn connections_that_are_closed_leave_nothing_behind() {
    runtime().block_on(async {
        let driver: Arc<DriverHandle> = Arc::default();
        let (endpoint, peer) = (endpoint(&driver), local());
        tokio::spawn(Driver::new(driver.clone(), Box::new(|_| {})).run());
        let connecting = connect(&endpoint, peer.local_addr().unwrap(), &driver);
        tokio::task::yield_now().await;
        let weak = Arc::downgrade(&endpoint.connections()[0]);
        drop(connecting);
        tokio::time::timeout(Duration::from_secs(10), endpoint.wait_idle()).await.expect("the connection is drained");
        tokio::task::yield_now().await;
        assert_eq!((endpoint.open_connections(), weak.strong_count()), (0, 0));
    });
}
