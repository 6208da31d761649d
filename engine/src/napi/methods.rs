//! The methods of an engine, with their arguments.

use super::call::{Answer, Call, Method};
use crate::batch::Batch;
use crate::command::{Command, Pass};
use crate::config::Limits;
use crate::engine::Engine;
use crate::requests::{ClientRoots, DialRequest, Failure, ListenRequest, NamedCertificate};
use crate::tls::Trust;
use napi::bindgen_prelude::Uint8Array;
use napi::sys;
use napi_derive::napi;
use std::cell::RefCell;
use std::ffi::CStr;
use std::time::{Duration, Instant};

/// Methods called for frames, streams and batches.
pub const HOT: &[(&CStr, Method)] = &[
    (c"poll", |engine, call| {
        let records = call.elements(0, sys::TypedarrayType::uint32_array);
        let data = call.elements(1, sys::TypedarrayType::uint8_array);
        let count = Batch::new(records, data).fill(&mut engine.borrow_mut());
        call.give(count as u32)
    }),
    (c"flush", |engine, call| {
        engine.borrow().flush();
        call.nothing()
    }),
    (c"openUni", |engine, call| call.give(engine.borrow().open(call.number(0), call.number(1) as i32, false))),
    (c"openBidi", |engine, call| call.give(engine.borrow().open(call.number(0), call.number(1) as i32, true))),
    (c"write", |engine, call| {
        engine.borrow().write(call.number(0), call.bytes(1));
        call.nothing()
    }),
    (c"writeMany", |engine, call| {
        engine.borrow().write_many(call.ids(0, call.number(1) as usize), call.bytes(2));
        call.nothing()
    }),
    (c"finish", |engine, call| {
        let id = call.number(0);
        engine.borrow().to_stream(id, Command::Finish(id));
        call.nothing()
    }),
    (c"finishMany", |engine, call| {
        engine.borrow().finish_many(call.ids(0, call.number(1) as usize));
        call.nothing()
    }),
    (c"reset", |engine, call| {
        engine.borrow().reset(call.number(0), call.number(1));
        call.nothing()
    }),
    (c"resetMany", |engine, call| {
        engine.borrow().reset_many(call.ids(0, call.number(1) as usize), call.number(2));
        call.nothing()
    }),
    (c"stop", |engine, call| {
        let id = call.number(0);
        engine.borrow().to_stream(id, Command::Stop(id, call.number(1)));
        call.nothing()
    }),
    (c"mark", |engine, call| {
        let id = call.number(0);
        engine.borrow().to_stream(id, Command::Mark(id));
        call.nothing()
    }),
    (c"pass", |engine, call| {
        let from = call.number(0);
        if let Some(pass) = Pass::parse(from, call.ids(1, usize::MAX)) {
            engine.borrow().to_stream(from, Command::Pass(Box::new(pass)));
        }
        call.nothing()
    }),
    (c"unpass", |engine, call| {
        let id = call.number(0);
        engine.borrow().to_stream(id, Command::Unpass(id));
        call.nothing()
    }),
    (c"setPriority", |engine, call| {
        let id = call.number(0);
        engine.borrow().to_stream(id, Command::Priority(id, call.number(1) as i32));
        call.nothing()
    }),
    (c"sendDatagram", |engine, call| call.give(engine.borrow().send_datagram(call.number(0), call.bytes(1)).into())),
    (c"maxDatagram", |engine, call| {
        call.give(engine.borrow().link(call.number(0)).map_or(0, |link| link.max_datagram() as u32))
    }),
    (c"stats", |engine, call| {
        engine.borrow().stats(call.number(0), call.elements(1, sys::TypedarrayType::float64_array));
        call.nothing()
    }),
];

/// Methods called for listeners and links.
pub const COLD: &[(&CStr, Method)] = &[
    (c"listen", listen),
    (c"dial", dial),
    (c"allowBidi", |engine, call| {
        engine.borrow().allow_bidi(call.number(0), call.number(1));
        call.nothing()
    }),
    (c"pauseReading", |engine, call| {
        engine.borrow().pause_reading(call.number(0), call.number(1) != 0);
        call.nothing()
    }),
    (c"setCertificates", |engine, call| {
        let tls: JsListenerTls = call.parse(1)?;
        let named: Vec<_> = tls.certificates.into_iter().map(Into::into).collect();
        let clients = tls.clients.map(Into::into);
        engine.borrow_mut().set_certificates(call.number(0), &named, clients.as_ref())?;
        call.nothing()
    }),
    (c"setResetKey", |engine, call| call.give(engine.borrow().set_reset_key(call.bytes(0)).into())),
    (c"stopAccepting", |engine, call| {
        engine.borrow().stop_accepting(call.number(0));
        call.nothing()
    }),
    (c"closeListener", |engine, call| {
        engine.borrow_mut().close_listener(call.number(0));
        call.nothing()
    }),
    (c"accept", |engine, call| {
        let id = call.number(0);
        engine.borrow().to_link(id, Command::Accept(id));
        call.nothing()
    }),
    (c"reject", |engine, call| {
        let id = call.number(0);
        engine.borrow().to_link(id, Command::Reject(id, call.number(1) as u16));
        call.nothing()
    }),
    (c"closeLink", |engine, call| {
        let (id, code, reason) = (call.number(0), call.number(1), call.text(2));
        engine.borrow().to_link(id, Command::Close(id, code, reason));
        call.nothing()
    }),
    (c"setHandshakeRate", |engine, call| {
        engine.borrow().rate.set(call.number(0), call.number(1), Instant::now());
        call.nothing()
    }),
    (c"handshakesLimited", |engine, call| call.give(engine.borrow().rate.limited().try_into().unwrap_or(u32::MAX))),
    (c"handshakes", |engine, call| {
        engine.borrow().handshakes(call.elements(0, sys::TypedarrayType::float64_array));
        call.nothing()
    }),
    (c"pulses", |engine, call| {
        let count = engine.borrow().pulses(call.elements(0, sys::TypedarrayType::float64_array));
        call.give(count as u32)
    }),
    (c"stopEngine", |engine, call| {
        engine.borrow_mut().stop();
        call.nothing()
    }),
];

