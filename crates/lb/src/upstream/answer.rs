//! Checks the head of an answer before any of it is passed on. A server that
//! frames its answer in two ways, or in a way that cannot be decoded here, gets
//! it replaced by a 502: passing it on would let it split one answer in two for
//! the next reader (RFC 9112 6.3).

use http::header::{CONNECTION, CONTENT_LENGTH, HeaderMap, HeaderValue, TRANSFER_ENCODING, UPGRADE};
use http::{Response, StatusCode, Version};

use crate::problem::Problem;
use crate::request::headers::strip_hop_by_hop;
use crate::request::upgrade::Wish;

/// Refuses what is ambiguous and takes away what was for this hop only. `upgrade`
/// is what the server was asked to switch to.
pub(super) fn check<B>(response: &mut Response<B>, upgrade: Option<&Wish>) -> Result<(), Problem> {
    let status = response.status();
    if status == StatusCode::SWITCHING_PROTOCOLS {
        return check_switch(response, upgrade);
    }
    // hyper skips the other informational ones; above 599 nothing is defined.
    if status.is_informational() || status.as_u16() > 599 {
        return Err(Problem::AnswerMalformed);
    }
    let headers = response.headers_mut();
    check_framing(headers)?;
    strip_hop_by_hop(headers);
    // RFC 9110 8.6: no length with 204; with 304 it is allowed and useless.
    if matches!(status, StatusCode::NO_CONTENT | StatusCode::NOT_MODIFIED) {
        headers.remove(CONTENT_LENGTH);
    }
    *response.version_mut() = Version::HTTP_11;
    Ok(())
}

/// RFC 9110 15.2.2: a server may switch only to what it was asked for, and says
/// to what.
fn check_switch<B>(response: &mut Response<B>, upgrade: Option<&Wish>) -> Result<(), Problem> {
    let agreed = upgrade.and_then(|wish| wish.granted(response.headers()));
    let protocol = agreed.ok_or(Problem::AnswerMalformed)?;
    if response.version() != Version::HTTP_11 {
        return Err(Problem::AnswerMalformed);
    }
    let headers = response.headers_mut();
    strip_hop_by_hop(headers);
    // RFC 9112 6.3: whatever it says of a body, it has none.
    headers.remove(CONTENT_LENGTH);
    headers.insert(CONNECTION, HeaderValue::from_static("upgrade"));
    headers.insert(UPGRADE, protocol);
    Ok(())
}

fn check_framing(headers: &mut HeaderMap) -> Result<(), Problem> {
    let mut codings = headers.get_all(TRANSFER_ENCODING).iter();
    let coding = codings.next();
    let mut lengths = headers.get_all(CONTENT_LENGTH).iter();
    let length = lengths.next();
    match (coding, length) {
        (None, None) => Ok(()),
        (Some(_), Some(_)) => Err(Problem::AnswerMalformed),
        (Some(coding), None) => {
            if coding.as_bytes().eq_ignore_ascii_case(b"chunked") && codings.next().is_none() {
                Ok(())
            } else {
                Err(Problem::AnswerMalformed)
            }
        }
        (None, Some(length)) => {
            let digits = |value: &HeaderValue| {
                let bytes = value.as_bytes();
                !bytes.is_empty() && bytes.len() < 20 && bytes.iter().all(u8::is_ascii_digit)
            };
            // RFC 9110 8.6: a list of equal values may be taken as one.
            let first = length
                .as_bytes()
                .split(|byte| *byte == b',')
                .next()
                .map(<[u8]>::trim_ascii);
            let first = first
                .and_then(|first| HeaderValue::from_bytes(first).ok())
                .filter(digits);
            let Some(first) = first else {
                return Err(Problem::AnswerMalformed);
            };
            let all_equal = headers
                .get_all(CONTENT_LENGTH)
                .iter()
                .flat_map(|value| value.as_bytes().split(|byte| *byte == b','))
                .all(|value| value.trim_ascii() == first.as_bytes());
            if !all_equal {
                return Err(Problem::AnswerMalformed);
            }
            if lengths.next().is_some() || first.len() != length.len() {
                headers.insert(CONTENT_LENGTH, first);
            }
            Ok(())
        }
    }
}

#[cfg(test)]
mod tests {
    use http::HeaderName;

    use super::*;

    fn checked(status: u16, lines: &[(&'static str, &'static str)]) -> Result<HeaderMap, Problem> {
        let mut response = Response::new(());
        *response.status_mut() = StatusCode::from_u16(status).expect("a status");
        for (name, value) in lines {
            response
                .headers_mut()
                .append(HeaderName::from_static(name), HeaderValue::from_static(value));
        }
        check(&mut response, None).map(|()| response.headers().clone())
    }

    #[test]
    fn rfc_9112_6_3_an_answer_with_two_framings_is_malformed() {
        for lines in [
            &[("content-length", "3"), ("transfer-encoding", "chunked")][..],
            &[("content-length", "3"), ("content-length", "4")],
            &[("content-length", "3, 4")],
            &[("content-length", "+3")],
            &[("content-length", "")],
            &[("content-length", "99999999999999999999")],
            &[("transfer-encoding", "gzip, chunked")],
            &[("transfer-encoding", "identity")],
            &[("transfer-encoding", "chunked"), ("transfer-encoding", "chunked")],
        ] {
            assert_eq!(checked(200, lines), Err(Problem::AnswerMalformed), "{lines:?}");
        }
    }

    #[test]
    fn equal_lengths_become_one() {
        for lines in [
            &[("content-length", "3"), ("content-length", "3")][..],
            &[("content-length", "3, 3")],
        ] {
            let headers = checked(200, lines).expect("fine");
            let lengths: Vec<_> = headers.get_all(CONTENT_LENGTH).iter().collect();
            assert_eq!(lengths, ["3"], "{lines:?}");
        }
    }

    #[test]
    fn hop_by_hop_headers_of_an_answer_go() {
        let headers = checked(
            200,
            &[
                ("connection", "x-a"),
                ("x-a", "1"),
                ("keep-alive", "timeout=1"),
                ("upgrade", "h2c"),
                ("x-b", "1"),
            ],
        );
        let headers = headers.expect("fine");
        assert_eq!(headers.keys().map(HeaderName::as_str).collect::<Vec<_>>(), ["x-b"]);
    }

    #[test]
    fn an_upgrade_nobody_asked_for_and_undefined_statuses_are_malformed() {
        assert_eq!(checked(101, &[]), Err(Problem::AnswerMalformed));
        assert_eq!(checked(600, &[]), Err(Problem::AnswerMalformed));
        assert!(checked(299, &[]).is_ok());
    }
}
