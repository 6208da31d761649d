//! The native engine of moqmesh: QUIC and WebTransport by quinn for one JavaScript thread.
//!
//! Workers (threads of this crate) own sockets, connections and streams. JavaScript's thread hands them commands, which
//! take effect at the end of its turn, and drains their events in flat batches. Bytes to send are copied once, however
//! many streams they go to; bytes received are copied once, into the batch.

/// What the binary was built from: `scripts/build-engine.js` looks for it in the file.
#[used]
static SOURCES: &str = concat!("moqmesh-engine-sources:", env!("MOQMESH_ENGINE_SOURCES"));

pub mod allowance;
pub mod batch;
pub mod boundary;
pub mod codes;
pub mod command;
pub mod config;
mod congestion;
pub mod core;
pub mod dial;
pub mod events;
pub mod h3;
pub mod link;
pub mod listener;
pub mod places;
pub mod rounds;
pub mod runtime;
pub mod shared;
pub mod slots;
pub mod socket;
pub mod stream;
pub mod tls;
pub mod worker;
