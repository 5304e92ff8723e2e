//! Parameters of a request, from the query and from the body, which wins.
//!
//! Clients disagree about spelling, so keys are compared without case and
//! underscores (`bitrateMin`, `bitrate_min` and `bitratemin` are one); of a
//! repeated key the first counts. A value that cannot be used is an error that
//! names the parameter; an empty one counts as absent.

use axum::extract::Request;
use http::{HeaderMap, Method, header};
use http_body_util::LengthLimitError;
use serde_json::{Number, Value};
use tokio::time::timeout;
use uuid::Uuid;

use crate::api::values;
use crate::config::Limits;
use crate::failure::Failure;

/// Longest stream URL that is looked up, bytes: the longest that is known has 14,971.
const MAX_URL_BYTES: usize = 16 * 1024;

/// Pairs of plain key and value, in the order in which they count.
#[derive(Debug, Default)]
pub(crate) struct Params(Vec<(String, String)>);

impl Params {
    /// Reads query and body, the latter within its bounds on size and time.
    pub(crate) async fn read(request: Request, limits: &Limits) -> Result<Self, Failure> {
        let query = request.uri().query().unwrap_or_default().to_owned();
        let mut params = Self::default();
        if request.method() == Method::POST {
            let (head, body) = request.into_parts();
            let max_body_bytes = limits.max_body_bytes;
            let declared = content_length(&head.headers);
            if declared.is_some_and(|length| length > max_body_bytes as u64) {
                return Err(Failure::BodyTooLarge {
                    limit_bytes: max_body_bytes,
                });
            }
            let bytes = timeout(limits.body_deadline(), axum::body::to_bytes(body, max_body_bytes))
                .await
                .map_err(|_| Failure::SlowBody {
                    deadline_ms: limits.body_deadline_ms,
                })?
                .map_err(|error| body_failure(error, max_body_bytes))?;
            params.add_body(&head.headers, &bytes)?;
        }
        params.add_urlencoded(query.as_bytes());
        Ok(params)
    }

    fn add_urlencoded(&mut self, text: &[u8]) {
        for (key, value) in form_urlencoded::parse(text) {
            self.0.push((plain(&key), value.into_owned()));
        }
    }

    fn add_body(&mut self, headers: &HeaderMap, body: &[u8]) -> Result<(), Failure> {
        if body.is_empty() {
            return Ok(());
        }
        let content_type = headers
            .get(header::CONTENT_TYPE)
            .and_then(|value| value.to_str().ok())
            .unwrap_or("a body without a type");
        let media = content_type.split(';').next().unwrap_or_default().trim();
        if media.eq_ignore_ascii_case("application/x-www-form-urlencoded") {
            self.add_urlencoded(body);
            Ok(())
        } else if media.eq_ignore_ascii_case("application/json") {
            self.add_json(body)
        } else {
            Err(Failure::UnsupportedMedia(media.chars().take(80).collect()))
        }
    }

    fn add_json(&mut self, body: &[u8]) -> Result<(), Failure> {
        let value: Value = serde_json::from_slice(body)
            .map_err(|error| Failure::BadRequest(format!("The body is not valid JSON: {error}.")))?;
        let Value::Object(object) = value else {
            return Err(Failure::BadRequest("The body is JSON, and no object.".into()));
        };
        for (key, value) in object {
            let text = match value {
                Value::Null => continue,
                Value::String(text) => text,
                Value::Bool(value) => value.to_string(),
                Value::Number(number) => plain_number(&number),
                Value::Array(items) => items
                    .into_iter()
                    .map(|item| match item {
                        Value::String(text) => Ok(text),
                        _ => Err(Failure::parameter(&key, "is a list of something else than strings.")),
                    })
                    .collect::<Result<Vec<_>, _>>()?
                    .join(","),
                Value::Object(_) => {
                    return Err(Failure::parameter(
                        &key,
                        "is an object; text, numbers, booleans and lists are read.",
                    ));
                }
            };
            self.0.push((plain(&key), text));
        }
        Ok(())
    }

    fn get(&self, name: &str) -> Option<&str> {
        let name = plain(name);
        let (_, value) = self.0.iter().find(|(key, _)| *key == name)?;
        (!value.is_empty()).then_some(value)
    }

