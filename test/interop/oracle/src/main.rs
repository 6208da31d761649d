//! The other side of the tests of moq/wire/ietf: vectors made by an independent codec, and its answer to what ours wrote.
//!
//! - `moqt-oracle vectors`: prints all vectors, one JSON object a line.
//! - `moqt-oracle decode`: reads lines of draft, kind and hexadecimal bytes, prints what each is, one JSON object a line. The kind
//!   `control-again` is a control message, of which it prints what the crate writes for it.
mod build;
mod data;
mod json;
mod present;
mod streams;

use bytes::Buf;
use moqtap_codec::dispatch::AnyControlMessage;
use moqtap_codec::version::DraftVersion;
use present::Named;
use std::io::BufRead;

fn main() {
    match std::env::args().nth(1).as_deref() {
        Some("vectors") => vectors(),
        Some("decode") => decode(),
        _ => {
            eprintln!("usage: moqt-oracle vectors | decode");
            std::process::exit(2);
        }
    }
}

fn vectors() {
    let control: [(u8, fn() -> Vec<Named>); 3] = [
        (18, present::draft18),
        (20, present::draft20),
        (22, present::draft22),
    ];
    for (draft, messages) in control {
        for (name, message) in messages() {
            let mut out = Vec::new();
            if let Err(error) = message.encode(&mut out) {
                eprintln!("draft {draft}, {name}: {error}");
                std::process::exit(1);
            }
            print_vector(draft, "control", name, &out);
        }
    }
    for version in streams::DRAFTS {
        let draft = version.number();
        match streams::all(version) {
            Ok(all) => all
                .iter()
                .for_each(|stream| print_vector(draft, stream.kind, &stream.name, &stream.bytes)),
            Err(error) => {
                eprintln!("draft {draft}: {error}");
                std::process::exit(1);
            }
        }
    }
}

fn print_vector(draft: u8, kind: &str, name: &str, encoded: &[u8]) {
    let decoded = match read(draft, kind, encoded) {
        Ok(decoded) => decoded,
        Err(error) => {
            eprintln!("draft {draft}, {name}: not read back: {error}");
            std::process::exit(1);
        }
    };
    let pairs = [
        ("draft", draft.to_string()),
        ("kind", json::string(kind)),
        ("name", json::string(name)),
        ("hex", json::string(&json::hex(encoded))),
        ("decoded", decoded),
    ];
    println!("{}", json::object(&pairs));
}

fn decode() {
    for line in std::io::stdin().lock().lines().map_while(Result::ok) {
        let mut words = line.split_whitespace();
        let (Some(draft), Some(kind)) = (words.next(), words.next()) else {
            continue;
        };
        let bytes = json::bytes(words.next().unwrap_or(""));
        let answer = match (draft.parse(), bytes) {
            (Ok(draft), Some(bytes)) => read(draft, kind, &bytes),
            _ => Err(format!("not a draft and bytes: {line}")),
        };
        println!(
            "{}",
            match answer {
                Ok(decoded) => decoded,
                Err(error) => json::object(&[("error", json::string(&error))]),
            }
        );
    }
}

fn read(draft: u8, kind: &str, bytes: &[u8]) -> Result<String, String> {
    let version = DraftVersion::from_number(draft).ok_or_else(|| format!("no draft {draft}"))?;
    match kind {
        "control" => control(version, bytes),
        "control-again" => control_again(version, bytes),
        "subgroup" => data::subgroup(version, bytes),
        "fetch" => data::fetch(version, bytes, false),
        "fetch-descending" => data::fetch(version, bytes, true),
        "datagram" => data::datagram(version, bytes),
        _ => Err(format!("no kind {kind}")),
    }
}

/// What the crate writes for the message that it read.
fn control_again(version: DraftVersion, bytes: &[u8]) -> Result<String, String> {
    control(version, bytes)?;
    let mut rest = bytes;
    let message =
        AnyControlMessage::decode(version, &mut rest).map_err(|error| error.to_string())?;
    let mut out = Vec::new();
    message
        .encode(&mut out)
        .map_err(|error| error.to_string())?;
    Ok(json::object(&[("hex", json::string(&json::hex(&out)))]))
}

fn control(version: DraftVersion, bytes: &[u8]) -> Result<String, String> {
    let mut rest = bytes;
    let message =
        AnyControlMessage::decode(version, &mut rest).map_err(|error| error.to_string())?;
    if rest.has_remaining() {
        return Err(format!("{} bytes after the message", rest.remaining()));
    }
    Ok(json::object(&[
        ("type", json::string(message.message_type_name())),
        ("fields", json::fields(&message.fields())),
    ]))
}
