//! A bound on handshakes under way, shared fairly between addresses. At the bound a new handshake replaces the oldest
//! one of the address that has most, so that one address cannot keep the others out; an address that has most itself
//! loses its own oldest one, because many clients may have one address.

use parking_lot::Mutex;
use std::collections::{BTreeMap, HashMap};
use std::net::IpAddr;
use std::sync::Arc;
use tokio::sync::Notify;

/// Leading bits of an IPv6 address that identify one customer's network.
const IPV6_BITS: u32 = 64;

pub struct HandshakeLimit {
    max: usize,
    permits: Mutex<Permits>,
}

#[derive(Default)]
struct Permits {
    /// The permits of each IPv4 address or IPv6 /64, oldest first.
    by_network: HashMap<IpAddr, BTreeMap<u64, Arc<Notify>>>,
    taken: usize,
    next: u64,
    /// Handshakes refused or replaced since the last [`HandshakeLimit::cut`].
    cut: u64,
}

/// One handshake's part of the limit; dropping it gives the part back.
pub struct HandshakePermit {
    limit: Arc<HandshakeLimit>,
    network: IpAddr,
    id: u64,
    revoked: Arc<Notify>,
}

impl HandshakeLimit {
    pub fn new(max: usize) -> Arc<Self> {
        Arc::new(Self { max, permits: Mutex::default() })
    }

    pub fn taken(&self) -> usize {
        self.permits.lock().taken
    }

    /// Returns how many handshakes were refused or replaced since the last call.
    pub fn cut(&self) -> u64 {
        std::mem::take(&mut self.permits.lock().cut)
    }

    /// Counts a handshake that was refused without asking for a permit.
    pub fn count_cut(&self) {
        self.permits.lock().cut += 1;
    }

    /// A permit; none where the bound is 0.
    pub fn take(self: &Arc<Self>, address: IpAddr) -> Option<HandshakePermit> {
        let network = network_of(address);
        let mut permits = self.permits.lock();
        if permits.taken >= self.max {
            permits.cut += 1;
            permits.revoke_oldest(network)?;
        }
        let id = permits.next;
        let revoked = Arc::new(Notify::new());
        permits.next += 1;
        permits.taken += 1;
        permits.by_network.entry(network).or_default().insert(id, revoked.clone());
        Some(HandshakePermit { limit: self.clone(), network, id, revoked })
    }
}

impl Permits {
    /// Revokes the oldest permit of the address that has most, or of `own` if no address has more.
    fn revoke_oldest(&mut self, own: IpAddr) -> Option<()> {
        let most = |(network, permits): &(&IpAddr, &BTreeMap<_, _>)| (permits.len(), **network == own);
        let (network, permits) = self.by_network.iter().max_by_key(most)?;
        let (&id, revoked) = permits.first_key_value()?;
        revoked.notify_one();
        let network = *network;
        self.remove(network, id);
        Some(())
    }

    fn remove(&mut self, network: IpAddr, id: u64) {
        let Some(permits) = self.by_network.get_mut(&network) else { return };
        if permits.remove(&id).is_none() {
            return;
        }
        self.taken -= 1;
        if permits.is_empty() {
            self.by_network.remove(&network);
        }
    }
}

impl HandshakePermit {
    /// Resolves when another handshake has replaced this one.
    pub async fn revoked(&self) {
        self.revoked.notified().await;
    }
}

impl Drop for HandshakePermit {
    fn drop(&mut self) {
        self.limit.permits.lock().remove(self.network, self.id);
    }
}

fn network_of(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V6(address) => IpAddr::V6((address.to_bits() & (u128::MAX << (128 - IPV6_BITS))).into()),
        address => address,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::future::Future;
    use std::pin::pin;
    use std::task::{Context, Waker};

    fn at(text: &str) -> IpAddr {
        text.parse().unwrap()
    }

    fn is_revoked(permit: &HandshakePermit) -> bool {
        pin!(permit.revoked()).poll(&mut Context::from_waker(Waker::noop())).is_ready()
    }

    #[test]
    fn a_new_handshake_replaces_the_oldest_of_the_address_that_has_most() {
        let limit = HandshakeLimit::new(3);
        let held: Vec<_> = (0..3).filter_map(|_| limit.take(at("192.0.2.1"))).collect();
        let same = limit.take(at("192.0.2.1"));
        let other = limit.take(at("192.0.2.2"));
        assert!(same.is_some() && other.is_some());
        assert_eq!(held.iter().map(is_revoked).collect::<Vec<_>>(), [true, true, false]);
        assert_eq!((limit.taken(), limit.cut(), limit.cut()), (3, 2, 0));
        drop(held);
        assert_eq!(limit.taken(), 2);
        drop((same, other));
        assert_eq!(limit.taken(), 0);
    }

    #[test]
    fn addresses_of_one_ipv6_network_count_together_and_ipv4_mapped_addresses_count_as_ipv4() {
        for (one, other, same) in
            [("2001:db8::1", "2001:db8:0:1::1", "2001:db8::2"), ("192.0.2.1", "192.0.2.2", "::ffff:192.0.2.1")]
        {
            let limit = HandshakeLimit::new(2);
            let (one, other) = (limit.take(at(one)).unwrap(), limit.take(at(other)).unwrap());
            let _same = limit.take(at(same));
            assert_eq!((is_revoked(&one), is_revoked(&other)), (true, false));
        }
    }

    #[test]
    fn an_address_without_permits_replaces_one_of_an_address_that_has_one() {
        let limit = HandshakeLimit::new(2);
        let one = limit.take(at("192.0.2.1")).unwrap();
        let two = limit.take(at("192.0.2.2")).unwrap();
        assert!(limit.take(at("192.0.2.3")).is_some());
        assert!(is_revoked(&one) != is_revoked(&two));
    }
}
