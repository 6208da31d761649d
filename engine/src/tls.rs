//! TLS: a listener's certificates by server name, replaced while it runs; the check of clients' certificates; and which
//! servers a dial trusts.

use parking_lot::RwLock;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::{CryptoProvider, verify_tls12_signature, verify_tls13_signature};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName, UnixTime};
use rustls::server::danger::{ClientCertVerified, ClientCertVerifier};
use rustls::server::{ClientHello, NoServerSessionStorage, ResolvesServerCert, WebPkiClientVerifier};
use rustls::sign::CertifiedKey;
use rustls::{DigitallySignedStruct, DistinguishedName, RootCertStore, SignatureScheme};
use std::collections::HashMap;
use std::sync::Arc;

pub type Result<T> = std::result::Result<T, String>;

pub fn provider() -> Arc<CryptoProvider> {
    Arc::new(rustls::crypto::ring::default_provider())
}

/// A certificate chain with its private key.
pub fn certified(cert: &str, key: &str) -> Result<Arc<CertifiedKey>> {
    let chain = chain(cert)?;
    let key = PrivateKeyDer::from_pem_slice(key.as_bytes())
        .map_err(|error| format!("cannot read the private key: {error}"))?;
    let certified = CertifiedKey::from_der(chain, key, &provider()).map_err(|error| error.to_string())?;
    Ok(Arc::new(certified))
}

fn chain(pem: &str) -> Result<Vec<CertificateDer<'static>>> {
    let chain: std::result::Result<Vec<_>, _> = CertificateDer::pem_slice_iter(pem.as_bytes()).collect();
    let chain = chain.map_err(|error| format!("cannot read the certificate: {error}"))?;
    if chain.is_empty() { Err("the PEM has no certificate".into()) } else { Ok(chain) }
}

fn roots(pem: &str) -> Result<RootCertStore> {
    let mut store = RootCertStore::empty();
    for root in chain(pem)? {
        store.add(root).map_err(|error| format!("cannot use a root certificate: {error}"))?;
    }
    Ok(store)
}

struct CertificateSet {
    default: Arc<CertifiedKey>,
    by_name: HashMap<String, Arc<CertifiedKey>>,
}

impl CertificateSet {
    fn new(default: Arc<CertifiedKey>, names: Vec<(String, Arc<CertifiedKey>)>) -> Self {
        let by_name = names.into_iter().map(|(name, key)| (name.to_ascii_lowercase(), key)).collect();
        Self { default, by_name }
    }
}

/// The certificates that a listener presents, by the server name that the client asks for.
pub struct Certificates(RwLock<CertificateSet>);

impl Certificates {
    pub fn new(default: Arc<CertifiedKey>, names: Vec<(String, Arc<CertifiedKey>)>) -> Arc<Self> {
        Arc::new(Self(RwLock::new(CertificateSet::new(default, names))))
    }

    /// Replaces the certificates for new handshakes. `names` are the certificates for particular server names.
    pub fn set(&self, default: Arc<CertifiedKey>, names: Vec<(String, Arc<CertifiedKey>)>) {
        *self.0.write() = CertificateSet::new(default, names);
    }

    fn of(&self, name: Option<&str>) -> Arc<CertifiedKey> {
        let held = self.0.read();
        let by_name = name.and_then(|name| {
            let name = name.to_ascii_lowercase();
            let wildcard = name.split_once('.').map(|(_, rest)| format!("*.{rest}"));
            held.by_name.get(&name).or_else(|| held.by_name.get(&wildcard?))
        });
        by_name.unwrap_or(&held.default).clone()
    }
}

impl std::fmt::Debug for Certificates {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Certificates")
    }
}

impl ResolvesServerCert for Certificates {
    fn resolve(&self, hello: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        Some(self.of(hello.server_name()))
    }
}

/// Which certificates clients may present; replaced while the listener runs.
#[derive(Debug)]
pub struct Clients(RwLock<Arc<dyn ClientCertVerifier>>);

impl Clients {
    /// A certificate must chain to one of the roots. `required`: a client without a certificate is refused.
    pub fn new(roots: &str, required: bool) -> Result<Arc<Self>> {
        Ok(Arc::new(Self(RwLock::new(Self::verifier(roots, required)?))))
    }

    pub fn verifier(pem: &str, required: bool) -> Result<Arc<dyn ClientCertVerifier>> {
        let builder = WebPkiClientVerifier::builder_with_provider(Arc::new(roots(pem)?), provider());
        let builder = if required { builder } else { builder.allow_unauthenticated() };
        builder.build().map_err(|error| error.to_string())
    }

    /// Replaces the check for new handshakes.
    pub fn set(&self, verifier: Arc<dyn ClientCertVerifier>) {
        *self.0.write() = verifier;
    }

    fn now(&self) -> Arc<dyn ClientCertVerifier> {
        self.0.read().clone()
    }
}

impl ClientCertVerifier for Clients {
    fn client_auth_mandatory(&self) -> bool {
        self.now().client_auth_mandatory()
    }

    /// None: the list may change, and clients of a relay have one certificate.
    fn root_hint_subjects(&self) -> &[DistinguishedName] {
        &[]
    }

