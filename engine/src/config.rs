//! The options that JavaScript sets, and the QUIC parameters that follow from them.

use crate::congestion::DelayBoundConfig;
use crate::link_shared::StreamAllowances;
use crate::quic::{Observing, Patience};
use crate::stream_allowance::{StreamAllowance, initial_limit};
use napi_derive::napi;
use quinn_proto::congestion::{ControllerFactory, CubicConfig, NewRenoConfig};
use quinn_proto::{AckFrequencyConfig, IdleTimeout, MtuDiscoveryConfig, TransportConfig, VarInt};
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, SystemTime};

/// Options of an engine; all its listeners and dials share them.
#[napi(object)]
pub struct EngineOptions {
    /// Threads for QUIC.
    pub threads: u32,
    /// `delay`, `cubic` or `newreno`.
    pub congestion: String,
    /// Asks peers to acknowledge less often where they offer it.
    pub ack_frequency: bool,
    /// Smallest send window of a link in bytes.
    pub send_window: u32,
    /// Receive windows in bytes, of a stream and of a link.
    pub stream_receive_window: u32,
    pub receive_window: u32,
    /// Socket buffers to ask the kernel for, in bytes.
    pub socket_buffer: u32,
    /// From this many unfinished handshakes on, clients must prove their address; 0: always.
    pub retry_above: u32,
    /// Lets several processes bind the same port.
    pub reuse_port: bool,
    /// Key of stateless resets and address tokens, at least 32 bytes. With the same key after a restart, peers learn at
    /// once that their connection is gone.
    pub reset_key: Option<napi::bindgen_prelude::Uint8Array>,
    /// Folder for a qlog file of each connection.
    pub qlog: Option<String>,
    /// UDP payload in bytes that a connection begins with. All paths must carry it.
    pub initial_mtu: u32,
    /// Largest UDP payload in bytes: probing tries up to this, and peers may send it.
    pub max_mtu: u32,
    /// Milliseconds that a peer with the extension may delay an acknowledgement; 0: the peer's own proposal.
    pub ack_delay: u32,
    /// Streams of each kind that a peer may have open at first, before the limit grows; 0: all that it may ever have.
    pub initial_streams: u32,
    /// Bytes in flight at the start of a connection.
    pub initial_window: Option<u32>,
    /// A packet counts as lost when one was acknowledged that was sent this many packets later, or this part of a round
    /// trip later, in percent (RFC 9002 section 6.1).
    pub packet_threshold: Option<u32>,
    pub time_threshold: Option<u32>,
    /// What a load balancer reads in the connection ids of listeners; without it, ids tell nothing.
    pub routing: Option<RoutingOptions>,
}

/// QUIC-LB, draft-ietf-quic-load-balancers-21: a server id in connection ids.
#[napi(object)]
pub struct RoutingOptions {
    /// 1 to 15 bytes.
    pub server_id: napi::bindgen_prelude::Uint8Array,
    /// Bytes of the nonce, from 4; server id and nonce have at most 19 together.
    pub nonce_length: u32,
    /// The configuration that the load balancer knows these ids by: 0 to 6.
    pub rotation: u32,
    /// 16 bytes, or none for ids that everyone on the path can read.
    pub key: Option<napi::bindgen_prelude::Uint8Array>,
}

/// Bounds of a link; `LinkLimits` of the transport contract.
#[napi(object)]
#[derive(Clone)]
pub struct Limits {
    pub uni_streams: u32,
    pub bidi_streams: u32,
    pub idle_timeout_ms: u32,
    pub keep_alive_ms: u32,
    pub queue_mark: u32,
}

/// The part of [`EngineOptions`] that connections need, without JavaScript's values.
#[derive(Clone)]
pub struct Tuning {
    pub congestion: Congestion,
    pub ack_frequency: bool,
    pub send_window: u64,
    pub stream_receive_window: u32,
    pub receive_window: u32,
    pub initial_mtu: u16,
    pub max_mtu: u16,
    pub ack_delay: Option<Duration>,
    pub initial_streams: u32,
    pub initial_window: u32,
    pub packet_threshold: u32,
    /// A factor of the round trip.
    pub time_threshold: f32,
    /// Folder for a qlog file of each connection.
    pub qlog: Option<Arc<std::path::Path>>,
}

