//! The loop over real sockets of the loopback interface.

use super::handle::Source;
use super::socket::Socket;
use super::{Driver, DriverHandle, Endpoint, Patience};
use crate::tls::{Trust, client};
use crate::udp::Outgoing;
use parking_lot::Mutex;
use quinn_proto::{ClientConfig, EndpointConfig, RandomConnectionIdGenerator};
use quinn_udp::RecvMeta;
use std::net::{SocketAddr, UdpSocket};
use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;
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

/// An endpoint that gives its driver something to do in each turn, and notes in which turn its datagram comes.
struct Busy {
    socket: Arc<Socket>,
    driver: Arc<DriverHandle>,
    turns: Mutex<(u32, Option<u32>)>,
}

impl Source for Busy {
    fn socket(&self) -> &Arc<Socket> {
        &self.socket
    }

    fn receive(&self, _: &[(&RecvMeta, &[u8])], _: Instant, _: &mut Outgoing) {
        let mut turns = self.turns.lock();
        turns.1 = Some(turns.0);
    }

    fn is_gone(&self) -> bool {
        let mut turns = self.turns.lock();
        turns.0 += 1;
        if turns.0 == 10 {
            local().send_to(b"datagram", self.socket.address().unwrap()).unwrap();
        }
        if turns.1.is_none() && turns.0 < 200 {
            self.driver.wake();
        }
        false
    }

    fn abandon(&self) {}
}

#[test]
fn sockets_have_their_turn_while_the_driver_always_has_something_to_do() {
    runtime().block_on(async {
        let driver: Arc<DriverHandle> = Arc::default();
        let socket = Arc::new(Socket::new(local()).unwrap());
        let busy = Arc::new(Busy { socket, driver: driver.clone(), turns: Mutex::default() });
        driver.add_source(busy.clone(), 1500);
        tokio::spawn(Driver::new(driver.clone(), Box::new(|_| {})).run());
        tokio::time::timeout(Duration::from_secs(5), async {
            while busy.turns.lock().1.is_none() {
                tokio::time::sleep(Duration::from_millis(1)).await;
            }
        })
        .await
        .expect("the datagram comes");
        let turn = busy.turns.lock().1.unwrap();
        assert!(turn <= 14, "sent in turn 10, read in turn {turn}");
    });
}

#[test]
fn a_socket_that_takes_nothing_now_loses_no_datagrams_to_another_one_of_its_worker() {
    runtime().block_on(async {
        let driver: Arc<DriverHandle> = Arc::default();
        let peers = [local(), local()];
        let mut connecting = Vec::new();
        for peer in &peers {
            let endpoint = endpoint(&driver);
            endpoint.socket().upgrade().unwrap().refusals.store(3, Relaxed);
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

fn establish(connection: &super::inner::Inner) {
    let mut state = connection.lock();
    state.connected = true;
    connection.note(&state);
}

#[test]
fn a_connection_sends_before_the_handshakes_that_wait() {
    runtime().block_on(async {
        let driver: Arc<DriverHandle> = Arc::default();
        let (busy, quiet, peer) = (endpoint(&driver), endpoint(&driver), local());
        let others: Vec<_> = (0..50).map(|_| local()).collect();
        let mut connecting: Vec<_> =
            others.iter().map(|other| connect(&busy, other.local_addr().unwrap(), &driver)).collect();
        connecting.push(connect(&busy, peer.local_addr().unwrap(), &driver));
        connecting.push(connect(&quiet, peer.local_addr().unwrap(), &driver));
        establish(&quiet.connections()[0]);
        tokio::spawn(Driver::new(driver.clone(), Box::new(|_| {})).run());
        let peer = tokio::net::UdpSocket::from_std(peer).unwrap();
        let first = tokio::time::timeout(Duration::from_secs(5), peer.recv_from(&mut [0; 2000])).await;
        assert_eq!(first.unwrap().unwrap().1, quiet.local_addr().unwrap());
    });
}

#[test]
fn datagrams_that_wait_for_the_driver_are_bounded() {
    assert_eq!(arrived_of_many(false), super::inner::MAX_ARRIVED_NEW);
    assert_eq!(arrived_of_many(true), super::inner::MAX_ARRIVED);
}

/// How many of 10,000 datagrams wait for a driver on another thread. `established`: the handshake is done.
fn arrived_of_many(established: bool) -> usize {
    let runtime = runtime();
    let _context = runtime.enter();
    let driver: Arc<DriverHandle> = Arc::default();
    let (endpoint, peer) = (endpoint(&driver), local());
    let _connecting = connect(&endpoint, peer.local_addr().unwrap(), &driver);
    endpoint.connections()[0].lock().connected = established;
    let about = RecvMeta { addr: peer.local_addr().unwrap(), len: 50, stride: 50, ..RecvMeta::default() };
    let sources = driver.take_sources();
    for _ in 0..10_000 {
        sources[0].0.receive(&[(&about, &[0x40; 50])], Instant::now(), &mut Outgoing::default());
    }
    endpoint.connections()[0].lock().arrived()
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
