//! A line that a service wrote to its standard error: a JSON event, or plain
//! text (a panic, an error before tracing starts).

use std::fmt::Write;
use std::net::SocketAddr;

use serde_json::{Map, Value, json};

/// One line.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum LogLine {
    /// A JSON object with a message.
    Event(Map<String, Value>),
    /// Anything else.
    Text(String),
}

impl LogLine {
    pub(crate) fn parse(line: &str) -> Self {
        match serde_json::from_str(line) {
            Ok(Value::Object(fields)) if fields.contains_key("message") => Self::Event(fields),
            _ => Self::Text(line.trim_end().to_owned()),
        }
    }

    fn field(&self, key: &str) -> Option<&str> {
        match self {
            Self::Event(fields) => fields.get(key)?.as_str(),
            Self::Text(_) => None,
        }
    }

    /// `INFO`, `WARN` and so on.
    pub(crate) fn level(&self) -> Option<&str> {
        self.field("level")
    }

    /// The listener and its address, if the line tells of one.
    pub(crate) fn listening(&self) -> Option<(&str, SocketAddr)> {
        if self.field("message")? != "listening" {
            return None;
        }
        Some((self.field("what")?, self.field("addr")?.parse().ok()?))
    }

    /// Whether the line says that the service is ready.
    pub(crate) fn is_ready(&self) -> bool {
        self.field("message") == Some("ready")
    }

    /// Message and fields, without time, level and target.
    pub(crate) fn text(&self) -> String {
        let fields = match self {
            Self::Text(text) => return text.clone(),
            Self::Event(fields) => fields,
        };
        let mut text = self.field("message").unwrap_or_default().to_owned();
        for (key, value) in fields {
            if matches!(key.as_str(), "timestamp" | "level" | "message" | "target") {
                continue;
            }
            // Writing to a String cannot fail.
            let _ = match value {
                Value::String(value) => write!(text, " {key}={value}"),
                value => write!(text, " {key}={value}"),
            };
        }
        text
    }

    /// An object in any case.
    pub(crate) fn to_json(&self) -> Map<String, Value> {
        match self {
            Self::Event(fields) => fields.clone(),
            Self::Text(text) => Map::from_iter([("message".to_owned(), json!(text))]),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_address_of_a_listener_is_read() {
        let line = LogLine::parse(r#"{"level":"INFO","message":"listening","what":"dns-udp","addr":"[::1]:53"}"#);
        assert_eq!(
            line.listening(),
            Some(("dns-udp", "[::1]:53".parse().expect("an address")))
        );
        assert!(!line.is_ready());
        assert!(LogLine::parse(r#"{"message":"ready"}"#).is_ready());
    }

    #[test]
    fn what_is_no_event_is_kept_as_it_is() {
        for text in ["", "listening", "{\"a\":1}", "[1]", "thread 'main' panicked at {"] {
            let line = LogLine::parse(text);
            assert_eq!(line, LogLine::Text(text.into()));
            assert_eq!(line.listening(), None);
        }
    }
}
