//! The native engine of moqmesh: QUIC and WebTransport by quinn-proto for one JavaScript thread.
//!
//! Workers (threads of this crate) own sockets, connections and streams. JavaScript's thread sends them commands, which
//! take effect at the end of its turn, and drains their events in flat batches. Bytes to send are copied once, even
//! when they go to many streams. Received bytes are copied once, into the batch.

/// The hash of the sources that this binary was built from. `scripts/build-engine.js` searches the file for it.
#[used]
static SOURCES: &str = concat!("moqmesh-engine-sources:", env!("MOQMESH_ENGINE_SOURCES"));

pub mod batch;
pub mod command;
pub mod config;
mod congestion;
pub mod dial;
pub mod engine;
pub mod error_codes;
pub mod events;
mod frames;
pub mod h3;
pub mod handshake_counts;
pub mod handshake_limit;
pub mod handshake_rate;
pub mod ids;
pub mod link;
pub mod link_shared;
pub mod listener;
pub mod memory;
pub mod napi;
pub mod new_link;
mod panic_text;
pub mod process;
mod quic;
pub mod reports;
pub mod requests;
mod reset_key;
mod routable_ids;
pub mod service_manager;
pub mod socket;
pub mod stream;
pub mod stream_allowance;
pub mod tls;
mod udp;
pub mod worker;
pub mod worker_clock;
pub mod worker_loop;
pub mod worker_thread;