    /// Text to search for.
    pub(crate) fn text(&self, name: &str) -> Result<Option<String>, Failure> {
        self.get(name).map(|value| values::bounded(name, value)).transpose()
    }

    /// A stream URL to look up.
    pub(crate) fn url(&self, name: &str) -> Result<Option<String>, Failure> {
        let Some(value) = self.get(name) else {
            return Ok(None);
        };
        if value.len() > MAX_URL_BYTES {
            return Err(Failure::parameter(
                name,
                format!("is longer than {MAX_URL_BYTES} bytes."),
            ));
        }
        values::without_nul(name, value).map(Some)
    }

    /// `true` and `false` in any case, `1` and `0`.
    pub(crate) fn boolean(&self, name: &str) -> Result<Option<bool>, Failure> {
        match self.get(name) {
            None => Ok(None),
            Some(value) if value.eq_ignore_ascii_case("true") || value == "1" => Ok(Some(true)),
            Some(value) if value.eq_ignore_ascii_case("false") || value == "0" => Ok(Some(false)),
            Some(value) => Err(Failure::parameter(
                name,
                format!("is `{}`; true and false are understood.", values::shortened(value)),
            )),
        }
    }

    /// A whole number.
    pub(crate) fn number(&self, name: &str) -> Result<Option<i64>, Failure> {
        self.get(name).map(|value| values::number(name, value)).transpose()
    }

    /// How many to leave out at the beginning.
    pub(crate) fn offset(&self) -> Result<u32, Failure> {
        let offset = self.number("offset")?.unwrap_or(0);
        Ok(u32::try_from(offset.max(0)).unwrap_or(u32::MAX))
    }

    /// How many at the most; a negative or huge number is everything.
    pub(crate) fn limit(&self) -> Result<Option<u32>, Failure> {
        Ok(self.number("limit")?.and_then(|limit| u32::try_from(limit).ok()))
    }

    /// An order, in the plain spelling of keys.
    pub(crate) fn order(&self) -> Option<String> {
        self.get("order").map(plain)
    }

    /// Station ids, as a comma list.
    pub(crate) fn uuids(&self, name: &str) -> Result<Option<Vec<Uuid>>, Failure> {
        let Some(value) = self.get(name) else {
            return Ok(None);
        };
        values::uuids(name, value).map(Some)
    }
}

fn plain(key: &str) -> String {
    key.chars().filter(|c| *c != '_').flat_map(char::to_lowercase).collect()
}

/// JSON has one kind of number: `5.0` is as whole as `5`, and languages without
/// integers write it so.
fn plain_number(number: &Number) -> String {
    match number.as_f64() {
        Some(float) if number.is_f64() && float.fract() == 0.0 => format!("{float:.0}"),
        _ => number.to_string(),
    }
}

fn content_length(headers: &HeaderMap) -> Option<u64> {
    headers.get(header::CONTENT_LENGTH)?.to_str().ok()?.parse().ok()
}

fn body_failure(error: axum::Error, limit_bytes: usize) -> Failure {
    if error.into_inner().is::<LengthLimitError>() {
        Failure::BodyTooLarge { limit_bytes }
    } else {
        Failure::BadRequest("The body ended early.".into())
    }
}

#[cfg(test)]
mod tests {
    use axum::body::Body;

    use super::*;

    fn query(text: &str) -> Params {
        let mut params = Params::default();
        params.add_urlencoded(text.as_bytes());
        params
    }

    fn post(content_type: &str, body: &str, query: &str) -> Result<Params, Failure> {
        let request = http::Request::post(format!("/?{query}"))
            .header(header::CONTENT_TYPE, content_type)
            .body(Body::from(body.to_owned()))
            .expect("a request");
        let limits = Limits {
            max_body_bytes: 1024,
            ..Limits::default()
        };
        tokio::runtime::Builder::new_current_thread()
            .enable_time()
            .build()
            .expect("a runtime")
            .block_on(Params::read(request, &limits))
    }

    fn field(result: Result<impl std::fmt::Debug, Failure>) -> String {
        match result.expect_err("refused") {
            Failure::BadParameter { field, .. } => field,
            other => panic!("another failure: {other:?}"),
        }
    }

