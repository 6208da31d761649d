//! What a worker and JavaScript's thread share of a link.

use crate::error_codes::Coding;
use crate::events::LINK_UNREAD;
use crate::stream_allowance::Allowance;
use parking_lot::Mutex;
use serde::Serialize;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering::*};
use tokio::sync::Notify;

/// A stream that was opened for JavaScript after it had found the peer's limit reached.
pub enum Spare {
    Uni(quinn::SendStream),
    Bidi(quinn::SendStream, quinn::RecvStream),
}

/// A link as both threads know it.
pub struct LinkShared {
    pub id: u32,
    pub worker: usize,
    pub conn: quinn::Connection,
    pub coding: Coding,
    /// In front of each datagram: the quarter stream id (RFC 9297 section 2.1); empty on raw QUIC.
    pub datagram_prefix: Vec<u8>,
    /// Bytes of events that JavaScript has not drained.
    unread: AtomicUsize,
    /// Something waits for JavaScript to drain.
    pub parked: AtomicBool,
    /// Told when JavaScript has drained.
    pub room: Notify,
    pub spare: Mutex<Vec<Spare>>,
    /// A stream of the kind is being waited for.
    pub wanted_uni: AtomicBool,
    pub wanted_bidi: AtomicBool,
    /// Streams that the peer may have open.
    pub allowed: Allowances,
}

/// Numbers in [`LinkShared::figures`].
pub const FIGURES: usize = 6;

/// By kind of stream.
pub struct Allowances {
    pub uni: Allowance,
    pub bidi: Allowance,
}

impl LinkShared {
    pub fn new(
        id: u32,
        worker: usize,
        conn: quinn::Connection,
        coding: Coding,
        datagram_prefix: Vec<u8>,
        allowed: Allowances,
    ) -> Self {
        Self {
            id,
            worker,
            conn,
            coding,
            datagram_prefix,
            unread: AtomicUsize::new(0),
            parked: AtomicBool::new(false),
            room: Notify::new(),
            spare: Mutex::default(),
            wanted_uni: AtomicBool::new(false),
            wanted_bidi: AtomicBool::new(false),
            allowed,
        }
    }

    pub fn charge(&self, cost: usize) {
        self.unread.fetch_add(cost, AcqRel);
    }

    /// True when someone waits for it.
    pub fn settle(&self, cost: usize) -> bool {
        let before = self.unread.fetch_sub(cost, AcqRel);
        before - cost < LINK_UNREAD / 2 && self.parked.swap(false, AcqRel)
    }

    /// True while the link may be read. When false, `Resume` follows.
    pub fn may_read(&self) -> bool {
        if self.unread.load(Acquire) < LINK_UNREAD {
            return true;
        }
        self.parked.store(true, Release);
        // JavaScript may have drained between the two.
        if self.unread.load(Acquire) < LINK_UNREAD / 2 {
            self.parked.store(false, Release);
            return true;
        }
        false
    }

    /// Bytes sent and received, round trip in milliseconds, congestion window in bytes, packets lost and sent; the last
    /// ones once the connection has ended.
    pub fn figures(&self) -> [f64; FIGURES] {
        let stats = self.conn.stats();
        [
            stats.udp_tx.bytes as f64,
            stats.udp_rx.bytes as f64,
            stats.path.rtt.as_secs_f64() * 1000.0,
            stats.path.cwnd as f64,
            stats.path.lost_packets as f64,
            stats.path.sent_packets as f64,
        ]
    }

    /// Longest datagram in bytes; 0 where there are none.
    pub fn max_datagram(&self) -> usize {
        self.conn.max_datagram_size().map_or(0, |size| size.saturating_sub(self.datagram_prefix.len()))
    }
}

/// What JavaScript is told of a link when it comes up.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Meta {
    pub binding: &'static str,
    pub protocol: String,
    pub authority: String,
    pub path: String,
    pub query: String,
    pub headers: Vec<(String, String)>,
    pub address: String,
    pub port: u16,
    /// DER of the peer's certificate, hexadecimal.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub certificate: Option<String>,
}

/// Why a link ended.
#[derive(Serialize, Clone)]
pub struct Closed {
    pub by: &'static str,
    pub code: u32,
    pub reason: String,
}

/// The end of a link and its last [`LinkShared::figures`].
#[derive(Serialize)]
pub struct Ended {
    #[serde(flatten)]
    pub why: Closed,
    pub figures: [f64; FIGURES],
}

/// Why a dial failed.
#[derive(Serialize)]
pub struct DialError {
    pub code: &'static str,
    pub message: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub status: Option<u16>,
}

impl DialError {
    pub fn failed(message: impl Into<String>) -> Self {
        Self { code: "dial_failed", message: message.into(), status: None }
    }
}

/// JSON of what cannot fail to serialize.
pub fn json(value: &impl Serialize) -> String {
    serde_json::to_string(value).unwrap_or_else(|_| "{}".into())
}

/// The address of a peer as text, IPv4-mapped ones as IPv4.
pub fn address_text(address: std::net::SocketAddr) -> String {
    address.ip().to_canonical().to_string()
}
