//! WebTransport over HTTP/3: SETTINGS and the CONNECT request, at both ends. A connection has one session.

use crate::error_codes::H3_NO_ERROR;
use crate::new_link::WebTransport;
use crate::quic::{Connection, RecvStream, SendStream};
use crate::reports::DialError;
use std::task::{Poll, Waker};
use std::time::Duration;
use web_transport_proto::{
    ConnectError, ConnectRequest, ConnectResponse, Frame, Settings, StreamUni, VarInt,
    http::{HeaderName, HeaderValue, StatusCode},
};

/// How long a rejected client has to read its status.
const REJECT_GRACE: Duration = Duration::from_secs(1);

/// Largest SETTINGS frame in bytes.
const MAX_SETTINGS: u64 = 16 * 1024;

/// ALPN of HTTP/3.
pub const ALPN_H3: &[u8] = b"h3";

/// HTTP status for a client that offers only protocols that the server does not speak.
pub const NO_COMMON_PROTOCOL: u16 = 406;

pub type Result<T> = std::result::Result<T, String>;

/// Reads a client's request. The session still needs its answer, see [`respond`].
pub async fn accept(conn: &Connection, protocols: &[String]) -> Result<(ConnectRequest, WebTransport)> {
    let control = send_settings(conn).await?;
    let (send, mut recv) = conn.accept_bi().await.map_err(text)?;
    let request = ConnectRequest::read(&mut recv).await.map_err(text)?;
    let protocol = protocols.iter().find(|name| request.protocols.contains(name)).cloned().unwrap_or_default();
    let session = send.id().into();
    let web =
        WebTransport { send, recv: Some(recv), control: vec![control], peer_control: Vec::new(), session, protocol };
    Ok((request, web))
}

/// Answers a request. The answer is small, so a new stream always accepts it at once.
pub fn respond(web: &mut WebTransport, status: u16) {
    let mut response = ConnectResponse::new(StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR));
    if status == 200 && !web.protocol.is_empty() {
        response = response.with_protocol(web.protocol.clone());
    }
    let mut bytes = Vec::new();
    if response.encode(&mut bytes).is_err() {
        return;
    }
    let written = web.send.poll_write(&bytes, Waker::noop());
    debug_assert!(!matches!(written, Poll::Ready(Ok(count)) if count < bytes.len()) && written.is_ready());
}

/// Rejects a request with an HTTP status.
pub fn reject(conn: Connection, mut web: WebTransport, status: u16) {
    respond(&mut web, status);
    tokio::spawn(async move {
        let _ = web.send.finish();
        let read = async {
            web.send.stopped().await;
            // The client closes the connection when it has read the status.
            conn.closed().await;
        };
        let _ = tokio::time::timeout(REJECT_GRACE, read).await;
        conn.close(quinn_proto::VarInt::from_u32(H3_NO_ERROR), b"");
        drop(web);
    });
}

/// The target of a dial: URL, offered protocols and headers.
pub struct ConnectTarget {
    pub url: url::Url,
    pub protocols: Vec<String>,
    /// The protocol of a server that names none.
    pub unanswered: Option<String>,
    pub headers: Vec<(String, String)>,
}

/// Opens a session; the result has the negotiated protocol.
pub async fn connect(conn: &Connection, target: &ConnectTarget) -> std::result::Result<WebTransport, DialError> {
    let control = send_settings(conn).await.map_err(DialError::failed)?;
    let peer_control = read_settings(conn).await.map_err(DialError::failed)?;
    let mut request = ConnectRequest::new(target.url.clone()).with_protocols(target.protocols.iter().cloned());
    for (name, value) in &target.headers {
        let name = HeaderName::from_bytes(name.as_bytes()).map_err(|error| DialError::failed(text(error)))?;
        let value = HeaderValue::from_str(value).map_err(|error| DialError::failed(text(error)))?;
        request = request.with_header(name, value);
    }
    let (mut send, mut recv) = conn.open_bi().await.map_err(|error| DialError::failed(text(error)))?;
    request.write(&mut send).await.map_err(|error| DialError::failed(text(error)))?;
    let response = ConnectResponse::read(&mut recv).await.map_err(|error| refused(conn, error))?;
    let protocol = response.protocol.or_else(|| target.unanswered.clone()).unwrap_or_default();
    let session = send.id().into();
    Ok(WebTransport { send, recv: Some(recv), control: vec![control], peer_control, session, protocol })
}

fn refused(conn: &Connection, error: ConnectError) -> DialError {
    match (error, conn.close_reason()) {
        (ConnectError::WrongStatus(Some(status)) | ConnectError::ErrorStatus(status), _) => DialError {
            code: "dial_rejected",
            message: format!("the server answered with HTTP status {}", status.as_u16()),
            status: Some(status.as_u16()),
        },
        (_, Some(reason)) => DialError::failed(text(reason)),
        (error, None) => DialError::failed(text(error)),
    }
}

async fn send_settings(conn: &Connection) -> Result<SendStream> {
    let mut settings = Settings::default();
    settings.enable_webtransport(1);
    let mut control = conn.open_uni().await.map_err(text)?;
    settings.write(&mut control).await.map_err(text)?;
    Ok(control)
}

/// Waits for the server's SETTINGS (RFC 9220 section 3). Returns the server's HTTP/3 streams, which must stay open.
async fn read_settings(conn: &Connection) -> Result<Vec<RecvStream>> {
    let mut streams = Vec::new();
    loop {
        let mut recv = conn.accept_uni().await.map_err(text)?;
        let kind = VarInt::read(&mut recv).await.map_err(|_| "a stream of the server ended inside its type")?;
        if kind != StreamUni::CONTROL.0 {
            streams.push(recv);
            continue;
        }
        let frame = VarInt::read(&mut recv).await.map_err(|_| "the server ended its control stream")?;
        let length = VarInt::read(&mut recv).await.map_err(|_| "the server ended its control stream")?;
        if Frame(frame) != Frame::SETTINGS || length.into_inner() > MAX_SETTINGS {
            return Err("the server's control stream does not begin with SETTINGS".into());
        }
        let mut wire = Vec::new();
        StreamUni::CONTROL.encode(&mut wire);
        Frame::SETTINGS.encode(&mut wire);
        length.encode(&mut wire);
        let start = wire.len();
        wire.resize(start + length.into_inner() as usize, 0);
        recv.read_exact(&mut wire[start..]).await.map_err(text)?;
        let settings = Settings::decode(&mut wire.as_slice()).map_err(text)?;
        if settings.supports_webtransport() == 0 {
            return Err("the server does not support WebTransport".into());
        }
        streams.push(recv);
        return Ok(streams);
    }
}

fn text(error: impl std::fmt::Display) -> String {
    error.to_string()
}
