//! Data streams and datagrams that the crate writes.
use crate::build::int;
use bytes::BufMut;
use moqtap_codec::data_dispatch::{AnySubgroupObject, AnySubgroupObjectWriter};
use moqtap_codec::dispatch::AnySubgroupHeader;
use moqtap_codec::varint::VarInt;
use moqtap_codec::version::DraftVersion;

pub struct Stream {
    pub kind: &'static str,
    pub name: String,
    pub bytes: Vec<u8>,
}

pub const DRAFTS: [DraftVersion; 5] = [
    DraftVersion::Draft14,
    DraftVersion::Draft16,
    DraftVersion::Draft18,
    DraftVersion::Draft20,
    DraftVersion::Draft22,
];

pub fn all(version: DraftVersion) -> Result<Vec<Stream>, String> {
    let mut out = subgroups(version)?;
    out.extend(fetches(version)?);
    out.extend(datagrams(version)?);
    Ok(out)
}

fn put(version: DraftVersion, value: u64, out: &mut Vec<u8>) {
    version.encode_varint(int(value), out);
}

/// A timestamp, a number of 8 bytes that nobody knows, bytes that nobody knows, the gap before the object.
fn properties(version: DraftVersion) -> Vec<u8> {
    let mut out = Vec::new();
    let mut last = 0;
    for (key, value) in [
        (0x10, Some(90_000)),
        (0x36, Some(1 << 60)),
        (0x39, None),
        (0x3E, Some(1)),
    ] {
        let delta = version != DraftVersion::Draft14;
        put(version, if delta { key - last } else { key }, &mut out);
        last = key;
        match value {
            Some(value) => put(version, value, &mut out),
            None => {
                put(version, 3, &mut out);
                out.put_slice(b"xyz");
            }
        }
    }
    out
}

fn subgroup_header(
    version: DraftVersion,
    bits: u8,
    subgroup: u64,
    priority: u8,
) -> Option<AnySubgroupHeader> {
    let id = int(subgroup);
    macro_rules! header {
        ($draft:ident, $variant:ident) => {
            Some(AnySubgroupHeader::$variant(
                moqtap_codec::$draft::data_stream::SubgroupHeader {
                    header_type: bits,
                    track_alias: int(300),
                    group_id: int(70_000),
                    subgroup_id: id,
                    publisher_priority: if bits & 0x20 == 0 {
                        Some(priority)
                    } else {
                        None
                    },
                },
            ))
        };
    }
    match version {
        DraftVersion::Draft14 => {
            use moqtap_codec::draft14::data_stream::{SubgroupHeader, SubgroupStreamType};
            Some(AnySubgroupHeader::Draft14(SubgroupHeader {
                stream_type: SubgroupStreamType::from_u8(bits)?,
                track_alias: int(300),
                group_id: int(70_000),
                subgroup_id: if bits & 0x06 == 0x04 { Some(id) } else { None },
                publisher_priority: priority,
            }))
        }
        DraftVersion::Draft16 => header!(draft16, Draft16),
        DraftVersion::Draft18 => header!(draft18, Draft18),
        DraftVersion::Draft20 => header!(draft20, Draft20),
        DraftVersion::Draft22 => header!(draft22, Draft22),
        _ => None,
    }
}

/// A stream of every type that the draft has.
fn subgroups(version: DraftVersion) -> Result<Vec<Stream>, String> {
    let most: u8 = match version {
        DraftVersion::Draft14 => 0x1F,
        DraftVersion::Draft16 => 0x3F,
        _ => 0x7F,
    };
    let mut out = Vec::new();
    for bits in (0x10..=most).filter(|bits| bits & 0x10 != 0 && bits & 0x06 != 0x06) {
        let subgroup = if bits & 0x06 == 0x04 { 40 } else { 0 };
        let header =
            subgroup_header(version, bits, subgroup, 200).ok_or(format!("no type {bits:#x}"))?;
        let mut bytes = Vec::new();
        header.encode(&mut bytes);
        let mut writer = AnySubgroupObjectWriter::new(&header).map_err(text)?;
        let block = if bits & 0x01 == 0 {
            Vec::new()
        } else {
            properties(version)
        };
        let none = Vec::new();
        // Ids that follow each other and that do not, an empty object, a status at the end.
        let objects: [(u64, &Vec<u8>, Option<u64>, Vec<u8>); 5] = [
            (5, &block, None, b"first".to_vec()),
            (6, &none, None, vec![0xAB; 100]),
            (200, &block, None, b"after a gap".to_vec()),
            (201, &block, Some(0), Vec::new()),
            (
                20_000,
                &none,
                Some(if bits & 0x08 == 0 { 3 } else { 4 }),
                Vec::new(),
            ),
        ];
        for (object_id, extension_headers, status, payload) in objects {
            let object = AnySubgroupObject {
                object_id,
                extension_headers: extension_headers.clone(),
                extension_count: None,
                status,
                payload,
            };
            writer.write_object(&object, &mut bytes).map_err(text)?;
        }
        out.push(Stream {
            kind: "subgroup",
            name: format!("subgroup stream of type {bits:#x}"),
            bytes,
        });
    }
    Ok(out)
}

