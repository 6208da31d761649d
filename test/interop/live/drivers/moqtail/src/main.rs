//! A publisher or viewer on moqtail, over QUIC alone. The first argument is one JSON object; each line of the output is one as well. Order: role
//! ("publish" or "watch"), host, port, path, track. Runs until standard input ends.

use std::collections::BTreeMap;
use std::error::Error;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use moqtail::model::common::location::Location;
use moqtail::model::common::pair::KeyValuePair;
use moqtail::model::common::tuple::{Tuple, TupleField};
use moqtail::model::control::constant::SUPPORTED_VERSIONS;
use moqtail::model::control::control_message::ControlMessage;
use moqtail::model::control::publish_namespace::PublishNamespace;
use moqtail::model::control::setup::Setup;
use moqtail::model::control::subscribe::Subscribe;
use moqtail::model::control::subscribe_ok::SubscribeOk;
use moqtail::model::data::constant::{ObjectForwardingPreference, ObjectStatus};
use moqtail::model::data::object::Object;
use moqtail::model::data::subgroup_header::SubgroupHeader;
use moqtail::model::parameter::location_filter::LocationFilter;
use moqtail::model::parameter::setup_option::SetupOption;
use moqtail::model::property::object_property::ObjectProperty;
use moqtail::transport::connection::TransportConnection;
use moqtail::transport::control_stream_handler::ControlStreamHandler;
use moqtail::transport::data_stream_handler::{HeaderInfo, RecvDataStream, SendDataStream};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use tokio::sync::{Mutex, RwLock};
use wtransport::quinn;

type Outcome<T> = Result<T, Box<dyn Error + Send + Sync>>;

const GROUP: Duration = Duration::from_millis(125);
const OBJECTS_PER_GROUP: u64 = 5;
const PRIORITY: u8 = 128;
const ALIAS: u64 = 7;

/// A property that no text defines, with a number: types that are even have one.
const PROPERTY: u64 = 0x3c10;

fn say(line: Value) {
    println!("{line}");
}

fn seen(object: &Object) {
    let payload = object.payload.clone().unwrap_or_default();
    let properties = format!("{:?}", object.properties.clone().unwrap_or_default());
    let sha256: String = Sha256::digest(&payload).iter().map(|byte| format!("{byte:02x}")).collect();
    say(json!({
        "event": "object",
        "group": object.location.group,
        "subgroup": object.subgroup_id,
        "object": object.location.object,
        "size": payload.len(),
        "sha256": sha256,
        "properties": properties,
    }));
}

#[tokio::main]
async fn main() {
    let order: Value = serde_json::from_str(&std::env::args().nth(1).unwrap_or_default()).unwrap_or_default();
    let end = tokio::task::spawn_blocking(|| std::io::copy(&mut std::io::stdin(), &mut std::io::sink()));
    tokio::select! {
        _ = end => std::process::exit(0),
        outcome = run(order) => {
            let message = outcome.map_or_else(|error| error.to_string(), |()| "the peer ended".to_string());
            say(json!({ "event": "failed", "message": message }));
            std::process::exit(1);
        }
    }
}

async fn run(order: Value) -> Outcome<()> {
    let text = |name: &str| order[name].as_str().unwrap_or_default().to_string();
    let connection = dial(&text("host"), order["port"].as_u64().unwrap_or_default() as u16).await?;
    let transport = TransportConnection::Quic(connection);
    let options = vec![
        SetupOption::new_authority(format!("{}:{}", text("host"), order["port"])).try_into()?,
        SetupOption::new_path("/".to_string()).try_into()?,
    ];
    // Each side has a control stream of its own, which begins with SETUP.
    let mut control = transport.open_uni().await?;
    control.write_all(&ControlMessage::Setup(Box::new(Setup::new(options))).serialize()?).await?;
    let theirs = transport.accept_uni().await?;
    tokio::spawn(async move {
        let mut theirs = theirs;
        let mut buffer = [0; 1500];
        while let Ok(Some(_)) = theirs.read(&mut buffer).await {}
    });
    say(json!({ "event": "connected" }));
    match text("role").as_str() {
        "publish" => publish(&transport, &text("path"), control).await,
        _ => watch(&transport, &text("path"), &text("track"), control).await,
    }
}

async fn dial(host: &str, port: u16) -> Outcome<quinn::Connection> {
    let mut tls = rustls::ClientConfig::builder_with_provider(Arc::new(rustls::crypto::ring::default_provider()))
        .with_safe_default_protocol_versions()?
        .dangerous()
        .with_custom_certificate_verifier(Arc::new(AnyCertificate))
        .with_no_client_auth();
    tls.alpn_protocols = vec![SUPPORTED_VERSIONS.as_bytes().to_vec()];
    let crypto = quinn::crypto::rustls::QuicClientConfig::try_from(tls)?;
    let endpoint = quinn::Endpoint::client("127.0.0.1:0".parse()?)?;
    let config = quinn::ClientConfig::new(Arc::new(crypto));
    Ok(endpoint.connect_with(config, format!("{host}:{port}").parse()?, "localhost")?.await?)
}

