//! Connection ids that tell a load balancer which relay made them: QUIC-LB, draft-ietf-quic-load-balancers-21.

use aes::Aes128;
use aes::cipher::{BlockCipherEncrypt, KeyInit};
use quinn_proto::{ConnectionId, ConnectionIdGenerator, InvalidCid};
use ring::rand::{SecureRandom, SystemRandom};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::time::Duration;

/// Bytes of a connection id after its first, at most (RFC 9000 section 17.2).
const MAX_LENGTH: usize = 19;

/// Bytes of a nonce, at least (section 5.3 of the draft).
const MIN_NONCE: usize = 4;

/// Values of the three bits that name a configuration; the last one means that an id is not routable.
const ROTATIONS: u8 = 7;

/// What all relays behind one load balancer agree on, and the id of this one.
pub struct Routing {
    server_id: Vec<u8>,
    nonce_length: usize,
    rotation: u8,
    cipher: Option<Aes128>,
    /// A nonce must not come twice under one key, so nonces with a key are counted.
    nonces: AtomicU64,
    random: SystemRandom,
}

impl Routing {
    /// `key`: 16 bytes, or empty for ids that everyone can read.
    pub fn new(server_id: &[u8], nonce_length: usize, rotation: u8, key: &[u8]) -> Result<Self, String> {
        if server_id.is_empty() {
            return Err("the server id is empty".into());
        }
        if nonce_length < MIN_NONCE {
            return Err(format!("a nonce has at least {MIN_NONCE} bytes"));
        }
        if server_id.len() + nonce_length > MAX_LENGTH {
            return Err(format!("server id and nonce have more than {MAX_LENGTH} bytes together"));
        }
        if rotation >= ROTATIONS {
            return Err(format!("the rotation is not below {ROTATIONS}"));
        }
        let cipher = match key.len() {
            0 => None,
            16 => Some(Aes128::new_from_slice(key).map_err(|error| error.to_string())?),
            _ => return Err("the key does not have 16 bytes".into()),
        };
        let random = SystemRandom::new();
        let mut first = [0; 8];
        random.fill(&mut first).map_err(|_| "the system has no random numbers")?;
        let nonces = AtomicU64::new(u64::from_ne_bytes(first));
        Ok(Self { server_id: server_id.to_vec(), nonce_length, rotation, cipher, nonces, random })
    }

    fn length(&self) -> usize {
        self.server_id.len() + self.nonce_length
    }

    fn id(&self, nonce: &[u8]) -> ConnectionId {
        let mut bytes = [0; MAX_LENGTH + 1];
        let length = self.length();
        bytes[0] = self.rotation << 5 | length as u8;
        let body = &mut bytes[1..=length];
        body[..self.server_id.len()].copy_from_slice(&self.server_id);
        body[self.server_id.len()..].copy_from_slice(nonce);
        if let Some(cipher) = &self.cipher {
            encrypt(cipher, body);
        }
        ConnectionId::new(&bytes[..=length])
    }

    fn next_nonce(&self) -> [u8; MAX_LENGTH] {
        let mut nonce = [0; MAX_LENGTH];
        let used = &mut nonce[..self.nonce_length];
        // Without random numbers the count alone keeps ids apart.
        let _ = self.random.fill(used);
        if self.cipher.is_some() {
            let count = self.nonces.fetch_add(1, Relaxed).to_le_bytes();
            let counted = used.len().min(count.len());
            used[..counted].copy_from_slice(&count[..counted]);
        }
        nonce
    }

    /// True for an id that a relay behind this load balancer may have made, under this or another server id or rotation.
    fn fits(&self, id: &[u8]) -> bool {
        let length = self.length();
        id.len() == length + 1 && usize::from(id[0] & 0x1f) == length && id[0] >> 5 < ROTATIONS
    }
}

/// Makes the ids of a listener.
pub struct RoutableIds(pub Arc<Routing>);

impl ConnectionIdGenerator for RoutableIds {
    fn generate_cid(&mut self) -> ConnectionId {
        let nonce = self.0.next_nonce();
        self.0.id(&nonce[..self.0.nonce_length])
    }

    /// Ids of other server ids are answered by a stateless reset as well: the load balancer or the network has moved the packets of their
    /// relay here, and clients must not wait for their time-out. They believe the reset where the relays have the same reset key.
    fn validate(&self, id: &ConnectionId) -> Result<(), InvalidCid> {
        if self.0.fits(id) { Ok(()) } else { Err(InvalidCid) }
    }

    fn cid_len(&self) -> usize {
        self.0.length() + 1
    }

    fn cid_lifetime(&self) -> Option<Duration> {
        None
    }
}

/// Bytes of a block of AES.
const BLOCK: usize = 16;

/// Section 5.5: one pass over a whole block, else a Feistel network of four.
fn encrypt(cipher: &Aes128, body: &mut [u8]) {
    if let Ok(block) = <&mut aes::Block>::try_from(&mut *body) {
        return cipher.encrypt_block(block);
    }
    let mut halves = Halves::split(body);
    for pass in 1..=4 {
        halves.pass(cipher, pass);
    }
    halves.join(body);
}

/// Longest half of a body.
const HALF: usize = MAX_LENGTH.div_ceil(2);

/// The two halves of a body. Of an odd length both have the middle byte: the left its upper four bits, the right its lower.
struct Halves {
    length: usize,
    left: [u8; HALF],
    right: [u8; HALF],
}

impl Halves {
    fn split(body: &[u8]) -> Self {
        let half = body.len().div_ceil(2);
        let (mut left, mut right) = ([0; HALF], [0; HALF]);
        left[..half].copy_from_slice(&body[..half]);
        right[..half].copy_from_slice(&body[body.len() - half..]);
        let mut halves = Self { length: body.len(), left, right };
        halves.clear();
        halves
    }

