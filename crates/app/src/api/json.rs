//! Records as JSON.

use std::io::Write;

use crate::api::record::{Field, Named};

/// Appends `record` as an object.
pub(crate) fn object(out: &mut Vec<u8>, record: &[Named<'_>]) {
    for (index, (name, field)) in record.iter().enumerate() {
        out.push(if index == 0 { b'{' } else { b',' });
        string(out, name);
        out.push(b':');
        value(out, field);
    }
    if record.is_empty() {
        out.push(b'{');
    }
    out.push(b'}');
}

fn value(out: &mut Vec<u8>, field: &Field<'_>) {
    match field {
        Field::Null => out.extend_from_slice(b"null"),
        Field::Text(text) => string(out, text),
        Field::Whole(_) | Field::Bool(_) => display(out, field),
        // JSON has no infinity: serde_json writes null for one.
        Field::Float(number) => serde_json::to_writer(out, number).expect("writing to memory does not fail"),
        Field::Uuid(_) | Field::Time(_) | Field::Iso8601(_) => {
            out.push(b'"');
            display(out, field);
            out.push(b'"');
        }
    }
}

fn string(out: &mut Vec<u8>, text: &str) {
    serde_json::to_writer(out, text).expect("writing to memory does not fail");
}

fn display(out: &mut Vec<u8>, field: &Field<'_>) {
    write!(out, "{field}").expect("writing to memory does not fail");
}

#[cfg(test)]
mod tests {
    use serde_json::Value;

    use super::*;

    #[test]
    fn hostile_text_stays_a_string() {
        let hostile = "</script>\"\\\u{0}\u{7}\n\u{2028}😀\u{202e}";
        let mut out = Vec::new();
        object(&mut out, &[("name", Field::Text(hostile)), ("x", Field::Null)]);
        let read: Value = serde_json::from_slice(&out).expect("valid JSON");
        assert_eq!(read["name"], hostile);
        assert!(read["x"].is_null());
    }

    #[test]
    fn an_empty_record_is_an_empty_object() {
        let mut out = Vec::new();
        object(&mut out, &[]);
        assert_eq!(out, b"{}");
    }
}
