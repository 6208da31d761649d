//! Data streams and datagrams: how the crate reads them.
use crate::json;
use moqtap_codec::data_dispatch::{
    AnyFetchEndOfRange, AnyFetchGroupOrder, AnyFetchObject, AnyFetchObjectReader,
    AnySubgroupObject, AnySubgroupObjectReader,
};
use moqtap_codec::dispatch::{AnyDatagramHeader, AnyFetchHeader, AnySubgroupHeader};
use moqtap_codec::version::DraftVersion;

fn number(value: u64) -> String {
    json::string(&value.to_string())
}

fn hexadecimal(bytes: &[u8]) -> String {
    json::string(&json::hex(bytes))
}

/// Adds a pair where there is a value.
fn add(pairs: &mut Vec<(&str, String)>, key: &'static str, value: Option<String>) {
    if let Some(value) = value {
        pairs.push((key, value));
    }
}

pub fn subgroup(version: DraftVersion, bytes: &[u8]) -> Result<String, String> {
    let mut rest = bytes;
    let header = AnySubgroupHeader::decode(version, &mut rest).map_err(text)?;
    let mut reader = AnySubgroupObjectReader::new(&header).map_err(text)?;
    let mut objects: Vec<AnySubgroupObject> = Vec::new();
    while !rest.is_empty() {
        objects.push(reader.read_object(&mut rest).map_err(text)?);
    }
    let kind = Header::of(&header)?;
    // The crate leaves a subgroup that is named by its first object to its caller.
    let first = objects.first().map(|object| object.object_id);
    let subgroup = if kind.by_first_object {
        first
    } else {
        kind.subgroup
    };
    let mut pairs = vec![
        ("track_alias", number(header.track_alias())),
        ("group", number(header.group_id())),
    ];
    add(&mut pairs, "subgroup", subgroup.map(number));
    add(
        &mut pairs,
        "priority",
        header
            .publisher_priority()
            .map(|priority| number(priority.into())),
    );
    pairs.push(("ends_group", (kind.bits & 0x08 != 0).to_string()));
    pairs.push(("first_object", (kind.bits & 0x40 != 0).to_string()));
    pairs.push((
        "objects",
        json::array(&objects.iter().map(subgroup_object).collect::<Vec<_>>()),
    ));
    Ok(json::object(&pairs))
}

struct Header {
    bits: u8,
    subgroup: Option<u64>,
    by_first_object: bool,
}

impl Header {
    fn of(header: &AnySubgroupHeader) -> Result<Self, String> {
        let (bits, subgroup) = match header {
            AnySubgroupHeader::Draft14(header) => (
                header.stream_type.as_u8(),
                header.subgroup_id.map_or(0, |id| id.into_inner()),
            ),
            AnySubgroupHeader::Draft16(header) => {
                (header.header_type, header.subgroup_id.into_inner())
            }
            AnySubgroupHeader::Draft18(header) => {
                (header.header_type, header.subgroup_id.into_inner())
            }
            AnySubgroupHeader::Draft20(header) => {
                (header.header_type, header.subgroup_id.into_inner())
            }
            AnySubgroupHeader::Draft22(header) => {
                (header.header_type, header.subgroup_id.into_inner())
            }
        };
        Ok(Self {
            bits,
            subgroup: Some(subgroup),
            by_first_object: bits & 0x06 == 0x02,
        })
    }
}

fn subgroup_object(object: &AnySubgroupObject) -> String {
    let mut pairs = vec![
        ("id", number(object.object_id)),
        ("properties", hexadecimal(&object.extension_headers)),
    ];
    add(&mut pairs, "status", object.status.map(number));
    pairs.push(("payload", hexadecimal(&object.payload)));
    json::object(&pairs)
}

