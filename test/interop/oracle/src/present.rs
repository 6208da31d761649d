//! Control messages of drafts 18 and later, which have the same messages but for a few.
use crate::build::{int, namespace, number, raw, seq, seq_then, text};
use moqtap_codec::dispatch::AnyControlMessage;
use moqtap_codec::kvp::KeyValuePair;

pub type Named = (&'static str, AnyControlMessage);

/// A Track Property of each kind: a number, opaque bytes, one that nobody knows.
fn track_properties() -> Vec<KeyValuePair> {
    vec![
        number(0x02, 1500),
        number(0x04, 60_000),
        number(0x08, 90_000),
        raw(0x0B, &seq_then(&[0x0E, 7], &[])),
        number(0x0E, 64),
        number(0x22, 2),
        number(0x30, 1),
        raw(0x3801, b"opaque"),
    ]
}

fn token() -> KeyValuePair {
    // USE_VALUE, type 1, then the value.
    raw(0x03, &seq_then(&[3, 1], b"secret"))
}

macro_rules! present {
    ($function:ident, $draft:ident, $variant:ident, $filter:expr, |$out:ident| $more:block) => {
        pub fn $function() -> Vec<Named> {
            use moqtap_codec::$draft::message::*;
            let mut $out: Vec<(&'static str, ControlMessage)> = Vec::new();
            let filter: fn() -> Vec<Vec<u8>> = $filter;
            let filters = filter();
            let pick = |index: usize| raw(0x21, &filters[index]);
            $out.push(("setup without options", ControlMessage::Setup(Setup { options: vec![] })));
            $out.push((
                "setup with every option and one unknown",
                ControlMessage::Setup(Setup {
                    options: vec![
                        raw(0x01, b"/live?jwt=x"),
                        token(),
                        number(0x04, 4096),
                        raw(0x05, b"relay.example:4443"),
                        raw(0x07, b"oracle/1"),
                        raw(0x9D, b"grease"),
                    ],
                }),
            ));
            $out.push((
                "request_ok",
                ControlMessage::RequestOk(RequestOk { parameters: vec![], track_properties: vec![] }),
            ));
            $out.push((
                "request_ok with expiry",
                ControlMessage::RequestOk(RequestOk { parameters: vec![number(0x08, 30_000)], track_properties: vec![] }),
            ));
            $out.push((
                "request_ok of a track status",
                ControlMessage::RequestOk(RequestOk {
                    parameters: vec![raw(0x09, &seq(&[9, 4]))],
                    track_properties: track_properties(),
                }),
            ));
            $out.push((
                "request_error",
                ControlMessage::RequestError(RequestError {
                    error_code: int(0x10),
                    retry_interval: int(0),
                    reason_phrase: text("no such track"),
                    redirect: None,
                }),
            ));
            $out.push((
                "request_error to be repeated",
                ControlMessage::RequestError(RequestError {
                    error_code: int(0x9),
                    retry_interval: int(2501),
                    reason_phrase: text(""),
                    redirect: None,
                }),
            ));
            $out.push((
                "request_error with redirect",
                ControlMessage::RequestError(RequestError {
                    error_code: int(0x34),
                    retry_interval: int(1),
                    reason_phrase: text("over there"),
                    redirect: Some(Redirect {
                        connect_uri: text("moqt://other.example/live"),
                        track_namespace: namespace(&["live", "room"]),
                        track_name: text("video"),
                    }),
                }),
            ));
            $out.push((
                "subscribe",
                ControlMessage::Subscribe(Subscribe {
                    request_id: int(0),
                    track_namespace: namespace(&["live", "room"]),
                    track_name: text("video"),
                    parameters: vec![],
                }),
            ));
            $out.push((
                "subscribe with many parameters",
                ControlMessage::Subscribe(Subscribe {
                    request_id: int(1_000_000),
                    track_namespace: namespace(&["live"]),
                    track_name: text(""),
                    parameters: vec![
                        number(0x02, 500),
                        token(),
                        number(0x04, 10_000),
                        number(0x06, 2000),
                        number(0x10, 0),
                        number(0x20, 17),
                        pick(1),
                        number(0x22, 2),
                        number(0x32, 12),
                    ],
                }),
            ));
            $out.push((
                "subscribe with two tokens",
                ControlMessage::Subscribe(Subscribe {
                    request_id: int(2),
                    track_namespace: namespace(&["a"]),
                    track_name: text("b"),
                    parameters: vec![raw(0x03, &seq_then(&[1, 5, 0], b"registered")), raw(0x03, &seq(&[2, 5]))],
                }),
            ));
            for (index, name) in FILTER_NAMES.iter().enumerate().take(filters.len()) {
                $out.push((
                    name,
                    ControlMessage::Subscribe(Subscribe {
                        request_id: int(4),
                        track_namespace: namespace(&["a", "b"]),
                        track_name: text("t"),
                        parameters: vec![pick(index)],
                    }),
                ));
            }
            $out.push((
                "subscribe_ok",
                ControlMessage::SubscribeOk(SubscribeOk {
                    track_alias: int(3),
                    parameters: vec![],
                    track_properties: vec![],
                }),
            ));
            $out.push((
                "subscribe_ok with everything",
                ControlMessage::SubscribeOk(SubscribeOk {
                    track_alias: int(1 << 40),
                    parameters: vec![number(0x08, 1), raw(0x09, &seq(&[300, 20_000]))],
                    track_properties: track_properties(),
                }),
            ));
            $out.push((
                "request_update",
                ControlMessage::RequestUpdate(RequestUpdate {
                    request_id: int(6),
                    parameters: vec![number(0x10, 1), number(0x20, 255), pick(2)],
                }),
            ));
            $out.push((
                "publish",
                ControlMessage::Publish(Publish {
                    request_id: int(1),
                    track_namespace: namespace(&["live", "room"]),
                    track_name: text("audio"),
                    track_alias: int(77),
                    parameters: vec![],
                    track_properties: vec![],
                }),
            ));
            $out.push((
                "publish with everything",
                ControlMessage::Publish(Publish {
                    request_id: int(3),
                    track_namespace: namespace(&["live"]),
                    track_name: text("audio"),
                    track_alias: int(0),
                    parameters: vec![token(), number(0x08, 0), raw(0x09, &seq(&[5, 0])), number(0x10, 0)],
                    track_properties: track_properties(),
                }),
            ));
            $out.push((
                "publish_done",
                ControlMessage::PublishDone(PublishDone {
                    status_code: int(2),
                    stream_count: int(41),
                    reason_phrase: text("over"),
                }),
            ));
            $out.push((
                "publish_namespace",
                ControlMessage::PublishNamespace(PublishNamespace {
                    request_id: int(8),
                    track_namespace: namespace(&["live", "room"]),
                    parameters: vec![token()],
                }),
            ));
            $out.push((
                "namespace",
                ControlMessage::Namespace(Namespace { namespace_suffix: namespace(&["room", "7"]) }),
            ));
            $out.push((
                "namespace that is the prefix",
                ControlMessage::Namespace(Namespace { namespace_suffix: namespace(&[]) }),
            ));
            $out.push((
                "namespace_done",
                ControlMessage::NamespaceDone(NamespaceDone { namespace_suffix: namespace(&["room"]) }),
            ));
            $out.push((
                "subscribe_namespace",
                ControlMessage::SubscribeNamespace(SubscribeNamespace {
                    request_id: int(10),
                    namespace_prefix: namespace(&["live"]),
                    parameters: vec![token()],
                }),
            ));
            $out.push((
                "subscribe_namespace to everything",
                ControlMessage::SubscribeNamespace(SubscribeNamespace {
                    request_id: int(12),
                    namespace_prefix: namespace(&[]),
                    parameters: vec![],
                }),
            ));
            $out.push((
                "subscribe_tracks",
                ControlMessage::SubscribeTracks(SubscribeTracks {
                    request_id: int(14),
                    namespace_prefix: namespace(&["live"]),
                    parameters: vec![number(0x10, 0)],
                }),
            ));
            $out.push((
                "track_status",
                ControlMessage::TrackStatus(TrackStatus {
                    request_id: int(16),
                    track_namespace: namespace(&["live", "room"]),
                    track_name: text("video"),
                    parameters: vec![token()],
                }),
            ));
            $out.push((
                "fetch_ok",
                ControlMessage::FetchOk(FetchOk {
                    end_of_track: 0,
                    end_group: int(7),
                    end_object: int(12),
                    parameters: vec![],
                    track_properties: vec![],
                }),
            ));
            $out.push((
                "fetch_ok at the end of a track",
                ControlMessage::FetchOk(FetchOk {
                    end_of_track: 1,
                    end_group: int(70_000),
                    end_object: int(0),
                    parameters: vec![],
                    track_properties: track_properties(),
                }),
            ));
            $more
            $out.into_iter().map(|(name, message)| (name, AnyControlMessage::$variant(message))).collect()
        }
    };
}

const FILTER_NAMES: [&str; 6] = [
    "subscribe from the next object",
    "subscribe from a location",
    "subscribe to a range of groups",
    "subscribe from the next group",
    "subscribe to a range of objects",
    "subscribe without filter",
];

/// SUBSCRIPTION_FILTER of draft 18: Largest Object, Absolute Start, Absolute Range, Next Group Start.
fn filters_18() -> Vec<Vec<u8>> {
    vec![seq(&[2]), seq(&[3, 40, 6]), seq(&[4, 40, 6, 10]), seq(&[1])]
}

/// LOCATION_FILTER of draft 20, whose number of fields says what it is. A relative start of 0 groups back is the next group.
fn filters_20() -> Vec<Vec<u8>> {
    vec![
        seq(&[0, 0]),
        seq(&[40, 6]),
        seq(&[40, 6, 10]),
        seq(&[0]),
        seq(&[40, 6, 10, 3]),
        seq(&[]),
    ]
}

/// LOCATION_FILTER of draft 22, which begins with a type.
fn filters_22() -> Vec<Vec<u8>> {
    vec![
        seq(&[5]),
        seq(&[2, 40, 6]),
        seq(&[3, 40, 6, 10]),
        seq(&[1, 0]),
        seq(&[4, 40, 6, 10, 3]),
        seq(&[0]),
    ]
}

present!(draft18, draft18, Draft18, filters_18, |out| {
    for (name, fetch_type, parameters) in [
        ("fetch", FetchType::Standalone, vec![]),
        (
            "fetch with parameters",
            FetchType::Standalone,
            vec![token(), number(0x0A, 0), number(0x20, 3), number(0x22, 2)],
        ),
        (
            "fetch that joins, relative",
            FetchType::RelativeJoining,
            vec![],
        ),
        (
            "fetch that joins, absolute",
            FetchType::AbsoluteJoining,
            vec![number(0x0A, 900)],
        ),
    ] {
        let fetch_payload = match fetch_type {
            FetchType::Standalone => FetchPayload::Standalone {
                track_namespace: namespace(&["live"]),
                track_name: text("video"),
                start_group: int(3),
                start_object: int(4),
                end_group: int(5),
                end_object: int(0),
            },
            _ => FetchPayload::Joining {
                joining_request_id: int(4),
                joining_start: int(2),
            },
        };
        out.push((
            name,
            ControlMessage::Fetch(Fetch {
                request_id: int(18),
                fetch_type,
                fetch_payload,
                parameters,
            }),
        ));
    }
    out.push((
        "goaway",
        ControlMessage::GoAway(GoAway {
            new_session_uri: text(""),
            timeout: int(0),
            request_id: Some(int(0)),
        }),
    ));
    out.push((
        "goaway with a uri",
        ControlMessage::GoAway(GoAway {
            new_session_uri: text("https://other.example/live"),
            timeout: int(5000),
            request_id: Some(int(22)),
        }),
    ));
    out.push((
        "goaway of a request",
        ControlMessage::GoAway(GoAway {
            new_session_uri: text("https://other.example/live"),
            timeout: int(5000),
            request_id: None,
        }),
    ));
    out.push((
        "publish_blocked",
        ControlMessage::PublishBlocked(PublishBlocked {
            namespace_suffix: namespace(&["room"]),
            track_name: text("video"),
        }),
    ));
});

/// Filters by ranges: subgroups 1 to 3 and from 10 on, in set 2.
fn range_filter() -> KeyValuePair {
    raw(0x25, &{
        let mut value = vec![2];
        value.extend(seq(&[1, 2, 7]));
        value
    })
}

macro_rules! since_20 {
    ($function:ident, $draft:ident, $variant:ident, $filter:expr, $nested:expr) => {
        present!($function, $draft, $variant, $filter, |out| {
            let filters = $filter();
            out.push((
                "fetch of the range of a filter",
                ControlMessage::Fetch(Fetch {
                    request_id: int(18),
                    track_namespace: namespace(&["live"]),
                    track_name: text("video"),
                    parameters: vec![
                        number(0x0A, 0),
                        number(0x20, 3),
                        raw(0x21, &filters[4]),
                        number(0x22, 2),
                    ],
                }),
            ));
            out.push((
                "subscribe with a fill",
                ControlMessage::Subscribe(Subscribe {
                    request_id: int(20),
                    track_namespace: namespace(&["live"]),
                    track_name: text("video"),
                    parameters: vec![raw(0x21, &filters[0]), raw(0x23, &$nested())],
                }),
            ));
            out.push((
                "subscribe with an empty fill",
                ControlMessage::Subscribe(Subscribe {
                    request_id: int(20),
                    track_namespace: namespace(&["live"]),
                    track_name: text("video"),
                    parameters: vec![raw(0x23, &[0])],
                }),
            ));
            out.push((
                "subscribe with a range filter, without properties",
                ControlMessage::Subscribe(Subscribe {
                    request_id: int(22),
                    track_namespace: namespace(&["live"]),
                    track_name: text("video"),
                    parameters: vec![range_filter(), number(0x35, 0)],
                }),
            ));
            out.push((
                "goaway",
                ControlMessage::GoAway(GoAway {
                    new_session_uri: text(""),
                    timeout: int(0),
                }),
            ));
            out.push((
                "goaway with a uri",
                ControlMessage::GoAway(GoAway {
                    new_session_uri: text("moqt://other.example/live"),
                    timeout: int(5000),
                }),
            ));
            out.push((
                "publish with the parameters of a subscription",
                ControlMessage::Publish(Publish {
                    request_id: int(5),
                    track_namespace: namespace(&["live"]),
                    track_name: text("audio"),
                    track_alias: int(9),
                    parameters: vec![
                        number(0x10, 1),
                        number(0x20, 128),
                        raw(0x21, &filters[1]),
                        number(0x22, 1),
                    ],
                    track_properties: vec![],
                }),
            ));
            out.push((
                "publish_state_notify",
                ControlMessage::PublishStateNotify(PublishStateNotify {
                    parameters: vec![raw(0x09, &seq(&[8, 9])), number(0x10, 0)],
                }),
            ));
            out.push((
                "publish_skipped",
                ControlMessage::PublishSkipped(PublishSkipped {
                    namespace_suffix: namespace(&["room"]),
                    track_name: text("video"),
                }),
            ));
        });
    };
}

/// FILL_PARAMETERS: a count, then parameters with deltas of their own.
fn nested_20() -> Vec<u8> {
    // FILL_TIMEOUT 900, then SUBSCRIBER_PRIORITY 5, LOCATION_FILTER (2 fields), GROUP_ORDER descending.
    let mut out = seq(&[4, 0x0A, 900, 0x16]);
    out.push(5);
    out.extend(seq(&[1, 2, 3, 0, 1]));
    out.push(2);
    out
}

fn nested_22() -> Vec<u8> {
    let mut out = seq(&[4, 0x0A, 900, 0x16]);
    out.push(5);
    out.extend(seq(&[1, 2, 3, 0, 1]));
    out.push(2);
    out
}

since_20!(draft20, draft20, Draft20, filters_20, nested_20);
since_20!(draft22, draft22, Draft22, filters_22, nested_22);
