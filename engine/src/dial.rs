//! Dialling: WebTransport for `https:`, raw QUIC for `moql:`.

use crate::command::Command;
use crate::config::{Limits, Tuning, allowances, patience, transport};
use crate::events::Event;
use crate::h3::{self, ALPN_H3, ConnectTarget, NO_COMMON_PROTOCOL};
use crate::new_link::NewLink;
use crate::quic::{Connection, Endpoint};
use crate::reports::{DialError, LinkInfo, address_text, json};
use crate::tls::peer_certificate;
use crate::worker::Worker;
use quinn_proto::ClientConfig;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;
use std::time::Duration;

/// Port of a URL without a port.
const DEFAULT_PORT: u16 = 443;

pub struct Dial {
    /// JavaScript's number of the dial.
    pub token: u32,
    pub target: ConnectTarget,
    /// The address to connect to, instead of the addresses of the URL's host. The certificate must still be the host's.
    pub address: Option<IpAddr>,
    pub raw: bool,
    pub crypto: Arc<dyn quinn_proto::crypto::ClientConfig>,
    pub limits: Limits,
    pub tuning: Tuning,
    pub timeout: Duration,
    /// The sockets for IPv6 and IPv4, where the machine has them.
    pub endpoints: (Option<Endpoint>, Option<Endpoint>),
}

/// The protocols that a dial offers in TLS (ALPN).
pub fn alpn(raw: bool, protocols: &[String]) -> Vec<Vec<u8>> {
    if raw { protocols.iter().map(|name| name.clone().into_bytes()).collect() } else { vec![ALPN_H3.to_vec()] }
}

/// Dials in the background; [`Event::Dialled`] or [`Event::DialFailed`] follows.
pub fn start(worker: &Arc<Worker>, dial: Dial) {
    let own = worker.clone();
    worker.spawn(async move {
        let token = dial.token;
        let host = dial.target.url.host_str().unwrap_or_default().to_owned();
        let timeout = dial.timeout;
        let failure = match tokio::time::timeout(timeout, dial.run(&own)).await {
            Ok(Ok(link)) => return own.push(Command::NewLink(Box::new(link))),
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
        own.load.fetch_sub(1, Relaxed);
        own.event_queue.push(Event::DialFailed(token, json(&failure)));
    });
}

impl Dial {
    async fn run(&self, worker: &Arc<Worker>) -> Result<NewLink, DialError> {
        let url = &self.target.url;
        let host = url.host_str().unwrap_or_default().trim_start_matches('[').trim_end_matches(']').to_owned();
        let port = url.port_or_known_default().unwrap_or(DEFAULT_PORT);
        let addresses: Vec<SocketAddr> = match self.address {
            Some(address) => vec![SocketAddr::new(address, port)],
            None => {
                let found = tokio::net::lookup_host((host.as_str(), port));
                found.await.map_err(|error| DialError::failed(error.to_string()))?.collect()
            }
        };
        let mut last = DialError::failed("the host has no address");
        for address in addresses {
            match self.connect(worker, address, &host).await {
                Ok(conn) => return self.establish(conn).await,
                Err(error) => last = error,
            }
        }
        Err(last)
    }

    async fn connect(&self, worker: &Arc<Worker>, address: SocketAddr, name: &str) -> Result<Connection, DialError> {
        let endpoint = if address.is_ipv6() { &self.endpoints.0 } else { &self.endpoints.1 };
        let Some(endpoint) = endpoint else {
            return Err(DialError::failed("this machine has no socket for the address family"));
        };
        let mut config = ClientConfig::new(self.crypto.clone());
        let mut transport = transport(&self.tuning, &self.limits, !self.raw);
        transport.qlog_stream(self.tuning.qlog_stream("client"));
        config.transport_config(Arc::new(transport));
        let connecting = endpoint.connect(config, patience(&self.limits), address, name, &worker.driver);
        let connecting = connecting.map_err(|error| DialError::failed(error.to_string()))?;
        connecting.established().await.map_err(|error| self.refused(error))
    }

    /// TLS reports "no application protocol" as alert 120 (RFC 9001 section 8.1).
    fn refused(&self, error: quinn_proto::ConnectionError) -> DialError {
        let text = error.to_string();
        if text.contains("120") || text.contains("application protocol") || text.contains("NoApplicationProtocol") {
            return no_protocol(&self.target.protocols);
        }
        DialError::failed(text)
    }

    async fn establish(&self, conn: Connection) -> Result<NewLink, DialError> {
        let url = &self.target.url;
        let peer = conn.remote_address();
        let mut info = LinkInfo {
            binding: if self.raw { "quic" } else { "webtransport" },
            protocol: negotiated(&conn),
            authority: url.authority().to_owned(),
            path: url.path().to_owned(),
            query: url.query().unwrap_or_default().to_owned(),
            headers: self.target.headers.clone(),
            address: address_text(peer),
            port: peer.port(),
            certificate: peer_certificate(&conn),
        };
        let mut web = None;
        if !self.raw {
            let session = h3::connect(&conn, &self.target).await.map_err(|error| match error.status {
                Some(NO_COMMON_PROTOCOL) => no_protocol(&self.target.protocols),
                _ => error,
            })?;
            info.protocol = session.protocol.clone();
            if !self.target.protocols.is_empty() && !self.target.protocols.contains(&info.protocol) {
                return Err(no_protocol(&self.target.protocols));
            }
            web = Some(session);
        }
        Ok(NewLink {
            conn,
            web,
            info,
            origin: self.token,
            dialled: true,
            queue_mark: self.limits.queue_mark,
            send_window: self.tuning.send_window,
            allowed: allowances(&self.tuning, &self.limits, (u32::from(!self.raw), 0)),
        })
    }
}

fn negotiated(conn: &Connection) -> String {
    let data =
        conn.handshake_data().and_then(|data| data.downcast::<quinn_proto::crypto::rustls::HandshakeData>().ok());
    data.and_then(|data| data.protocol).map(|name| String::from_utf8_lossy(&name).into_owned()).unwrap_or_default()
}

fn no_protocol(offered: &[String]) -> DialError {
    DialError {
        code: "no_common_protocol",
        message: format!("the server speaks none of {}", offered.join(", ")),
        status: None,
    }
}