pub fn fetch(version: DraftVersion, bytes: &[u8], descending: bool) -> Result<String, String> {
    let mut rest = bytes;
    let header = AnyFetchHeader::decode(version, &mut rest).map_err(text)?;
    let order = if descending {
        AnyFetchGroupOrder::Descending
    } else {
        AnyFetchGroupOrder::Ascending
    };
    let mut reader = AnyFetchObjectReader::new(&header, order).map_err(text)?;
    let mut objects = Vec::new();
    while !rest.is_empty() {
        objects.push(fetch_object(&reader.read_object(&mut rest).map_err(text)?));
    }
    let request = match header {
        AnyFetchHeader::Draft14(header) => header.request_id,
        AnyFetchHeader::Draft16(header) => header.request_id,
        AnyFetchHeader::Draft18(header) => header.request_id,
        AnyFetchHeader::Draft20(header) => header.request_id,
        AnyFetchHeader::Draft22(header) => header.request_id,
    };
    Ok(json::object(&[
        ("request_id", number(request.into_inner())),
        ("objects", json::array(&objects)),
    ]))
}

fn fetch_object(object: &AnyFetchObject) -> String {
    let location = [
        ("group", number(object.group_id)),
        ("id", number(object.object_id)),
    ];
    let mut pairs = location.to_vec();
    if let Some(end) = object.end_of_range {
        let kind = match end {
            AnyFetchEndOfRange::NonExistent => "nonexistent",
            AnyFetchEndOfRange::Unknown => "unknown",
            AnyFetchEndOfRange::TimedOut => "timed_out",
        };
        pairs.push(("end_of_range", json::string(kind)));
        return json::object(&pairs);
    }
    add(
        &mut pairs,
        "subgroup",
        object.has_subgroup_id.then(|| number(object.subgroup_id)),
    );
    pairs.push(("priority", number(object.publisher_priority.into())));
    pairs.push(("properties", hexadecimal(&object.extension_headers)));
    add(&mut pairs, "status", object.status.map(number));
    pairs.push(("payload", hexadecimal(&object.payload)));
    json::object(&pairs)
}

pub fn datagram(version: DraftVersion, bytes: &[u8]) -> Result<String, String> {
    let mut rest = bytes;
    let header = AnyDatagramHeader::decode(version, &mut rest).map_err(text)?;
    macro_rules! fields {
        ($header:expr, $kind:expr, $priority:expr, $properties:expr, $status:expr, $payload:expr) => {{
            let mut pairs = vec![
                ("track_alias", number($header.track_alias.into_inner())),
                ("group", number($header.group_id.into_inner())),
                ("id", number($header.object_id.into_inner())),
            ];
            let priority: Option<u8> = $priority;
            add(
                &mut pairs,
                "priority",
                priority.map(|priority| number(priority.into())),
            );
            pairs.push(("ends_group", ($kind & 0x22 == 0x02).to_string()));
            pairs.push(("properties", hexadecimal($properties)));
            let status: Option<u64> = if $kind & 0x20 == 0 { None } else { $status };
            add(&mut pairs, "status", status.map(number));
            pairs.push(("payload", hexadecimal($payload)));
            Ok(json::object(&pairs))
        }};
    }
    match &header {
        AnyDatagramHeader::Draft14(header) => fields!(
            header,
            header.datagram_type.as_u8(),
            Some(header.publisher_priority),
            &header.extension_headers,
            header.status.map(|status| status.as_u64()),
            &header.payload
        ),
        AnyDatagramHeader::Draft16(header) => fields!(
            header,
            header.datagram_type,
            header.publisher_priority,
            &header.extension_headers,
            header.object_status.map(|status| status as u64),
            rest
        ),
        AnyDatagramHeader::Draft18(header) => fields!(
            header,
            header.datagram_type,
            header.publisher_priority,
            &header.properties,
            header.object_status.map(|status| status as u64),
            rest
        ),
        AnyDatagramHeader::Draft20(header) => fields!(
            header,
            header.datagram_type,
            header.publisher_priority,
            &header.properties,
            header.object_status.map(|status| status as u64),
            rest
        ),
        AnyDatagramHeader::Draft22(header) => fields!(
            header,
            header.datagram_type,
            header.publisher_priority,
            &header.properties,
            header.object_status.map(|status| status as u64),
            rest
        ),
    }
}

fn text(error: impl std::fmt::Display) -> String {
    error.to_string()
}
