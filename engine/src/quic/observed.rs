//! What a connection tells its congestion controller, for those who drive the connection: what was sent, acknowledged and
//! lost. And the window that is open for a probe.

use quinn_proto::RttEstimator;
use quinn_proto::congestion::{Controller, ControllerFactory, ControllerMetrics};
use std::any::Any;
use std::cell::Cell;
use std::sync::Arc;
use std::time::Instant;

/// The window while a probe is sent, in bytes: no connection has as much in flight, and QUIC does not pace it.
const OPEN: u64 = 1 << 40;

/// What a connection did.
#[derive(Clone, Copy, Default, PartialEq, Eq, Debug)]
pub struct Observed {
    /// Number of the last packet that it sent, of those that the peer acknowledges.
    pub sent: Option<u64>,
    /// Bytes of those packets.
    pub sent_bytes: u64,
    /// Something new was acknowledged.
    pub acknowledged: bool,
    /// The largest number of a packet that was acknowledged now.
    pub largest: Option<u64>,
    /// Bytes of packets that it took for lost.
    pub lost_bytes: u64,
}

thread_local! {
    /// This thread sends a probe, which the window must not stop.
    static PROBES: Cell<bool> = const { Cell::new(false) };
    /// What the connection that this thread drives has done.
    static OBSERVED: Cell<Observed> = const {
        Cell::new(Observed { sent: None, sent_bytes: 0, acknowledged: false, largest: None, lost_bytes: 0 })
    };
}

/// Sends a probe: the congestion window is open while `send` runs.
pub fn with_open_window<T>(send: impl FnOnce() -> T) -> T {
    struct Closes;
    impl Drop for Closes {
        fn drop(&mut self) {
            PROBES.set(false);
        }
    }
    let _closes = Closes;
    PROBES.set(true);
    send()
}

/// Runs `drive`, in which a connection receives, sends or turns its timers. Returns what the connection did, too.
pub fn observe<T>(drive: impl FnOnce() -> T) -> (T, Observed) {
    OBSERVED.take();
    let result = drive();
    (result, OBSERVED.take())
}

fn note(what: impl FnOnce(&mut Observed)) {
    let mut observed = OBSERVED.get();
    what(&mut observed);
    OBSERVED.set(observed);
}

/// Has connections with the controllers that `0` builds observed, and lets probes pass their windows.
pub struct Observing(pub Arc<dyn ControllerFactory + Send + Sync>);

impl ControllerFactory for Observing {
    fn build(self: Arc<Self>, now: Instant, mtu: u16) -> Box<dyn Controller> {
        Box::new(ObservingController(self.0.clone().build(now, mtu)))
    }
}

struct ObservingController(Box<dyn Controller>);

impl Controller for ObservingController {
    fn on_sent(&mut self, now: Instant, bytes: u64, last_packet_number: u64) {
        note(|observed| {
            observed.sent = Some(last_packet_number);
            observed.sent_bytes += bytes;
        });
        self.0.on_sent(now, bytes, last_packet_number);
    }

    fn on_ack(&mut self, now: Instant, sent: Instant, bytes: u64, app_limited: bool, rtt: &RttEstimator) {
        self.0.on_ack(now, sent, bytes, app_limited, rtt);
    }

    fn on_end_acks(&mut self, now: Instant, in_flight: u64, app_limited: bool, largest: Option<u64>) {
        note(|observed| {
            observed.acknowledged = true;
            observed.largest = observed.largest.max(largest);
        });
        self.0.on_end_acks(now, in_flight, app_limited, largest);
    }

    fn on_congestion_event(&mut self, now: Instant, sent: Instant, persistent: bool, lost: u64) {
        note(|observed| observed.lost_bytes += lost);
        self.0.on_congestion_event(now, sent, persistent, lost);
    }

    fn on_mtu_update(&mut self, mtu: u16) {
        self.0.on_mtu_update(mtu);
    }

    fn window(&self) -> u64 {
        if PROBES.get() { OPEN } else { self.0.window() }
    }

    fn metrics(&self) -> ControllerMetrics {
        self.0.metrics()
    }

    fn clone_box(&self) -> Box<dyn Controller> {
        Box::new(Self(self.0.clone_box()))
    }

    fn initial_window(&self) -> u64 {
        self.0.initial_window()
    }

    fn into_any(self: Box<Self>) -> Box<dyn Any> {
        self.0.into_any()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_window_is_open_for_probes_alone() {
        let factory: Arc<dyn ControllerFactory + Send + Sync> =
            Arc::new(quinn_proto::congestion::CubicConfig::default());
        let controller = Arc::new(Observing(factory)).build(Instant::now(), 1200);
        let window = controller.window();
        assert_eq!(with_open_window(|| controller.window()), OPEN);
        assert_eq!(controller.window(), window);
        assert_eq!(controller.clone_box().window(), window);
        assert!(std::panic::catch_unwind(|| with_open_window(|| panic!("a panic while a probe is sent"))).is_err());
        assert_eq!(controller.window(), window, "the window is closed after a panic, too");
    }

    #[test]
    fn what_a_connection_tells_its_controller_is_observed() {
        let factory: Arc<dyn ControllerFactory + Send + Sync> =
            Arc::new(quinn_proto::congestion::CubicConfig::default());
        let now = Instant::now();
        let mut controller = Arc::new(Observing(factory)).build(now, 1200);
        let ((), seen) = observe(|| {
            controller.on_sent(now, 1200, 6);
            controller.on_sent(now, 1200, 7);
        });
        assert_eq!(seen, Observed { sent: Some(7), sent_bytes: 2400, ..Observed::default() });
        let ((), seen) = observe(|| {
            controller.on_end_acks(now, 0, false, Some(5));
            controller.on_end_acks(now, 0, false, None);
            controller.on_congestion_event(now, now, false, 1200);
            // Congestion that the network marks (ECN) has lost nothing.
            controller.on_congestion_event(now, now, false, 0);
        });
        let expected = Observed { acknowledged: true, largest: Some(5), lost_bytes: 1200, ..Observed::default() };
        assert_eq!(seen, expected);
        assert_eq!(observe(|| 1), (1, Observed::default()));
    }
}
