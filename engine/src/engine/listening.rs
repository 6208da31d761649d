//! Listening and dialling.

use super::Engine;
use crate::dial::{self, Dial};
use crate::events::Event;
use crate::h3::{ALPN_H3, ConnectTarget};
use crate::listener::{ListenParts, Listener};
use crate::quic::Endpoint;
use crate::requests::{ClientRoots, DialRequest, Failure, ListenRequest, NamedCertificate, Result};
use crate::reset_key::ResettableIds;
use crate::routable_ids::RoutableIds;
use crate::socket;
use crate::tls::{self, Certificates, Clients};
use crate::worker::{Worker, least_loaded};
use quinn_proto::EndpointConfig;
use std::net::SocketAddr;
use std::sync::Arc;

/// UDP payload in bytes that peers may always send: an Ethernet packet.
const ETHERNET_PAYLOAD: u16 = 1472;

impl Engine {
    pub fn listen(&mut self, listen: ListenRequest) -> Result<(u32, SocketAddr)> {
        let mut keys = certificates(&listen.certificates)?;
        let certificates = Certificates::new(keys.remove(0).1, keys);
        let mut alpn = vec![ALPN_H3.to_vec()];
        alpn.extend(listen.protocols.iter().map(|name| name.clone().into_bytes()));
        let clients = listen.clients.map(|one| Clients::new(&one.roots, one.required)).transpose();
        let clients = clients.map_err(|error| Failure("bad_certificate", error))?;
        let crypto = tls::server(certificates.clone(), clients.clone(), alpn)
            .map_err(|error| Failure("bad_certificate", error))?;
        let (socket, warning) = socket::bind(listen.address, &self.socket)
            .map_err(|error| Failure("bind_failed", format!("cannot bind {}: {error}", listen.address)))?;
        if let (Some(text), false) = (warning, self.warned_buffers) {
            self.warned_buffers = true;
            self.event_queue.push(Event::Warning(text));
        }
        let id = self.next_listener;
        self.next_listener += 1;
        let parts = ListenParts {
            id,
            socket,
            endpoint: self.listener_config(),
            crypto,
            certificates,
            clients,
            protocols: listen.protocols,
            limits: listen.limits,
            preferred: listen.preferred,
            tuning: self.tuning.clone(),
            retry_above: self.retry_above,
            rate: self.rate.clone(),
            token_key: self.token_key(),
            counts: self.handshakes.clone(),
        };
        let listener = Listener::start(parts, self.workers.clone())
            .map_err(|error| Failure("bind_failed", format!("cannot listen on {}: {error}", listen.address)))?;
        let address = listener.address;
        self.listeners.insert(id, listener);
        Ok((id, address))
    }

    /// Replaces the listener's certificates, and the roots of its clients' certificates where `clients` are given, for new
    /// handshakes. On a failure nothing changes.
    pub fn set_certificates(
        &mut self,
        listener: u32,
        named: &[NamedCertificate],
        clients: Option<&ClientRoots>,
    ) -> Result<()> {
        let mut keys = certificates(named)?;
        let verifier = clients.map(|one| Clients::verifier(&one.roots, one.required)).transpose();
        let verifier = verifier.map_err(|error| Failure("bad_certificate", error))?;
        let Some(listener) = self.listeners.get(&listener) else { return Ok(()) };
        match (&listener.clients, verifier) {
            (Some(clients), Some(verifier)) => clients.set(verifier),
            (None, Some(_)) => {
                return Err(Failure("bad_certificate", "the listener was opened without client certificates".into()));
            }
            (_, None) => {}
        }
        listener.certificates.set(keys.remove(0).1, keys);
        Ok(())
    }

    pub fn stop_accepting(&self, listener: u32) {
        if let Some(listener) = self.listeners.get(&listener) {
            listener.stop_accepting();
        }
    }

