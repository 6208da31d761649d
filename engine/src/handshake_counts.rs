//! How the handshakes of all listeners ended, for the operator's figures.

use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

/// Totals since the start of the engine.
#[derive(Default)]
pub struct HandshakeCounts {
    /// The client's link was offered to JavaScript.
    pub completed: AtomicU64,
    /// TLS, the protocols or the request did not fit, or the client stopped answering.
    pub failed: AtomicU64,
    /// The client must prove its address first, because many handshakes are under way.
    pub retried: AtomicU64,
    /// Refused or replaced at the bound on handshakes, or because the listener accepts no more.
    pub refused: AtomicU64,
}

/// Numbers in [`HandshakeCounts::figures`].
pub const HANDSHAKE_FIGURES: usize = 4;

impl HandshakeCounts {
    pub fn figures(&self) -> [f64; HANDSHAKE_FIGURES] {
        [&self.completed, &self.failed, &self.retried, &self.refused].map(|count| count.load(Relaxed) as f64)
    }
}

/// One more.
pub fn count(counter: &AtomicU64) {
    counter.fetch_add(1, Relaxed);
}
