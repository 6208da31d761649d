//! What JavaScript gets as JSON: how a link came up, how it ended, why a dial failed.

use crate::link_shared::FIGURES;
use serde::Serialize;

/// A link that came up.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub struct LinkInfo {
    pub binding: &'static str,
    pub protocol: String,
    pub authority: String,
    pub path: String,
    pub query: String,
    pub headers: Vec<(String, String)>,
    pub address: String,
    pub port: u16,
    /// DER of the peer's certificate, hexadecimal.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub certificate: Option<String>,
}

/// Why a link ended.
#[derive(Serialize, Clone)]
pub struct CloseReason {
    pub by: &'static str,
    pub code: u32,
    pub reason: String,
}

/// The end of a link, with its last [`crate::link_shared::LinkShared::figures`].
#[derive(Serialize)]
pub struct LinkEnd {
    #[serde(flatten)]
    pub why: CloseReason,
    pub figures: [f64; FIGURES],
}

/// Why a dial failed.
#[derive(Serialize)]
pub struct DialError {
    pub code: &'static str,
    pub message: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub status: Option<u16>,
}

impl DialError {
    pub fn failed(message: impl Into<String>) -> Self {
        Self { code: "dial_failed", message: message.into(), status: None }
    }
}

/// The JSON of a report. Reports always serialize.
pub fn json(report: &impl Serialize) -> String {
    serde_json::to_string(report).unwrap_or_else(|_| "{}".into())
}

/// The address of a peer as text; an IPv4-mapped IPv6 address as IPv4.
pub fn address_text(address: std::net::SocketAddr) -> String {
    address.ip().to_canonical().to_string()
}