impl Tuning {
    /// A new qlog file, if there is a folder for them. A file that cannot be created is left out.
    pub fn qlog_stream(&self, end: &str) -> Option<quinn_proto::QlogStream> {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        let folder = self.qlog.as_ref()?;
        let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default().as_millis();
        let name = format!("{since}-{}-{end}.sqlog", NEXT.fetch_add(1, Ordering::Relaxed));
        let file = std::fs::File::create_new(folder.join(name)).ok()?;
        let mut config = quinn_proto::QlogConfig::default();
        config.writer(Box::new(std::io::BufWriter::new(file)));
        config.into_stream()
    }
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Congestion {
    Cubic,
    Delay,
    NewReno,
}

impl Congestion {
    pub fn parse(name: &str) -> Option<Self> {
        match name {
            "cubic" => Some(Self::Cubic),
            "delay" => Some(Self::Delay),
            "newreno" => Some(Self::NewReno),
            _ => None,
        }
    }
}

/// UDP payloads of QUIC in bytes: from the least that every path carries (RFC 9000 section 14) to UDP's maximum.
const MTUS: std::ops::RangeInclusive<u32> = 1200..=65_527;

/// The payload, within QUIC's bounds.
pub fn mtu(bytes: u32) -> u16 {
    bytes.clamp(*MTUS.start(), *MTUS.end()) as u16
}

fn probing(largest: u16) -> MtuDiscoveryConfig {
    let mut config = MtuDiscoveryConfig::default();
    config.upper_bound(largest);
    config
}

/// Packets that one acknowledgement covers, where the peer offers the extension.
const ACK_EVERY: u32 = 10;

/// Unidirectional streams of HTTP/3 that do not count in a link's limit: control, QPACK, and as many unknown ones.
pub const MAX_HTTP3_STREAMS: u32 = 6;

/// Bytes of one link's datagrams that may wait in each direction.
const DATAGRAM_BUFFER: usize = 256 * 1024;

/// The streams that the peer of a link may open. `http3`: unidirectional and bidirectional streams of HTTP/3 itself.
pub fn allowances(tuning: &Tuning, limits: &Limits, http3: (u32, u32)) -> StreamAllowances {
    StreamAllowances {
        uni: StreamAllowance::new(limits.uni_streams, tuning.initial_streams, http3.0),
        bidi: StreamAllowance::new(limits.bidi_streams, tuning.initial_streams, http3.1),
    }
}

/// For how long the links of a listener or a dial stay silent.
pub fn patience(limits: &Limits) -> Patience {
    Patience {
        keep_alive: Duration::from_millis(limits.keep_alive_ms.max(1).into()),
        idle_timeout: Duration::from_millis(limits.idle_timeout_ms.max(1).into()),
    }
}

/// QUIC's parameters for the links of a listener or a dial; `h3_client` adds the server's control stream.
pub fn transport(tuning: &Tuning, limits: &Limits, h3_client: bool) -> TransportConfig {
    let mut config = TransportConfig::default();
    let uni = initial_limit(limits.uni_streams, tuning.initial_streams);
    let bidi = initial_limit(limits.bidi_streams, tuning.initial_streams);
    config
        .max_concurrent_uni_streams(VarInt::from_u32(uni.saturating_add(h3_client.into()).max(1)))
        .max_concurrent_bidi_streams(VarInt::from_u32(bidi.max(1)))
        .max_idle_timeout(Some(IdleTimeout::from(VarInt::from_u32(limits.idle_timeout_ms.max(1)))))
        .keep_alive_interval(Some(Duration::from_millis(limits.keep_alive_ms.max(1).into())))
        .send_window(tuning.send_window)
        .stream_receive_window(VarInt::from_u32(tuning.stream_receive_window))
        .receive_window(VarInt::from_u32(tuning.receive_window))
        .datagram_receive_buffer_size(Some(DATAGRAM_BUFFER))
        .datagram_send_buffer_size(DATAGRAM_BUFFER)
        .packet_threshold(tuning.packet_threshold)
        .time_threshold(tuning.time_threshold)
        .initial_mtu(tuning.initial_mtu)
        .mtu_discovery_config(Some(probing(tuning.max_mtu)));
    if tuning.ack_frequency {
        let mut acks = AckFrequencyConfig::default();
        acks.ack_eliciting_threshold(VarInt::from_u32(ACK_EVERY)).max_ack_delay(tuning.ack_delay);
        config.ack_frequency_config(Some(acks));
    }
    config.congestion_controller_factory(Arc::new(Observing(controller(tuning))));
    config
}

fn controller(tuning: &Tuning) -> Arc<dyn ControllerFactory + Send + Sync> {
    let window = tuning.initial_window.into();
    match tuning.congestion {
        Congestion::Cubic => {
            let mut cubic = CubicConfig::default();
            cubic.initial_window(window);
            Arc::new(cubic)
        }
        Congestion::Delay => Arc::new(DelayBoundConfig::new(window)),
        Congestion::NewReno => {
            let mut new_reno = NewRenoConfig::default();
            new_reno.initial_window(window);
            Arc::new(new_reno)
        }
    }
}
