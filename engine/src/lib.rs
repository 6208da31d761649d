//! The native engine of moqmesh: QUIC and WebTransport by quinn for one JavaScript thread.
//!
//! Workers (threads of this crate) own sockets, connections and streams. JavaScript's thread hands them commands, which
//! take effect at the end of its turn, and drains their events in flat batches. Bytes to send are copied once, however
//! many streams they go to; bytes received are copied once, into the batch.

mod batch;
mod boundary;
pub mod codes;
mod command;
mod config;
mod core;
mod dial;
pub mod events;
mod h3;
mod link;
mod listener;
mod rounds;
mod runtime;
mod shared;
pub mod slots;
mod socket;
mod stream;
mod tls;
mod worker;