    #[test]
    fn keys_are_understood_in_any_spelling() {
        let params = query("BitRate_Min=64&NAMEEXACT=true&order=Click_Count");
        assert_eq!(params.number("bitrateMin").expect("read"), Some(64));
        assert_eq!(params.boolean("name_exact").expect("read"), Some(true));
        assert_eq!(params.order().as_deref(), Some("clickcount"));
    }

    #[test]
    fn of_a_repeated_key_the_first_counts_and_the_body_comes_first() {
        assert_eq!(query("tag=a&tag=b").text("tag").expect("read").as_deref(), Some("a"));
        let params = post("application/x-www-form-urlencoded", "tag=c", "tag=a&name=x").expect("read");
        assert_eq!(params.text("tag").expect("read").as_deref(), Some("c"));
        assert_eq!(params.text("name").expect("read").as_deref(), Some("x"));
    }

    #[test]
    fn json_bodies_hold_text_numbers_booleans_and_lists() {
        let body = r#"{"tagList":["a","b"],"limit":5,"reverse":true,"name":"x","country":null}"#;
        let params = post("application/json; charset=utf-8", body, "country=y").expect("read");
        assert_eq!(params.text("taglist").expect("read").as_deref(), Some("a,b"));
        assert_eq!(params.limit().expect("read"), Some(5));
        assert_eq!(params.boolean("reverse").expect("read"), Some(true));
        assert_eq!(params.text("country").expect("read").as_deref(), Some("y"));
    }

    #[test]
    fn a_json_number_without_a_fraction_is_whole_however_it_is_written() {
        for (limit, expected) in [
            ("5.0", Some(5)),
            ("1e2", Some(100)),
            ("-0.0", Some(0)),
            ("-1.0", None),
            ("1e30", None),
        ] {
            let params = post("application/json", &format!("{{\"limit\":{limit}}}"), "").expect("read");
            assert_eq!(params.limit().expect("read"), expected, "{limit}");
        }
        let params = post("application/json", r#"{"limit":1.5}"#, "").expect("read");
        assert_eq!(field(params.limit()), "limit");
    }

    #[test]
    fn bodies_that_cannot_be_read_say_why() {
        assert!(matches!(post("application/json", "{", ""), Err(Failure::BadRequest(_))));
        assert!(matches!(
            post("application/json", "[1]", ""),
            Err(Failure::BadRequest(_))
        ));
        assert_eq!(field(post("application/json", r#"{"limit":{}}"#, "")), "limit");
        assert_eq!(field(post("application/json", r#"{"tags":[1]}"#, "")), "tags");
        assert!(matches!(post("text/plain", "x", ""), Err(Failure::UnsupportedMedia(_))));
        assert!(post("text/plain", "", "").is_ok());
        let large = "x".repeat(2000);
        assert!(matches!(
            post("application/json", &large, ""),
            Err(Failure::BodyTooLarge { .. })
        ));
    }

    #[test]
    fn a_negative_or_huge_limit_is_everything_and_a_word_is_an_error() {
        assert_eq!(query("limit=-1").limit().expect("read"), None);
        assert_eq!(query("limit=99999999999999999999999").limit().expect("read"), None);
        assert_eq!(query("limit=").limit().expect("read"), None);
        assert_eq!(query("limit=0").limit().expect("read"), Some(0));
        assert_eq!(field(query("limit=abc").limit()), "limit");
        assert_eq!(query("offset=-5").offset().expect("read"), 0);
        assert_eq!(query("offset=99999999999").offset().expect("read"), u32::MAX);
        assert_eq!(field(query("offset=1.5").offset()), "offset");
        assert_eq!(field(query("reverse=maybe").boolean("reverse")), "reverse");
    }

    #[test]
    fn text_is_bounded_and_without_nul() {
        assert_eq!(field(query(&format!("name={}", "x".repeat(401))).text("name")), "name");
        assert!(query(&format!("name={}", "ž".repeat(400))).text("name").is_ok());
        assert_eq!(field(query("name=a%00b").text("name")), "name");
        assert_eq!(field(query("uuids=nonsense").uuids("uuids")), "uuids");
    }

    #[test]
    fn uuids_are_read_in_any_case() {
        let params = query("uuids=DB93A00F-9191-46AB-9E87-EC9B373B3EEE,%20,ffc0d701f43b42328be6f7ff72add8ef");
        assert_eq!(params.uuids("uuids").expect("read").expect("some").len(), 2);
    }
}
