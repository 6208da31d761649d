//! The part of a link that its worker and JavaScript's thread share.

use crate::error_codes::CodeMapping;
use crate::quic::{Connection, RecvStream, SendStream};
use crate::stream_allowance::StreamAllowance;
use parking_lot::Mutex;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering::*};
use tokio::sync::Notify;

/// Bytes of one link's events that may wait for JavaScript. At this bound the link is not read: its streams and
/// datagrams stay in QUIC, whose flow control then stops the peer.
pub const LINK_UNREAD: usize = 1024 * 1024;

/// A stream that was opened when the peer's limit allowed it, after JavaScript had asked in vain.
pub enum PreopenedStream {
    Uni(SendStream),
    Bidi(SendStream, RecvStream),
}

pub struct LinkShared {
    pub id: u32,
    pub worker: usize,
    pub conn: Connection,
    pub codes: CodeMapping,
    /// In front of each datagram: the quarter stream id (RFC 9297 section 2.1); empty on raw QUIC.
    pub datagram_prefix: Vec<u8>,
    /// Bytes of events that JavaScript has not drained.
    unread: AtomicUsize,
    /// The worker waits until JavaScript has drained events.
    pub parked: AtomicBool,
    /// Notified when JavaScript has drained events.
    pub room: Notify,
    pub preopened: Mutex<Vec<PreopenedStream>>,
    /// A task waits until the peer allows a stream of the kind.
    opening_uni: AtomicBool,
    opening_bidi: AtomicBool,
    /// Streams that the peer may have open.
    pub allowed: StreamAllowances,
}

/// Numbers in [`LinkShared::figures`].
pub const FIGURES: usize = 6;

/// By kind of stream.
pub struct StreamAllowances {
    pub uni: StreamAllowance,
    pub bidi: StreamAllowance,
}

impl LinkShared {
    pub fn new(
        id: u32,
        worker: usize,
        conn: Connection,
        codes: CodeMapping,
        datagram_prefix: Vec<u8>,
        allowed: StreamAllowances,
    ) -> Self {
        Self {
            id,
            worker,
            conn,
            codes,
            datagram_prefix,
            unread: AtomicUsize::new(0),
            parked: AtomicBool::new(false),
            room: Notify::new(),
            preopened: Mutex::default(),
            opening_uni: AtomicBool::new(false),
            opening_bidi: AtomicBool::new(false),
            allowed,
        }
    }

    /// Counts an event that JavaScript has not drained.
    pub fn charge(&self, cost: usize) {
        self.unread.fetch_add(cost, AcqRel);
    }

    /// Takes a charge back; true when the worker waits for that and can go on.
    pub fn discharge(&self, cost: usize) -> bool {
        let before = self.unread.fetch_sub(cost, AcqRel);
        before - cost < LINK_UNREAD / 2 && self.parked.swap(false, AcqRel)
    }

    /// True while the link may be read. After a false, `Command::Resume` follows.
    pub fn may_read(&self) -> bool {
        if self.unread.load(Acquire) < LINK_UNREAD {
            return true;
        }
        self.parked.store(true, Release);
        // JavaScript may have drained events between the two.
        if self.unread.load(Acquire) < LINK_UNREAD / 2 {
            self.parked.store(false, Release);
            return true;
        }
        false
    }

    /// Whether a task waits until the peer allows a stream of the kind.
    pub fn opening(&self, bidi: bool) -> &AtomicBool {
        if bidi { &self.opening_bidi } else { &self.opening_uni }
    }

    /// Bytes sent and received, round trip in milliseconds, congestion window in bytes, packets lost and sent. After
    /// the connection's end they keep their last values.
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
