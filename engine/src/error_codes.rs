//! Error codes: WebTransport maps its 32-bit codes into a range of HTTP/3's (WebTransport over HTTP/3 section 4.4),
//! raw QUIC takes them as they are.

use quinn::VarInt;
use web_transport_proto::{error_from_http3, error_to_http3};

/// H3_NO_ERROR (RFC 9114 section 8.1).
pub const H3_NO_ERROR: u32 = 0x100;
/// H3_REQUEST_REJECTED: a second session, or a request that is none for WebTransport.
pub const H3_REQUEST_REJECTED: u32 = 0x10b;

/// How the codes of a link are written on the wire.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Coding {
    WebTransport,
    Raw,
}

impl Coding {
    pub fn encode(self, code: u32) -> VarInt {
        match self {
            Self::Raw => VarInt::from_u32(code),
            // The largest mapped code is below 2^47, so it always fits.
            Self::WebTransport => VarInt::from_u64(error_to_http3(code)).unwrap_or(VarInt::MAX),
        }
    }

    /// Codes outside the range say nothing and become 0.
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
            for coding in [Coding::WebTransport, Coding::Raw] {
                assert_eq!(coding.decode(coding.encode(code)), code, "{coding:?} {code}");
            }
        }
    }

    #[test]
    fn the_first_code_is_the_drafts() {
        assert_eq!(Coding::WebTransport.encode(0).into_inner(), 0x52e4_a40f_a8db);
        assert_eq!(Coding::WebTransport.encode(u32::MAX).into_inner(), 0x52e5_ac98_3162);
    }

    #[test]
    fn foreign_codes_become_zero() {
        assert_eq!(Coding::WebTransport.decode(VarInt::from_u32(H3_NO_ERROR)), 0);
    }
}
