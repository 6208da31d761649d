//! Probes a silent path. While data waits for its acknowledgement and the peer is silent, a ping goes out every now and
//! then, even when the congestion window is full. Without that a path that was dark for seconds would be tried again
//! only when the back-off of RFC 9002 section 6.2 allows it, which doubles each time. A probe is one packet, so it adds
//! nothing to congestion that counts.

use std::time::{Duration, Instant};

/// Shortest time between two probes, beyond two round trips.
const SHORTEST: Duration = Duration::from_millis(100);

/// After this time of silence, probes become rarer: the time between two is this part of the silence.
const RARER_BY: u32 = 16;

/// Longest time between two probes.
const LONGEST: Duration = Duration::from_secs(2);

/// After this time without an acknowledgement the path is dark: what waits is too old for those who watch live. Other reasons for
/// silence, such as a change of network, are shorter.
const DARK: Duration = Duration::from_secs(1);

/// What a connection knows of its peer's silence.
pub struct Silence {
    keep_alive: Duration,
    idle_timeout: Duration,
    /// When a packet last came.
    heard: Instant,
    /// Since when packets have waited for an acknowledgement, in this silence.
    waits: Option<Instant>,
    /// When the last probe of this silence was sent.
    probed: Option<Instant>,
}

impl Silence {
    pub fn new(now: Instant, keep_alive: Duration, idle_timeout: Duration) -> Self {
        Self { keep_alive, idle_timeout, heard: now, waits: None, probed: None }
    }

    /// A packet has come. Once probes are sent, only an acknowledgement ends the silence: the peer may be heard before it
    /// has heard of us. True when that ends the dark.
    pub fn heard(&mut self, now: Instant, acknowledged: bool) -> bool {
        self.heard = now;
        let ends = acknowledged || self.probed.is_none();
        let dark = ends && self.is_dark();
        if ends {
            self.waits = None;
            self.probed = None;
        }
        dark
    }

    /// A probe is sent.
    pub fn probed(&mut self, now: Instant) {
        self.probed = Some(now);
    }

    /// A probe has been sent so late in this silence that the path is dark.
    pub fn is_dark(&self) -> bool {
        let (Some(waits), Some(probed)) = (self.waits, self.probed) else { return false };
        probed.saturating_duration_since(waits) >= DARK
    }

    /// When the next probe is due, if data still waits then. `next` is the next timer of the connection: where that is
    /// neither its keep-alive nor its idle timeout, packets wait for an acknowledgement.
    pub fn probe_at(&mut self, now: Instant, next: Option<Instant>, rtt: Duration) -> Option<Instant> {
        if self.probed.is_none() {
            let alive = now < self.heard + self.keep_alive;
            let quiet = self.heard + if alive { self.keep_alive } else { self.idle_timeout };
            if next.is_none_or(|next| next + Duration::from_millis(1) >= quiet) {
                self.waits = None;
                return None;
            }
        }
        let waits = *self.waits.get_or_insert(now);
        let last = self.probed.unwrap_or(waits);
        let silent = last.saturating_duration_since(waits);
        let apart = (2 * rtt + SHORTEST).max(silent / RARER_BY).min(LONGEST.max(2 * rtt));
        Some(last + apart)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const RTT: Duration = Duration::from_millis(40);

    const fn ms(count: u64) -> Duration {
        Duration::from_millis(count)
    }

    #[test]
    fn a_silent_peer_is_probed_while_data_waits_and_soon_after_seconds_of_silence_too() {
        let start = Instant::now();
        let mut silence = Silence::new(start, ms(5000), ms(30_000));
        let timer = Some(start + ms(120));
        assert_eq!(silence.probe_at(start, timer, RTT), Some(start + ms(180)));
        let (mut now, mut longest) = (start, Duration::ZERO);
        while now < start + ms(5000) {
            let at = silence.probe_at(now, timer, RTT).unwrap();
            longest = longest.max(at - now);
            now = at;
            silence.probed(now);
        }
        assert!(longest <= ms(400), "{longest:?}");
        let late = Some(now + ms(9000));
        silence.heard(now, false);
        assert!(silence.probe_at(now, late, RTT).is_some(), "the peer has not acknowledged anything");
        silence.heard(now, true);
        assert_eq!(silence.probe_at(now, late, RTT), None);
    }

    #[test]
    fn the_path_is_dark_after_a_second_of_probes_without_an_acknowledgement() {
        let start = Instant::now();
        let mut silence = Silence::new(start, ms(5000), ms(30_000));
        let timer = Some(start + ms(120));
        let dark_after = |silence: &mut Silence, from: Instant| {
            let mut now = from;
            loop {
                now = silence.probe_at(now, timer, RTT).unwrap();
                silence.probed(now);
                if silence.is_dark() {
                    return now - from;
                }
            }
        };
        let first = dark_after(&mut silence, start);
        assert!((ms(1000)..ms(1200)).contains(&first), "{first:?}");
        assert!(!silence.heard(start + ms(1500), false), "the peer has not acknowledged anything");
        assert!(silence.is_dark());
        let light = start + ms(2000);
        assert!(silence.heard(light, true));
        assert!(!silence.is_dark());
        assert_eq!(dark_after(&mut silence, light), first);
    }

    #[test]
    fn nothing_is_probed_where_only_the_keep_alive_or_the_idle_timeout_waits() {
        let start = Instant::now();
        let mut silence = Silence::new(start, ms(5000), ms(30_000));
        for (now, next) in [(0, Some(5000)), (4999, Some(5000)), (5001, Some(30_000)), (100, None)] {
            assert_eq!(silence.probe_at(start + ms(now), next.map(|next| start + ms(next)), RTT), None);
        }
        let pinged = start + ms(5001);
        assert_eq!(silence.probe_at(pinged, Some(start + ms(5200)), RTT), Some(pinged + ms(180)));
    }
}
