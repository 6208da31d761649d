//! The key of stateless resets, connection ids and address tokens; replaced while connections go on.

use parking_lot::RwLock;
use quinn_proto::crypto::{AeadKey, CryptoError, HandshakeTokenKey, HmacKey};
use quinn_proto::{ConnectionId, ConnectionIdGenerator, HashedConnectionIdGenerator, InvalidCid};
use ring::{hkdf, hmac};
use std::sync::Arc;
use std::time::Duration;

struct Keys {
    resets: hmac::Key,
    /// An endpoint sends a reset only for connection ids that it could have made. So the ids' key also survives a
    /// restart.
    ids: u64,
    /// Derived, so that a token reveals nothing about the key of resets.
    tokens: hkdf::Prk,
}

impl Keys {
    fn new(secret: &[u8]) -> Self {
        let resets = hmac::Key::new(hmac::HMAC_SHA256, secret);
        let tag = hmac::sign(&resets, b"moqmesh connection ids");
        Self {
            resets,
            ids: u64::from_be_bytes(std::array::from_fn(|at| tag.as_ref()[at])),
            tokens: hkdf::Salt::new(hkdf::HKDF_SHA256, b"moqmesh address tokens").extract(secret),
        }
    }
}

pub struct ResetKey(RwLock<Keys>);

impl ResetKey {
    pub fn new(secret: &[u8]) -> Self {
        Self(RwLock::new(Keys::new(secret)))
    }

    /// Connections keep the reset tokens that their peers have. An address token of the old key costs its client one
    /// more round trip.
    pub fn set(&self, secret: &[u8]) {
        *self.0.write() = Keys::new(secret);
    }
}

impl HmacKey for ResetKey {
    fn sign(&self, data: &[u8], signature_out: &mut [u8]) {
        HmacKey::sign(&self.0.read().resets, data, signature_out);
    }

    fn signature_len(&self) -> usize {
        HmacKey::signature_len(&self.0.read().resets)
    }

    fn verify(&self, data: &[u8], signature: &[u8]) -> Result<(), CryptoError> {
        HmacKey::verify(&self.0.read().resets, data, signature)
    }
}

impl HandshakeTokenKey for ResetKey {
    fn aead_from_hkdf(&self, random_bytes: &[u8]) -> Box<dyn AeadKey> {
        self.0.read().tokens.aead_from_hkdf(random_bytes)
    }
}

/// Makes connection ids that the endpoint recognises after a restart with the same key.
pub struct ResettableIds {
    key: Arc<ResetKey>,
    hashed: HashedConnectionIdGenerator,
    made_with: u64,
}

impl ResettableIds {
    pub fn new(key: Arc<ResetKey>) -> Self {
        let made_with = key.0.read().ids;
        Self { key, hashed: HashedConnectionIdGenerator::from_key(made_with), made_with }
    }
}

impl ConnectionIdGenerator for ResettableIds {
    fn generate_cid(&mut self) -> ConnectionId {
        let ids = self.key.0.read().ids;
        if ids != self.made_with {
            self.made_with = ids;
            self.hashed = HashedConnectionIdGenerator::from_key(ids);
        }
        self.hashed.generate_cid()
    }

    fn validate(&self, cid: &ConnectionId) -> Result<(), InvalidCid> {
        self.hashed.validate(cid)
    }

    fn cid_len(&self) -> usize {
        self.hashed.cid_len()
    }

    fn cid_lifetime(&self) -> Option<Duration> {
        self.hashed.cid_lifetime()
    }
}
