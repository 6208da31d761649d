//! QUIC over quinn-proto: the state machines of quinn, driven by one loop for each worker.
//!
//! A worker's [`Driver`] reads the sockets of its endpoints, turns the timers of its connections, and lets all
//! connections that have something to do send in one batch. A connection has no task of its own. Any thread may use a
//! [`Connection`] and its streams: they lock the connection for a moment and put it into its driver's list.

mod connection;
mod driver;
mod endpoint;
mod handle;
mod inner;
mod observed;
mod probe;
mod recv_stream;
mod send_stream;
mod socket;
mod tail;
#[cfg(test)]
mod tests;
mod timers;
mod work;

pub use connection::{Arrival, Connection};
pub use driver::Driver;
pub use endpoint::{Endpoint, Incoming, Patience};
pub use handle::DriverHandle;
pub use observed::Observing;
pub use recv_stream::{ReadError, RecvStream};
pub use send_stream::{SendStream, WriteError};
pub use socket::Socket;