#[napi(object)]
struct JsCertificate {
    /// Server name; ignored for the first certificate of a list.
    pub name: String,
    pub cert: String,
    pub key: String,
}

impl From<JsCertificate> for NamedCertificate {
    fn from(from: JsCertificate) -> Self {
        Self { name: from.name, cert: from.cert, key: from.key }
    }
}

#[napi(object)]
struct JsClients {
    /// PEM of the roots that clients' certificates must chain to.
    pub roots: String,
    /// Clients without a certificate are refused.
    pub required: bool,
}

impl From<JsClients> for ClientRoots {
    fn from(from: JsClients) -> Self {
        Self { roots: from.roots, required: from.required }
    }
}

#[napi(object)]
struct JsListenerTls {
    pub certificates: Vec<JsCertificate>,
    pub clients: Option<JsClients>,
}

#[napi(object)]
struct JsListen {
    /// An IP address.
    pub host: String,
    pub port: u16,
    pub protocols: Vec<String>,
    pub certificates: Vec<JsCertificate>,
    /// Without it the listener asks for no certificate.
    pub clients: Option<JsClients>,
    pub limits: Limits,
    /// Addresses with ports.
    pub preferred: Option<Vec<String>>,
}

#[napi(object)]
struct JsDial {
    pub token: u32,
    pub url: String,
    /// IP address to connect to, instead of the addresses of the URL's host.
    pub address: Option<String>,
    pub protocols: Vec<String>,
    /// The protocol of a WebTransport server that names none; without it such a server is refused.
    pub unanswered: Option<String>,
    pub header_names: Vec<String>,
    pub header_values: Vec<String>,
    /// `system`, `roots`, `hashes` or `insecure`.
    pub trust: String,
    pub roots: Option<String>,
    pub hashes: Option<Vec<Uint8Array>>,
    /// Presented to servers that ask for a certificate.
    pub certificate: Option<JsCertificate>,
    pub limits: Limits,
    pub timeout_ms: u32,
}

/// Answers the listener's id and port as one number, the id in the upper half.
fn listen(engine: &RefCell<Engine>, call: &Call) -> Answer {
    let options: JsListen = call.parse(0)?;
    let ip: std::net::IpAddr =
        options.host.parse().map_err(|_| Failure("bind_failed", format!("{} is not an IP address", options.host)))?;
    let preferred = options.preferred.unwrap_or_default();
    let preferred = preferred.iter().map(|text| {
        text.parse().map_err(|_| Failure("bind_failed", format!("{text} is not an IP address with a port")))
    });
    let (id, address) = engine.borrow_mut().listen(ListenRequest {
        address: std::net::SocketAddr::new(ip, options.port),
        protocols: options.protocols,
        certificates: options.certificates.into_iter().map(Into::into).collect(),
        clients: options.clients.map(Into::into),
        limits: options.limits,
        preferred: preferred.collect::<Result<_, Failure>>()?,
    })?;
    call.give(id << 16 | u32::from(address.port()))
}

fn dial(engine: &RefCell<Engine>, call: &Call) -> Answer {
    let options: JsDial = call.parse(0)?;
    let url = url::Url::parse(&options.url).map_err(|error| Failure("unsupported_url", error.to_string()))?;
    let trust = match options.trust.as_str() {
        "system" => Trust::System,
        "roots" => Trust::Roots(options.roots.unwrap_or_default()),
        "hashes" => Trust::Hashes(options.hashes.unwrap_or_default().iter().map(|hash| hash.to_vec()).collect()),
        "insecure" => Trust::Insecure,
        other => return Err(Failure("dial_failed", format!("unknown trust: {other}"))),
    };
    let address = match options.address {
        Some(text) => Some(text.parse().map_err(|_| Failure("dial_failed", format!("{text} is not an IP address")))?),
        None => None,
    };
    engine.borrow_mut().dial(DialRequest {
        token: options.token,
        url,
        address,
        protocols: options.protocols,
        unanswered: options.unanswered,
        headers: options.header_names.into_iter().zip(options.header_values).collect(),
        trust,
        own: options.certificate.map(|own| (own.cert, own.key)),
        limits: options.limits,
        timeout: Duration::from_millis(options.timeout_ms.into()),
    })?;
    call.nothing()
}
