//! Writes JSON. Bytes are hexadecimal, and integers are strings, because those of 64 bits do not fit a number.
use moqtap_codec::fields::{FieldMap, FieldValue};
use std::fmt::Write;

pub fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |mut out, byte| {
        let _ = write!(out, "{byte:02x}");
        out
    })
}

pub fn bytes(hex: &str) -> Option<Vec<u8>> {
    let digits = hex.as_bytes();
    if digits.len() % 2 != 0 {
        return None;
    }
    digits
        .chunks(2)
        .map(|pair| u8::from_str_radix(std::str::from_utf8(pair).ok()?, 16).ok())
        .collect()
}

pub fn string(text: &str) -> String {
    let mut out = String::from("\"");
    for character in text.chars() {
        match character {
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            c if (c as u32) < 0x20 => {
                let _ = write!(out, "\\u{:04x}", c as u32);
            }
            c => out.push(c),
        }
    }
    out.push('"');
    out
}

/// An object of pairs whose values are JSON already.
pub fn object(pairs: &[(&str, String)]) -> String {
    let inner: Vec<String> = pairs
        .iter()
        .map(|(key, value)| format!("{}:{value}", string(key)))
        .collect();
    format!("{{{}}}", inner.join(","))
}

pub fn array(items: &[String]) -> String {
    format!("[{}]", items.join(","))
}

pub fn fields(map: &FieldMap) -> String {
    let pairs: Vec<(&str, String)> = map.iter().map(|(key, value)| (key, field(value))).collect();
    object(&pairs)
}

fn field(value: &FieldValue) -> String {
    match value {
        FieldValue::Uint(number) => string(&number.to_string()),
        FieldValue::Bool(flag) => flag.to_string(),
        FieldValue::Text(text) => string(text),
        FieldValue::Bytes(raw) => string(&hex(raw)),
        FieldValue::Array(items) => array(&items.iter().map(field).collect::<Vec<_>>()),
        FieldValue::Map(map) => fields(map),
    }
}
