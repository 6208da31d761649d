//! What JavaScript asks of the engine: to listen and to dial.

use crate::config::Limits;
use crate::tls::Trust;
use std::net::SocketAddr;
use std::time::Duration;

/// An error code of the transport contract, and a message.
pub struct Failure(pub &'static str, pub String);

pub type Result<T> = std::result::Result<T, Failure>;

/// A certificate chain and key (PEM) for a server name. The first one of a list is for all other names.
pub struct NamedCertificate {
    pub name: String,
    pub cert: String,
    pub key: String,
}

/// Which certificates the clients of a listener may present.
pub struct ClientRoots {
    /// PEM of the roots that a certificate must chain to.
    pub roots: String,
    /// Clients without a certificate are refused.
    pub required: bool,
}

pub struct ListenRequest {
    pub address: SocketAddr,
    pub protocols: Vec<String>,
    pub certificates: Vec<NamedCertificate>,
    pub clients: Option<ClientRoots>,
    pub limits: Limits,
    /// Where clients shall go on after their handshake, at most one of each family (RFC 9000 section 9.6).
    pub preferred: Vec<SocketAddr>,
}

pub struct DialRequest {
    pub token: u32,
    pub url: url::Url,
    pub address: Option<std::net::IpAddr>,
    pub protocols: Vec<String>,
    /// The protocol of a WebTransport server that names none.
    pub unanswered: Option<String>,
    pub headers: Vec<(String, String)>,
    pub trust: Trust,
    pub own: Option<(String, String)>,
    pub limits: Limits,
    pub timeout: Duration,
}