    fn verify_client_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        now: UnixTime,
    ) -> std::result::Result<ClientCertVerified, rustls::Error> {
        self.now().verify_client_cert(end_entity, intermediates, now)
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> std::result::Result<HandshakeSignatureValid, rustls::Error> {
        self.now().verify_tls12_signature(message, cert, dss)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> std::result::Result<HandshakeSignatureValid, rustls::Error> {
        self.now().verify_tls13_signature(message, cert, dss)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.now().supported_verify_schemes()
    }
}

/// Session tickets that a client gets. A client uses each once and gets a new one with each session; the listener remembers 256 of all clients.
const TICKETS: usize = 1;

/// TLS of a listener. With `clients` it asks for a certificate, and resumes no session: a resumed one would skip the
/// check against authorities that were replaced.
pub fn server(
    certificates: Arc<Certificates>,
    clients: Option<Arc<Clients>>,
    alpn: Vec<Vec<u8>>,
) -> Result<Arc<dyn quinn_proto::crypto::ServerConfig>> {
    let builder = rustls::ServerConfig::builder_with_provider(provider())
        .with_protocol_versions(&[&rustls::version::TLS13])
        .map_err(|error| error.to_string())?;
    let mut tls = match clients {
        None => builder.with_no_client_auth().with_cert_resolver(certificates),
        Some(clients) => {
            let mut tls = builder.with_client_cert_verifier(clients).with_cert_resolver(certificates);
            tls.session_storage = Arc::new(NoServerSessionStorage {});
            tls.send_tls13_tickets = 0;
            tls
        }
    };
    tls.send_tls13_tickets = tls.send_tls13_tickets.min(TICKETS);
    tls.alpn_protocols = alpn;
    let quic = quinn_proto::crypto::rustls::QuicServerConfig::try_from(tls).map_err(|error| error.to_string())?;
    Ok(Arc::new(quic))
}

/// The DER of the certificate that the peer presented, in hexadecimal.
pub fn peer_certificate(conn: &crate::quic::Connection) -> Option<String> {
    use std::fmt::Write;
    let identity = conn.peer_identity()?;
    let chain = identity.downcast::<Vec<CertificateDer<'static>>>().ok()?;
    let leaf = chain.first()?;
    let mut text = String::with_capacity(2 * leaf.len());
    for byte in leaf.iter() {
        let _ = write!(text, "{byte:02x}");
    }
    Some(text)
}

/// Which servers a dial trusts.
pub enum Trust {
    System,
    Roots(String),
    /// SHA-256 of the server certificate's DER.
    Hashes(Vec<Vec<u8>>),
    Insecure,
}

/// TLS of a dial. `own` is presented to servers that ask for a client certificate.
pub fn client(
    trust: Trust,
    own: Option<(&str, &str)>,
    alpn: Vec<Vec<u8>>,
) -> Result<Arc<dyn quinn_proto::crypto::ClientConfig>> {
    let builder = rustls::ClientConfig::builder_with_provider(provider())
        .with_protocol_versions(&[&rustls::version::TLS13])
        .map_err(|error| error.to_string())?;
    let builder = match trust {
        Trust::System => builder.with_root_certificates(system_roots()),
        Trust::Roots(pem) => builder.with_root_certificates(roots(&pem)?),
        Trust::Hashes(hashes) => builder.dangerous().with_custom_certificate_verifier(Pinned::new(Some(hashes))),
        Trust::Insecure => builder.dangerous().with_custom_certificate_verifier(Pinned::new(None)),
    };
    let mut tls = match own {
        None => builder.with_no_client_auth(),
        Some((cert, key)) => {
            let key = PrivateKeyDer::from_pem_slice(key.as_bytes())
                .map_err(|error| format!("cannot read the private key: {error}"))?;
            builder.with_client_auth_cert(chain(cert)?, key).map_err(|error| error.to_string())?
        }
    };
    tls.alpn_protocols = alpn;
    let quic = quinn_proto::crypto::rustls::QuicClientConfig::try_from(tls).map_err(|error| error.to_string())?;
    Ok(Arc::new(quic))
}

fn system_roots() -> RootCertStore {
    let mut store = RootCertStore::empty();
    store.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
    store
}

/// Trusts certificates by their hash, or all of them. In both cases the server proves that it has the certificate's
/// key.
#[derive(Debug)]
struct Pinned {
    hashes: Option<Vec<Vec<u8>>>,
    provider: Arc<CryptoProvider>,
}

impl Pinned {
    fn new(hashes: Option<Vec<Vec<u8>>>) -> Arc<Self> {
        Arc::new(Self { hashes, provider: provider() })
    }
}

impl ServerCertVerifier for Pinned {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        _intermediates: &[CertificateDer<'_>],
        _server_name: &ServerName<'_>,
        _ocsp_response: &[u8],
        _now: UnixTime,
    ) -> std::result::Result<ServerCertVerified, rustls::Error> {
        let Some(hashes) = &self.hashes else { return Ok(ServerCertVerified::assertion()) };
        let seen = ring::digest::digest(&ring::digest::SHA256, end_entity);
        if hashes.iter().any(|hash| hash == seen.as_ref()) {
            return Ok(ServerCertVerified::assertion());
        }
        Err(rustls::Error::General("the server's certificate matches none of the pinned hashes".into()))
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> std::result::Result<HandshakeSignatureValid, rustls::Error> {
        verify_tls12_signature(message, cert, dss, &self.provider.signature_verification_algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> std::result::Result<HandshakeSignatureValid, rustls::Error> {
        verify_tls13_signature(message, cert, dss, &self.provider.signature_verification_algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.provider.signature_verification_algorithms.supported_schemes()
    }
}
