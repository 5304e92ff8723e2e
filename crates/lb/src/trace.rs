//! W3C Trace Context. The balancer reports no spans of its own, so it adds none:
//! a `traceparent` that is well-formed passes as it is, whoever sent it, and
//! only where there is none that can be used does a trace begin here.

use http::HeaderValue;

/// `00-` trace id `-` parent id `-` flags.
const LENGTH: usize = 55;

/// Whether a `traceparent` may be passed on (W3C Trace Context 3.2). Later
/// versions may add to what version 00 has.
pub(crate) fn is_well_formed(traceparent: &HeaderValue) -> bool {
    let bytes = traceparent.as_bytes();
    let Some((known, rest)) = bytes.split_at_checked(LENGTH) else {
        return false;
    };
    let is_hex = |byte: &u8| matches!(byte, b'0'..=b'9' | b'a'..=b'f');
    let field = |from: usize, to: usize| &known[from..to];
    let is_zero = |field: &[u8]| field.iter().all(|byte| *byte == b'0');
    let version = field(0, 2);
    let fields = [version, field(3, 35), field(36, 52), field(53, 55)];
    let ends = match version {
        b"ff" => false,
        b"00" => rest.is_empty(),
        _ => rest.first().is_none_or(|byte| *byte == b'-'),
    };
    ends && [2, 35, 52].iter().all(|at| known[*at] == b'-')
        && fields.iter().all(|field| field.iter().all(is_hex))
        && !is_zero(fields[1])
        && !is_zero(fields[2])
}

/// The trace id of a well-formed `traceparent`.
pub(crate) fn trace_id(traceparent: &HeaderValue) -> Option<&str> {
    std::str::from_utf8(traceparent.as_bytes().get(3..35)?).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn is_passed_on(text: &str) -> bool {
        is_well_formed(&HeaderValue::from_str(text).expect("a value"))
    }

    #[test]
    fn what_the_specification_allows_is_passed_on() {
        for text in [
            "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
            "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-ff",
            "01-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
            "cc-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01-what-the-future-brings",
        ] {
            assert!(is_passed_on(text), "{text}");
        }
    }

    #[test]
    fn what_the_specification_forbids_is_not() {
        for text in [
            "",
            "00-1-2-01",
            "ff-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
            "00-00000000000000000000000000000000-00f067aa0ba902b7-01",
            "00-4bf92f3577b34da6a3ce929d0e0e4736-0000000000000000-01",
            "00-4BF92F3577B34DA6A3CE929D0E0E4736-00f067aa0ba902b7-01",
            "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-0",
            "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01-more",
            "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01.",
            "cc-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01.more",
            "00_4bf92f3577b34da6a3ce929d0e0e4736_00f067aa0ba902b7_01",
            "0g-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
        ] {
            assert!(!is_passed_on(text), "{text}");
        }
    }

    #[test]
    fn the_trace_id_is_what_stands_between_version_and_parent() {
        let value = HeaderValue::from_static("00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01");
        assert_eq!(trace_id(&value), Some("4bf92f3577b34da6a3ce929d0e0e4736"));
    }
}
