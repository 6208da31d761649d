//! Commands to a worker: from JavaScript, and from the tasks that wait on QUIC.

use crate::frames::Framing;
use crate::new_link::NewLink;
use crate::quic::{RecvStream, SendStream};
use bytes::Bytes;

/// What is read of a stream from its mark on goes to other streams as well.
pub struct Pass {
    pub from: u32,
    /// JavaScript may learn of the bytes later.
    pub late: bool,
    /// Of the stream: its framing, the largest payload of an object, and the bytes of a payload that come first.
    pub framing: Framing,
    pub largest: u64,
    pub left: u64,
    /// The streams, by the framing that they get.
    pub to: Vec<(Framing, Box<[u32]>)>,
}

pub enum Command {
    Accept(u32),
    Reject(u32, u16),
    Close(u32, u32, String),
    /// JavaScript opened a stream.
    Opened {
        id: u32,
        link: u32,
        send: SendStream,
        recv: Option<RecvStream>,
        priority: i32,
    },
    Write(u32, Bytes),
    WriteMany(Box<[u32]>, Bytes),
    Finish(u32),
    FinishMany(Box<[u32]>),
    Reset(u32, u32),
    ResetMany(Box<[u32]>, u32),
    Stop(u32, u32),
    Priority(u32, i32),
    /// JavaScript asks for a mark in a stream of the peer: [`crate::events::Event::Mark`] follows, and the stream is not read until
    /// [`Command::Pass`].
    Mark(u32),
    Pass(Box<Pass>),
    /// Nothing of the stream is passed on any more; [`crate::events::Event::Unpassed`] follows.
    Unpass(u32),
    /// Bytes of a stream of another worker for streams of this one.
    Passed(Box<[u32]>, Bytes),
    /// JavaScript has drained enough events; the link may be read again.
    Resume(u32),
    /// JavaScript found the peer's stream limit reached; open a stream when the limit allows it. True: bidirectional.
    OpenWhenAllowed(u32, bool),
    NewLink(Box<NewLink>),
    IncomingUni(u32, RecvStream),
    IncomingBidi(u32, SendStream, RecvStream),
    Datagram(u32, Bytes),
    /// The connection is over, and everything received before was passed on.
    Lost(u32),
    /// The peer ended the WebTransport session.
    SessionEnded(u32, u32, String),
    /// Ends the listener's links.
    CloseListener(u32),
    /// Asks for a sign of life.
    Pulse,
    Shutdown,
}
