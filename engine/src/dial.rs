//! Dialling: WebTransport for `https:`, raw QUIC for `moql:`.

use crate::command::Command;
use crate::config::{Limits, Tuning, allowances, transport};
use crate::events::Event;
use crate::h3::{self, Ask};
use crate::link::NewLink;
use crate::link_shared::{DialError, Meta, address_text, json};
use crate::listener::{ALPN_H3, NO_COMMON_PROTOCOL, peer_certificate};
use crate::worker::WorkerShared;
use crate::worker_runtime::on;
use quinn::{ClientConfig, Endpoint};
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;
use std::time::Duration;

/// Where no port is given.
const DEFAULT_PORT: u16 = 443;

pub struct Dial {
    /// JavaScript's number of the attempt.
    pub token: u32,
    pub ask: Ask,
    /// Connected to instead of what the host resolves to; the certificate is still to be the host's.
    pub address: Option<IpAddr>,
    pub raw: bool,
    pub crypto: Arc<dyn quinn::crypto::ClientConfig>,
    pub limits: Limits,
    pub tuning: Tuning,
    pub timeout: Duration,
    /// For IPv6 and IPv4, where the machine has them.
    pub endpoints: (Option<Endpoint>, Option<Endpoint>),
}

/// The protocols that a dial offers in TLS.
pub fn alpn(raw: bool, protocols: &[String]) -> Vec<Vec<u8>> {
    if raw { protocols.iter().map(|name| name.clone().into_bytes()).collect() } else { vec![ALPN_H3.to_vec()] }
}

/// Dials in the background; [`Event::Dialled`] or [`Event::DialFailed`] follows.
pub fn start(worker: &Arc<WorkerShared>, dial: Dial) {
    let there = worker.clone();
    worker.spawn(async move {
        let token = dial.token;
        let host = dial.ask.url.host_str().unwrap_or_default().to_owned();
        let timeout = dial.timeout;
        let failure = match tokio::time::timeout(timeout, dial.run(&there)).await {
            Ok(Ok(link)) => return there.push(Command::NewLink(Box::new(link))),
            Ok(Err(mut error)) => {
                error.message = format!("cannot connect to {host}: {}", error.message);
                error
            }
            Err(_) => DialError {
                code: "dial_timeout",
                message: format!("{host} did not answer within {} ms", timeout.as_millis()),
                status: None,
            },
        };
        there.load.fetch_sub(1, Relaxed);
        there.hub.push(Event::DialFailed(token, json(&failure)));
    });
}

impl Dial {
    async fn run(&self, worker: &Arc<WorkerShared>) -> Result<NewLink, DialError> {
        let url = &self.ask.url;
        let host = url.host_str().unwrap_or_default().trim_start_matches('[').trim_end_matches(']').to_owned();
        let port = url.port_or_known_default().unwrap_or(DEFAULT_PORT);
        let addresses: Vec<SocketAddr> = match self.address {
            Some(address) => vec![SocketAddr::new(address, port)],
            None => {
                let found = tokio::net::lookup_host((host.as_str(), port));
                found.await.map_err(|error| DialError::failed(error.to_string()))?.collect()
            }
        };
        let mut last = DialError::failed("the host has no address that can be reached from here");
        for address in addresses {
            match self.connect(worker, address, &host).await {
                Ok(conn) => return self.establish(conn).await,
                Err(error) => last = error,
            }
        }
        Err(last)
    }

    async fn connect(
        &self,
        worker: &Arc<WorkerShared>,
        address: SocketAddr,
        name: &str,
    ) -> Result<quinn::Connection, DialError> {
        let endpoint = if address.is_ipv6() { &self.endpoints.0 } else { &self.endpoints.1 };
        let Some(endpoint) = endpoint else {
            return Err(DialError::failed("this machine has no socket for the address"));
        };
        let mut config = ClientConfig::new(self.crypto.clone());
        let mut transport = transport(&self.tuning, &self.limits, !self.raw);
        transport.qlog_stream(self.tuning.qlog_stream("client"));
        config.transport_config(Arc::new(transport));
        let connecting = on(worker.index, || endpoint.connect_with(config, address, name));
        let connecting = connecting.map_err(|error| DialError::failed(error.to_string()))?;
        connecting.await.map_err(|error| self.refused(error))
    }

    /// TLS says "no application protocol" with alert 120 (RFC 9001 section 8.1).
    fn refused(&self, error: quinn::ConnectionError) -> DialError {
        let text = error.to_string();
        if text.contains("120") || text.contains("application protocol") || text.contains("NoApplicationProtocol") {
            return no_protocol(&self.ask.protocols);
        }
        DialError::failed(text)
    }

    async fn establish(&self, conn: quinn::Connection) -> Result<NewLink, DialError> {
        let url = &self.ask.url;
        let peer = conn.remote_address();
        let mut meta = Meta {
            binding: if self.raw { "quic" } else { "webtransport" },
            protocol: negotiated(&conn),
            authority: url.authority().to_owned(),
            path: url.path().to_owned(),
            query: url.query().unwrap_or_default().to_owned(),
            headers: self.ask.headers.clone(),
            address: address_text(peer),
            port: peer.port(),
            certificate: peer_certificate(&conn),
        };
        let mut web = None;
        if !self.raw {
            let session = h3::connect(&conn, &self.ask).await.map_err(|error| match error.status {
                Some(NO_COMMON_PROTOCOL) => no_protocol(&self.ask.protocols),
                _ => error,
            })?;
            meta.protocol = session.protocol.clone();
            if !self.ask.protocols.is_empty() && !self.ask.protocols.contains(&meta.protocol) {
                return Err(no_protocol(&self.ask.protocols));
            }
            web = Some(session);
        }
        Ok(NewLink {
            conn,
            web,
            meta,
            origin: self.token,
            dialled: true,
            queue_mark: self.limits.queue_mark,
            send_window: self.tuning.send_window,
            allowed: allowances(&self.tuning, &self.limits, (u32::from(!self.raw), 0)),
        })
    }
}

fn negotiated(conn: &quinn::Connection) -> String {
    let data = conn.handshake_data().and_then(|data| data.downcast::<quinn::crypto::rustls::HandshakeData>().ok());
    data.and_then(|data| data.protocol).map(|name| String::from_utf8_lossy(&name).into_owned()).unwrap_or_default()
}

fn no_protocol(offered: &[String]) -> DialError {
    DialError { code: "no_common_protocol", message: format!("it speaks none of {}", offered.join(", ")), status: None }
}
