//! Short names for the parts of messages.
use moqtap_codec::kvp::{KeyValuePair, KvpValue};
use moqtap_codec::types::TrackNamespace;
use moqtap_codec::varint::VarInt;

pub fn int(value: u64) -> VarInt {
    VarInt::from_u64_moqt(value)
}

pub fn namespace(fields: &[&str]) -> TrackNamespace {
    TrackNamespace(
        fields
            .iter()
            .map(|field| field.as_bytes().to_vec())
            .collect(),
    )
}

pub fn text(value: &str) -> Vec<u8> {
    value.as_bytes().to_vec()
}

/// A pair whose value is a number.
pub fn number(key: u64, value: u64) -> KeyValuePair {
    KeyValuePair {
        key: int(key),
        value: KvpValue::Varint(int(value)),
    }
}

/// A pair whose value is bytes, or a structure in its encoding.
pub fn raw(key: u64, value: &[u8]) -> KeyValuePair {
    KeyValuePair {
        key: int(key),
        value: KvpValue::Bytes(value.to_vec()),
    }
}

/// Numbers one after another, with the varints of draft 18 and later.
pub fn seq(values: &[u64]) -> Vec<u8> {
    let mut out = Vec::new();
    for value in values {
        int(*value).encode_moqt::<moqtap_codec::varint::Moqt18>(&mut out);
    }
    out
}

/// Numbers, then bytes, in one value.
pub fn seq_then(values: &[u64], rest: &[u8]) -> Vec<u8> {
    let mut out = seq(values);
    out.extend_from_slice(rest);
    out
}
