//! Which format an answer takes.
//!
//! A format in the path wins (`/json/stats`, `/xml/stats`), with one exception:
//! on a /json/ path, an `Accept` that names XML and leaves no room for JSON (no
//! application/json, no wildcard) gets XML, since whoever wrote it can read
//! nothing else. Without a format in the path, `Accept` decides by its q-values
//! (RFC 9110, 12.5.1); a tie and an absent header are JSON.

use crate::failure::Failure;

/// A format the API writes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Format {
    /// application/json
    Json,
    /// text/xml on an /xml/ path as Radio Browser has it, application/xml where
    /// `Accept` asked for it.
    Xml {
        /// What to say it is.
        content_type: &'static str,
    },
}

const TEXT_XML: Format = Format::Xml {
    content_type: "text/xml; charset=utf-8",
};
const APPLICATION_XML: Format = Format::Xml {
    content_type: "application/xml; charset=utf-8",
};

impl Format {
    /// `in_path` is the format the path names, if it has a place for one.
    pub(crate) fn choose(in_path: Option<&str>, accept: &str) -> Result<Self, Failure> {
        let wanted = Wanted::read(accept);
        match in_path {
            Some("json") if wanted.only_xml() => Ok(wanted.xml_format()),
            Some("json") => Ok(Self::Json),
            Some("xml") => Ok(TEXT_XML),
            Some(other) => Err(Failure::UnknownFormat(other.chars().take(40).collect())),
            None if accept.trim().is_empty() => Ok(Self::Json),
            None if wanted.json == 0 && wanted.xml() == 0 => Err(Failure::NotAcceptable),
            None if wanted.xml() > wanted.json => Ok(wanted.xml_format()),
            None => Ok(Self::Json),
        }
    }

    pub(crate) fn content_type(self) -> &'static str {
        match self {
            Self::Json => "application/json",
            Self::Xml { content_type } => content_type,
        }
    }
}

/// Weights of what we can write, in thousandths, and whether they were named.
#[derive(Default)]
struct Wanted {
    json: u16,
    application_xml: u16,
    text_xml: u16,
    named_xml: bool,
}

impl Wanted {
    fn read(accept: &str) -> Self {
        Self {
            json: weight(accept, "application", "json").0,
            application_xml: weight(accept, "application", "xml").0,
            text_xml: weight(accept, "text", "xml").0,
            named_xml: weight(accept, "application", "xml").1 || weight(accept, "text", "xml").1,
        }
    }

    fn xml(&self) -> u16 {
        self.application_xml.max(self.text_xml)
    }

    fn only_xml(&self) -> bool {
        self.named_xml && self.xml() > 0 && self.json == 0
    }

    fn xml_format(&self) -> Format {
        if self.application_xml >= self.text_xml {
            APPLICATION_XML
        } else {
            TEXT_XML
        }
    }
}

/// The weight of the most specific range that covers `kind/subtype`, and whether
/// that range names it.
fn weight(accept: &str, kind: &str, subtype: &str) -> (u16, bool) {
    let mut best = (0, 0);
    for range in accept.split(',') {
        let mut parts = range.split(';');
        let Some((k, s)) = parts.next().and_then(|media| media.trim().split_once('/')) else {
            continue;
        };
        let specificity = match (k, s) {
            ("*", "*") => 1,
            (k, "*") if k.eq_ignore_ascii_case(kind) => 2,
            (k, s) if k.eq_ignore_ascii_case(kind) && s.eq_ignore_ascii_case(subtype) => 3,
            _ => continue,
        };
        let quality = parts
            .filter_map(|parameter| parameter.split_once('='))
            .find(|(name, _)| name.trim().eq_ignore_ascii_case("q"))
            .map_or(1000, |(_, value)| thousandths(value.trim()));
        if specificity > best.0 {
            best = (specificity, quality);
        }
    }
    (best.1, best.0 == 3)
}

/// A q-value; one that cannot be read counts as 1.
fn thousandths(q: &str) -> u16 {
    match q.parse::<f32>() {
        Ok(q) if (0.0..=1.0).contains(&q) => (q * 1000.0).round() as u16,
        _ => 1000,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn chosen(in_path: Option<&str>, accept: &str) -> &'static str {
        match Format::choose(in_path, accept) {
            Ok(format) => format.content_type(),
            Err(failure) => match failure {
                Failure::NotAcceptable => "not acceptable",
                Failure::UnknownFormat(_) => "unknown format",
                _ => "another failure",
            },
        }
    }

    #[test]
    fn without_a_format_in_the_path_accept_decides() {
        const BROWSER: &str = "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8";
        for (accept, expected) in [
            ("", "application/json"),
            ("*/*", "application/json"),
            ("application/json", "application/json"),
            ("application/xml", "application/xml; charset=utf-8"),
            ("text/xml", "text/xml; charset=utf-8"),
            ("APPLICATION/XML", "application/xml; charset=utf-8"),
            ("application/xml;q=0.5, application/json;q=0.9", "application/json"),
            ("application/json;q=0.1, text/*", "text/xml; charset=utf-8"),
            ("application/*", "application/json"),
            (BROWSER, "application/xml; charset=utf-8"),
            ("text/html", "not acceptable"),
            ("application/json;q=0", "not acceptable"),
            ("*/*, application/json;q=0", "application/xml; charset=utf-8"),
            (";;,/,x", "not acceptable"),
            ("application/json;q=nonsense", "application/json"),
        ] {
            assert_eq!(chosen(None, accept), expected, "{accept}");
        }
    }

    #[test]
    fn the_path_wins_unless_json_cannot_be_read() {
        for (path, accept, expected) in [
            ("json", "", "application/json"),
            ("json", "text/html", "application/json"),
            ("json", "application/xml, */*;q=0.1", "application/json"),
            ("json", "application/xml", "application/xml; charset=utf-8"),
            ("xml", "application/json", "text/xml; charset=utf-8"),
            ("yaml", "application/json", "unknown format"),
        ] {
            assert_eq!(chosen(Some(path), accept), expected, "{path} {accept}");
        }
    }
}