/// Announces the namespace, and sends the track to each that subscribes.
async fn publish<C>(transport: &TransportConnection, path: &str, _control: C) -> Outcome<()> {
    let (send, recv) = transport.open_bi().await?;
    let mut request = ControlStreamHandler::new(send, recv);
    let message = PublishNamespace::new(0, Tuple::from_utf8_path(path), &[]);
    request.send_impl(&message).await.map_err(|code| format!("{code:?}"))?;
    match request.next_message().await.map_err(|code| format!("{code:?}"))? {
        ControlMessage::RequestOk(_) => say(json!({ "event": "ready" })),
        other => return Err(format!("PUBLISH_NAMESPACE: {other:?}").into()),
    }
    loop {
        let (send, recv) = transport.accept_bi().await?;
        let transport = transport.clone();
        tokio::spawn(async move {
            let mut asked = ControlStreamHandler::new(send, recv);
            if let Ok(ControlMessage::Subscribe(_)) = asked.next_message().await {
                let answer = SubscribeOk::new(ALIAS, vec![], vec![]);
                if asked.send_impl(&answer).await.is_ok() {
                    let outcome = send_groups(&transport).await;
                    say(json!({ "event": "failed", "message": format!("{outcome:?}") }));
                }
            }
        });
    }
}

async fn send_groups(transport: &TransportConnection) -> Outcome<()> {
    for group in 0.. {
        let header = SubgroupHeader::new_fixed_zero_id(ALIAS, group, Some(PRIORITY), true, true, true);
        let stream = Arc::new(Mutex::new(transport.open_uni().await?));
        let mut data = SendDataStream::new(stream.clone(), HeaderInfo::Subgroup { header }).await?;
        let mut previous = None;
        for object in 0..OBJECTS_PER_GROUP {
            let text = format!("group {group} object {object}.{}", "x".repeat(3000 * object as usize));
            let property = KeyValuePair::try_new_varint(PROPERTY, group * 10 + object)?;
            let sent = Object {
                track_alias: ALIAS,
                location: Location { group, object },
                publisher_priority: PRIORITY,
                forwarding_preference: ObjectForwardingPreference::Subgroup,
                subgroup_id: Some(0),
                status: ObjectStatus::Normal,
                properties: Some(vec![ObjectProperty::Unknown { kvp: property }]),
                payload: Some(Bytes::from(text)),
            };
            seen(&sent);
            data.send_object(&sent, previous).await?;
            previous = Some(object);
        }
        data.finish().await?;
        tokio::time::sleep(GROUP).await;
    }
    Ok(())
}

async fn watch<C>(transport: &TransportConnection, path: &str, track: &str, _control: C) -> Outcome<()> {
    let (send, recv) = transport.open_bi().await?;
    let mut request = ControlStreamHandler::new(send, recv);
    let namespace = Tuple::from_utf8_path(path);
    let filter = LocationFilter::RelativeStart { start_group: 0 };
    let message =
        Subscribe::new_with_location_filter(0, namespace, TupleField::from_utf8(track), filter, vec![]);
    request.send_impl(&message).await.map_err(|code| format!("{code:?}"))?;
    match request.next_message().await.map_err(|code| format!("{code:?}"))? {
        ControlMessage::SubscribeOk(_) => say(json!({ "event": "ready" })),
        other => return Err(format!("SUBSCRIBE: {other:?}").into()),
    }
    loop {
        let stream = transport.accept_uni().await?;
        tokio::spawn(async move {
            let data = RecvDataStream::new(stream, Arc::new(RwLock::new(BTreeMap::new())));
            while let (_, Some(object)) = data.next_object().await {
                if object.status == ObjectStatus::Normal {
                    seen(&object);
                }
            }
        });
    }
}

/// Certificates of relays on this machine are signed by themselves.
#[derive(Debug)]
struct AnyCertificate;

impl rustls::client::danger::ServerCertVerifier for AnyCertificate {
    fn verify_server_cert(
        &self,
        _end_entity: &rustls::pki_types::CertificateDer<'_>,
        _intermediates: &[rustls::pki_types::CertificateDer<'_>],
        _name: &rustls::pki_types::ServerName<'_>,
        _ocsp: &[u8],
        _now: rustls::pki_types::UnixTime,
    ) -> Result<rustls::client::danger::ServerCertVerified, rustls::Error> {
        Ok(rustls::client::danger::ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        _message: &[u8],
        _cert: &rustls::pki_types::CertificateDer<'_>,
        _signature: &rustls::DigitallySignedStruct,
    ) -> Result<rustls::client::danger::HandshakeSignatureValid, rustls::Error> {
        Ok(rustls::client::danger::HandshakeSignatureValid::assertion())
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        cert: &rustls::pki_types::CertificateDer<'_>,
        signature: &rustls::DigitallySignedStruct,
    ) -> Result<rustls::client::danger::HandshakeSignatureValid, rustls::Error> {
        let algorithms = rustls::crypto::ring::default_provider().signature_verification_algorithms;
        rustls::crypto::verify_tls13_signature(message, cert, signature, &algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<rustls::SignatureScheme> {
        rustls::crypto::ring::default_provider().signature_verification_algorithms.supported_schemes()
    }
}