    pub fn close_listener(&mut self, listener: u32) {
        if let Some(listener) = self.listeners.remove(&listener) {
            listener.close();
        }
    }

    pub fn dial(&mut self, request: DialRequest) -> Result<()> {
        let raw = request.url.scheme() == "moql";
        let own = request.own.as_ref().map(|(cert, key)| (cert.as_str(), key.as_str()));
        let crypto = tls::client(request.trust, own, dial::alpn(raw, &request.protocols))
            .map_err(|error| Failure("dial_failed", error))?;
        let workers = self.workers.clone();
        let worker = least_loaded(&workers).ok_or_else(|| Failure("dial_failed", "no worker".into()))?;
        let endpoints = self.client_endpoints(worker);
        dial::start(
            worker,
            Dial {
                token: request.token,
                target: ConnectTarget {
                    url: request.url,
                    protocols: request.protocols,
                    unanswered: request.unanswered,
                    headers: request.headers,
                },
                address: request.address,
                raw,
                crypto,
                limits: request.limits,
                tuning: self.tuning.clone(),
                timeout: request.timeout,
                endpoints,
            },
        );
        Ok(())
    }

    /// The worker's sockets for dials, opened at its first dial.
    fn client_endpoints(&mut self, worker: &Arc<Worker>) -> (Option<Endpoint>, Option<Endpoint>) {
        if let Some(endpoints) = self.clients.get(&worker.index) {
            return endpoints.clone();
        }
        let open = |v6| {
            let socket = socket::bind_client(v6, &self.socket).ok()?;
            let _context = worker.executor().enter();
            Endpoint::new(self.endpoint_config(), None, socket, &worker.driver).ok()
        };
        let endpoints = (open(true), open(false));
        self.clients.insert(worker.index, endpoints.clone());
        endpoints
    }

    fn listener_config(&self) -> EndpointConfig {
        let mut config = self.endpoint_config();
        if let Some(routing) = self.routing.clone() {
            config.cid_generator(move || Box::new(RoutableIds(routing.clone())));
        }
        config
    }

    fn endpoint_config(&self) -> EndpointConfig {
        let mut config = self.reset_config();
        // Receive buffers have this size, so it is not simply UDP's maximum.
        let largest = self.tuning.max_mtu.max(ETHERNET_PAYLOAD);
        if let Err(error) = config.max_udp_payload_size(largest) {
            self.event_queue.push(Event::Warning(format!("cannot accept UDP payloads of {largest} bytes: {error}")));
        }
        config
    }

    fn reset_config(&self) -> EndpointConfig {
        let Some(key) = &self.reset_key else { return EndpointConfig::default() };
        let mut config = EndpointConfig::new(key.clone());
        let ids = key.clone();
        config.cid_generator(move || Box::new(ResettableIds::new(ids.clone())));
        config
    }

    /// Replaces the key of stateless resets and address tokens, for new connections. False where the engine has none.
    pub fn set_reset_key(&self, secret: &[u8]) -> bool {
        let Some(key) = &self.reset_key else { return false };
        key.set(secret);
        true
    }

    fn token_key(&self) -> Option<Arc<dyn quinn_proto::crypto::HandshakeTokenKey>> {
        let key: Arc<dyn quinn_proto::crypto::HandshakeTokenKey> = self.reset_key.clone()?;
        Some(key)
    }
}

type Keys = Vec<(String, Arc<rustls::sign::CertifiedKey>)>;

fn certificates(named: &[NamedCertificate]) -> Result<Keys> {
    let keys: std::result::Result<Keys, String> =
        named.iter().map(|named| Ok((named.name.clone(), tls::certified(&named.cert, &named.key)?))).collect();
    match keys {
        Ok(keys) if !keys.is_empty() => Ok(keys),
        Ok(_) => Err(Failure("bad_certificate", "a listener needs a certificate".into())),
        Err(error) => Err(Failure("bad_certificate", error)),
    }
}
