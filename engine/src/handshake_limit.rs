//! Handshakes that are under way, shared out by address: at the bound a newcomer gets the oldest place of the address that holds
//! most, so that no address keeps others out.

use parking_lot::Mutex;
use std::collections::{BTreeMap, HashMap};
use std::net::IpAddr;
use std::sync::Arc;
use tokio::sync::Notify;

/// Bits of an IPv6 address that tell one customer from another.
const IPV6_BITS: u32 = 64;

pub struct Places {
    max: usize,
    held: Mutex<Held>,
}

#[derive(Default)]
struct Held {
    /// By address, or IPv6 /64: who holds each place, oldest first.
    by: HashMap<IpAddr, BTreeMap<u64, Arc<Notify>>>,
    taken: usize,
    next: u64,
    /// Places that were refused, or taken from somebody, since that was last asked.
    cut: u64,
}

/// Given back when it is dropped.
pub struct Place {
    places: Arc<Places>,
    network: IpAddr,
    id: u64,
    lost: Arc<Notify>,
}

impl Places {
    pub fn new(max: usize) -> Arc<Self> {
        Arc::new(Self { max, held: Mutex::default() })
    }

    pub fn taken(&self) -> usize {
        self.held.lock().taken
    }

    /// Places that were refused, or taken from somebody, since the last call.
    pub fn cut(&self) -> u64 {
        std::mem::take(&mut self.held.lock().cut)
    }

    /// Nothing where the bound is reached and no address holds more than this one.
    pub fn take(self: &Arc<Self>, address: IpAddr) -> Option<Place> {
        let network = network_of(address);
        let mut held = self.held.lock();
        if held.taken >= self.max {
            held.cut += 1;
            let own = held.by.get(&network).map_or(0, BTreeMap::len);
            held.free(own)?;
        }
        let id = held.next;
        let lost = Arc::new(Notify::new());
        held.next += 1;
        held.taken += 1;
        held.by.entry(network).or_default().insert(id, lost.clone());
        Some(Place { places: self.clone(), network, id, lost })
    }
}

impl Held {
    /// Takes the oldest place of the address that holds most, if those are more than `own`.
    fn free(&mut self, own: usize) -> Option<()> {
        let (network, places) = self.by.iter().max_by_key(|(_, places)| places.len())?;
        let (&id, lost) = places.first_key_value().filter(|_| places.len() > own)?;
        lost.notify_one();
        let network = *network;
        self.leave(network, id);
        Some(())
    }

    fn leave(&mut self, network: IpAddr, id: u64) {
        let Some(places) = self.by.get_mut(&network) else { return };
        if places.remove(&id).is_none() {
            return;
        }
        self.taken -= 1;
        if places.is_empty() {
            self.by.remove(&network);
        }
    }
}

impl Place {
    /// Resolves when another address has got the place.
    pub async fn lost(&self) {
        self.lost.notified().await;
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        self.places.held.lock().leave(self.network, self.id);
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

    fn is_lost(place: &Place) -> bool {
        pin!(place.lost()).poll(&mut Context::from_waker(Waker::noop())).is_ready()
    }

    #[test]
    fn a_newcomer_gets_the_oldest_place_of_the_address_that_holds_most() {
        let places = Places::new(3);
        let held: Vec<_> = (0..3).filter_map(|_| places.take(at("192.0.2.1"))).collect();
        assert!(places.take(at("192.0.2.1")).is_none());
        let other = places.take(at("192.0.2.2"));
        assert!(other.is_some());
        assert_eq!(held.iter().map(is_lost).collect::<Vec<_>>(), [true, false, false]);
        assert_eq!((places.taken(), places.cut(), places.cut()), (3, 2, 0));
        drop(held);
        assert_eq!(places.taken(), 1);
        drop(other);
        assert_eq!(places.taken(), 0);
    }

    #[test]
    fn addresses_of_one_ipv6_network_share_what_they_hold_and_ipv4_is_the_same_inside_ipv6() {
        let places = Places::new(1);
        let held = places.take(at("2001:db8::1"));
        assert!(places.take(at("2001:db8::2")).is_none());
        drop(held);
        let _held = places.take(at("192.0.2.1"));
        assert!(places.take(at("::ffff:192.0.2.1")).is_none());
    }

    #[test]
    fn a_newcomer_without_a_place_takes_that_of_one_who_has_one() {
        let places = Places::new(2);
        let one = places.take(at("192.0.2.1")).unwrap();
        let two = places.take(at("192.0.2.2")).unwrap();
        assert!(places.take(at("192.0.2.3")).is_some());
        assert!(is_lost(&one) != is_lost(&two));
    }
}
