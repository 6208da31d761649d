//! Error codes: WebTransport maps its 32-bit codes into a range of HTTP/3's (WebTransport over HTTP/3 section 4.4),
//! raw QUIC carries them unchanged.

use quinn_proto::VarInt;
use web_transport_proto::{error_from_http3, error_to_http3};

/// H3_NO_ERROR (RFC 9114 section 8.1).
pub const H3_NO_ERROR: u32 = 0x100;
/// H3_REQUEST_REJECTED: for a second session, and for a request that is not for WebTransport.
pub const H3_REQUEST_REJECTED: u32 = 0x10b;

/// How the error codes of a link map to codes on the wire.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CodeMapping {
    WebTransport,
    Raw,
}

impl CodeMapping {
    pub fn encode(self, code: u32) -> VarInt {
        match self {
            Self::Raw => VarInt::from_u32(code),
            // The largest mapped code is below 2^47, so it always fits.
            Self::WebTransport => VarInt::from_u64(error_to_http3(code)).unwrap_or(VarInt::MAX),
        }
    }

    /// A code outside the range becomes 0.
    pub fn decode(self, code: VarInt) -> u32 {
        match self {
            Self::Raw => u32::try_from(code.into_inner()).unwrap_or(0),
            Self::WebTransport => error_from_http3(code.into_inner()).unwrap_or(0),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_survive_the_mapping() {
        for code in [0, 1, 0x1d, 0x1e, 0x1f, 255, 256, 65_535, u32::MAX - 1, u32::MAX] {
            for codes in [CodeMapping::WebTransport, CodeMapping::Raw] {
                assert_eq!(codes.decode(codes.encode(code)), code, "{codes:?} {code}");
            }
        }
    }

    #[test]
    fn the_range_is_the_one_in_the_draft() {
        assert_eq!(CodeMapping::WebTransport.encode(0).into_inner(), 0x52e4_a40f_a8db);
        assert_eq!(CodeMapping::WebTransport.encode(u32::MAX).into_inner(), 0x52e5_ac98_3162);
    }

    #[test]
    fn foreign_codes_become_zero() {
        assert_eq!(CodeMapping::WebTransport.decode(VarInt::from_u32(H3_NO_ERROR)), 0);
    }
}