/// An object of a fetch in the words of Serialization Flags. What is absent has no field.
#[derive(Clone, Default)]
struct Record {
    flags: u64,
    group: Option<u64>,
    subgroup: Option<u64>,
    object: Option<u64>,
    priority: Option<u8>,
    properties: Option<Vec<u8>>,
    payload: &'static [u8],
}

fn fetches(version: DraftVersion) -> Result<Vec<Stream>, String> {
    if version == DraftVersion::Draft14 {
        return Ok(vec![plain_fetch()?]);
    }
    let deltas = version != DraftVersion::Draft16;
    // Draft 16 has the group and object as they are.
    let group = |ascending: u64, delta: u64| Some(if deltas { delta } else { ascending });
    let first = Record {
        flags: 0x3F,
        group: Some(1000),
        subgroup: Some(3),
        object: Some(40),
        priority: Some(9),
        properties: Some(properties(version)),
        payload: b"one",
    };
    let next = Record {
        flags: 0x01,
        payload: b"two",
        ..Record::default()
    };
    let empty = Record {
        flags: 0x02,
        payload: b"",
        ..Record::default()
    };
    let skipped = Record {
        flags: 0x05,
        object: group(50, 8),
        payload: b"four",
        ..Record::default()
    };
    let zero = Record {
        flags: 0x10,
        priority: Some(255),
        payload: b"five",
        ..Record::default()
    };
    let datagram = Record {
        flags: 0x40,
        payload: b"six",
        ..Record::default()
    };
    let far = |id| Record {
        flags: 0x0C,
        group: id,
        object: Some(7),
        payload: b"seven",
        ..Record::default()
    };
    let gap = |flags: u64| Record {
        flags,
        group: Some(5),
        object: Some(10),
        ..Record::default()
    };
    let common = vec![first.clone(), next, empty, skipped, zero, datagram];
    let ascending: Vec<Record> = common
        .iter()
        .cloned()
        .chain([far(group(1100, 99))])
        .collect();
    let descending: Vec<Record> = common.into_iter().chain([far(group(900, 99))]).collect();
    let mut out = vec![
        fetch(version, "fetch", "objects of a fetch by flags", &ascending)?,
        fetch(
            version,
            "fetch-descending",
            "objects of a fetch, the highest group first",
            &descending,
        )?,
        fetch(version, "fetch", "a fetch that brings nothing", &[])?,
        fetch(
            version,
            "fetch",
            "a fetch of objects that do not exist",
            &[gap(0x8C)],
        )?,
        fetch(
            version,
            "fetch",
            "a fetch of objects that are not known",
            &[gap(0x10C)],
        )?,
        fetch(
            version,
            "fetch",
            "an object after a gap",
            &[gap(0x10C), first],
        )?,
    ];
    if !matches!(version, DraftVersion::Draft16 | DraftVersion::Draft18) {
        out.push(fetch(
            version,
            "fetch",
            "a fetch that timed out",
            &[gap(0x20C)],
        )?);
    }
    Ok(out)
}

fn fetch(
    version: DraftVersion,
    kind: &'static str,
    name: &str,
    records: &[Record],
) -> Result<Stream, String> {
    let mut bytes = Vec::new();
    put(version, 0x05, &mut bytes);
    put(version, 1234, &mut bytes);
    for record in records {
        write_record(version, record, &mut bytes)?;
        bytes.put_slice(record.payload);
    }
    Ok(Stream {
        kind,
        name: name.to_string(),
        bytes,
    })
}

fn write_record(version: DraftVersion, record: &Record, out: &mut Vec<u8>) -> Result<(), String> {
    let field = |value: Option<u64>| -> Option<VarInt> { value.map(int) };
    let payload_length = int(record.payload.len() as u64);
    macro_rules! since_20 {
        ($draft:ident) => {
            moqtap_codec::$draft::data_stream::FetchObjectHeader {
                serialization_flags: int(record.flags),
                group_id_delta: field(record.group),
                subgroup_id: field(record.subgroup),
                object_id_delta: field(record.object),
                publisher_priority: record.priority,
                properties: record.properties.clone(),
                payload_length,
            }
            .encode(out)
        };
    }
    match version {
        DraftVersion::Draft16 => moqtap_codec::draft16::data_stream::FetchObjectHeader {
            serialization_flags: int(record.flags),
            group_id: field(record.group),
            subgroup_id: field(record.subgroup),
            object_id: field(record.object),
            publisher_priority: record.priority,
            extensions: record.properties.clone(),
            payload_length,
        }
        .encode(out),
        DraftVersion::Draft18 => moqtap_codec::draft18::data_stream::FetchObjectHeader {
            serialization_flags: record.flags,
            group_id_delta: field(record.group),
            subgroup_id: field(record.subgroup),
            object_id_delta: field(record.object),
            publisher_priority: record.priority,
            properties: record.properties.clone().unwrap_or_default(),
            payload_length,
        }
        .encode(out),
        DraftVersion::Draft20 => since_20!(draft20),
        DraftVersion::Draft22 => since_20!(draft22),
        _ => return Err(format!("no fetch in {version:?}")),
    }
    .map_err(text)
}