    /// Clears the bits of the middle byte that belong to the other half.
    fn clear(&mut self) {
        if self.length % 2 == 1 {
            self.left[self.length / 2] &= 0xf0;
            self.right[0] &= 0x0f;
        }
    }

    /// Passes 1 and 3 change the right half, 2 and 4 the left.
    fn pass(&mut self, cipher: &Aes128, pass: u8) {
        let half = self.length.div_ceil(2);
        let (from, to) = if pass % 2 == 1 { (&self.left, &mut self.right) } else { (&self.right, &mut self.left) };
        let mut block = aes::Block::default();
        block[..half].copy_from_slice(&from[..half]);
        block[BLOCK - 2] = self.length as u8;
        block[BLOCK - 1] = pass;
        cipher.encrypt_block(&mut block);
        for (byte, mask) in to[..half].iter_mut().zip(block) {
            *byte ^= mask;
        }
        self.clear();
    }

    fn join(&self, body: &mut [u8]) {
        let half = self.length.div_ceil(2);
        let from = self.length - half;
        body[..half].copy_from_slice(&self.left[..half]);
        body[half..].copy_from_slice(&self.right[half - from..half]);
        if self.length % 2 == 1 {
            body[from] |= self.right[0];
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use aes::cipher::BlockCipherDecrypt;

    fn bytes(hex: &str) -> Vec<u8> {
        (0..hex.len()).step_by(2).map(|at| u8::from_str_radix(&hex[at..at + 2], 16).unwrap()).collect()
    }

    fn routing(rotation: u8, server_id: &str, nonce: usize, key: &str) -> Routing {
        Routing::new(&bytes(server_id), nonce, rotation, &bytes(key)).unwrap()
    }

    const KEY: &str = "8f95f09245765f80256934e50c66207f";

    #[test]
    fn ids_are_those_of_the_examples_in_the_draft() {
        for (rotation, server_id, nonce, key, id) in [
            (0, "c4605e", "4504cc4f", "", "07c4605e4504cc4f"),
            (0, "31441a", "9c69c275", "fdf726a9893ec05c0632d3956680baf0", "0767947d29be054a"),
            (0, "ed793a", "ee080dbf", KEY, "0720b1d07b359d3c"),
            (1, "ed793a51d49b8f5fab65", "ee080dbf48", KEY, "2fcc381bc74cb4fbad2823a3d1f8fed2"),
            (2, "ed793a51d49b8f5f", "ee080dbf48c0d1e5", KEY, "504dd2d05a7b0de9b2b9907afb5ecf8cc3"),
            (3, "ed793a51d49b8f5fab", "ee080dbf48c0d1e55d", KEY, "125779c9cc86beb3a3a4a3ca96fce4bfe0cdbc"),
        ] {
            let routing = routing(rotation, server_id, nonce.len() / 2, key);
            // The draft's last example has the bits of another rotation in its first byte.
            let mut made = routing.id(&bytes(nonce)).to_vec();
            assert!(routing.fits(&made), "{id}");
            assert_eq!(server_id_of(&routing, &made), bytes(server_id), "{id}");
            if rotation == 3 {
                assert_eq!(made[0], 3 << 5 | 18);
                made[0] = 18;
            }
            assert_eq!(made, bytes(id), "{id}");
        }
    }

    #[test]
    fn ids_are_different_have_the_server_id_and_fit_other_relays_of_the_load_balancer() {
        for key in ["", KEY] {
            for nonce in 4..=11 {
                let here = Arc::new(routing(0, "0102030405060708", nonce, key));
                let other = routing(1, "0102030405060709", nonce, key);
                let mut ids = RoutableIds(here.clone());
                let made: std::collections::HashSet<_> = (0..1000).map(|_| ids.generate_cid()).collect();
                assert_eq!(made.len(), 1000);
                for id in made {
                    assert_eq!(server_id_of(&here, &id), here.server_id);
                    assert!(other.fits(&id) && ids.validate(&id).is_ok() && id.len() == ids.cid_len());
                }
                let unroutable = [&[7 << 5 | (nonce + 8) as u8], vec![0; nonce + 8].as_slice()].concat();
                for id in [vec![], vec![0; nonce + 9], vec![nonce as u8 + 8; nonce + 8], unroutable] {
                    assert!(!here.fits(&id));
                }
            }
        }
    }

    fn server_id_of(routing: &Routing, id: &[u8]) -> Vec<u8> {
        let mut body = id[1..].to_vec();
        if let Some(cipher) = &routing.cipher {
            decrypt(cipher, &mut body);
        }
        body.truncate(routing.server_id.len());
        body
    }

    /// The passes of [`encrypt`] in the other order.
    fn decrypt(cipher: &Aes128, body: &mut [u8]) {
        if let Ok(block) = <&mut aes::Block>::try_from(&mut *body) {
            return cipher.decrypt_block(block);
        }
        let mut halves = Halves::split(body);
        for pass in (1..=4).rev() {
            halves.pass(cipher, pass);
        }
        halves.join(body);
    }

    #[test]
    fn what_the_draft_does_not_allow_is_refused() {
        let refused = |id: &[u8], nonce, rotation, key: &[u8]| Routing::new(id, nonce, rotation, key).is_err();
        assert!(refused(&[], 8, 0, &[]));
        assert!(refused(&[1], 3, 0, &[]));
        assert!(refused(&[1; 12], 8, 0, &[]));
        assert!(refused(&[1], 8, 7, &[]));
        assert!(refused(&[1], 8, 0, &[0; 15]));
        assert!(!refused(&[1; 15], 4, 6, &[0; 16]));
    }
}
