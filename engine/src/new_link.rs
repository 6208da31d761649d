//! A connection whose handshake is done, on its way to the worker that makes a link of it.

use crate::link_shared::StreamAllowances;
use crate::quic::{Connection, RecvStream, SendStream};
use crate::reports::LinkInfo;

/// The CONNECT stream of a WebTransport session, and the streams that must live as long as the session.
pub struct WebTransport {
    pub send: SendStream,
    pub recv: Option<RecvStream>,
    /// HTTP/3's control streams, which must stay open (RFC 9114 section 6.2.1).
    pub control: Vec<SendStream>,
    /// HTTP/3's streams of the peer, kept open for the same reason.
    pub peer_control: Vec<RecvStream>,
    pub session: u64,
    /// The negotiated protocol; empty where there is none.
    pub protocol: String,
}

pub struct NewLink {
    pub conn: Connection,
    pub web: Option<WebTransport>,
    pub info: LinkInfo,
    /// The listener's id, or the dial's token.
    pub origin: u32,
    pub dialled: bool,
    /// Step in bytes at which the link's backlog is reported.
    pub queue_mark: u32,
    /// Smallest send window in bytes.
    pub send_window: u64,
    /// Streams that the peer may have open.
    pub allowed: StreamAllowances,
}