/// The objects of a fetch in draft 14, which have all fields.
fn plain_fetch() -> Result<Stream, String> {
    use moqtap_codec::draft14::data_stream::FetchObject;
    use moqtap_codec::draft14::types::ObjectStatus;
    let version = DraftVersion::Draft14;
    let mut bytes = Vec::new();
    put(version, 0x05, &mut bytes);
    put(version, 1234, &mut bytes);
    let objects: [(u64, u64, bool, Option<ObjectStatus>, &[u8]); 4] = [
        (1000, 40, true, None, b"one"),
        (1000, 41, false, Some(ObjectStatus::Normal), b""),
        (1000, 42, false, Some(ObjectStatus::EndOfGroup), b""),
        (70_000, 0, false, None, b"four"),
    ];
    for (group, object, propertied, status, payload) in objects {
        let object = FetchObject {
            group_id: int(group),
            subgroup_id: int(3),
            object_id: int(object),
            publisher_priority: 9,
            extension_headers: if propertied {
                properties(version)
            } else {
                Vec::new()
            },
            status,
            payload: payload.to_vec(),
        };
        object.encode_checked(&mut bytes).map_err(text)?;
    }
    Ok(Stream {
        kind: "fetch",
        name: "objects of a fetch".to_string(),
        bytes,
    })
}

/// A datagram of every type that the draft has, those with a status for each status.
fn datagrams(version: DraftVersion) -> Result<Vec<Stream>, String> {
    let mut out = Vec::new();
    for bits in 0..=0x2Fu8 {
        let status = bits & 0x20 != 0;
        let known = if version == DraftVersion::Draft14 {
            0x27
        } else {
            0x2F
        };
        let nonsense = bits & !known != 0 || bits & 0x10 != 0 || (status && bits & 0x02 != 0);
        if nonsense || (version == DraftVersion::Draft14 && status && bits & 0x04 != 0) {
            continue;
        }
        // Only a normal object has properties since draft 16.
        let statuses: &[u64] = match (status, bits & 0x01 != 0 && version != DraftVersion::Draft14)
        {
            (false, _) => &[0],
            (true, true) => &[0],
            (true, false) => &[0, 3, 4],
        };
        for code in statuses {
            let name = match status {
                true => format!("datagram of type {bits:#x} with status {code}"),
                false => format!("datagram of type {bits:#x}"),
            };
            out.push(Stream {
                kind: "datagram",
                name,
                bytes: datagram(version, bits, *code)?,
            });
        }
    }
    Ok(out)
}

fn datagram(version: DraftVersion, bits: u8, code: u64) -> Result<Vec<u8>, String> {
    let mut out = Vec::new();
    let object_id = int(if bits & 0x04 == 0 { 9000 } else { 0 });
    let priority = if bits & 0x08 == 0 { Some(77) } else { None };
    let block = if bits & 0x01 == 0 {
        Vec::new()
    } else {
        properties(version)
    };
    let payload: &[u8] = if bits & 0x20 == 0 { b"payload" } else { b"" };
    macro_rules! with {
        ($draft:ident, $properties:ident) => {{
            use moqtap_codec::$draft::types::ObjectStatus;
            let status = ObjectStatus::from_u64(code).ok_or(format!("no status {code}"))?;
            moqtap_codec::$draft::data_stream::DatagramHeader {
                datagram_type: bits,
                track_alias: int(300),
                group_id: int(70_000),
                object_id,
                publisher_priority: priority,
                $properties: block,
                object_status: if bits & 0x20 == 0 { None } else { Some(status) },
            }
            .encode_checked(&mut out)
            .map_err(text)?;
            out.put_slice(payload);
        }};
    }
    match version {
        DraftVersion::Draft14 => {
            use moqtap_codec::draft14::data_stream::{DatagramObject, DatagramType};
            use moqtap_codec::draft14::types::ObjectStatus;
            DatagramObject {
                datagram_type: DatagramType::from_u8(bits).ok_or(format!("no type {bits:#x}"))?,
                track_alias: int(300),
                group_id: int(70_000),
                object_id,
                publisher_priority: 77,
                extension_headers: block,
                status: if bits & 0x20 == 0 {
                    None
                } else {
                    ObjectStatus::from_u64(code)
                },
                payload: payload.to_vec(),
            }
            .encode_checked(&mut out)
            .map_err(text)?;
        }
        DraftVersion::Draft16 => with!(draft16, extension_headers),
        DraftVersion::Draft18 => with!(draft18, properties),
        DraftVersion::Draft20 => with!(draft20, properties),
        DraftVersion::Draft22 => with!(draft22, properties),
        _ => return Err(format!("no datagram in {version:?}")),
    }
    Ok(out)
}

fn text(error: impl std::fmt::Display) -> String {
    error.to_string()
}
