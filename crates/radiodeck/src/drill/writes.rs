//! Writes while there is no primary, and once there is one again.

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use bytes::Bytes;
use http::StatusCode;
use tokio::time::sleep;

use super::scenario::API;
use crate::measure::Error;
use crate::measure::http::{Answer, ask};
use crate::measure::load::Target;

/// A vote for a station: the smallest write there is.
fn vote(station: &str) -> Target {
    Target::post(API, &format!("/json/vote/{station}"), Bytes::new())
}

/// A write that must be refused.
#[derive(Debug)]
pub(super) struct Refused {
    /// How long the answer took, seconds.
    pub(super) seconds: f64,
    /// What is wrong with it; empty when it is as it should be.
    pub(super) wrong: String,
}

/// Votes while there is no primary.
pub(super) async fn refused(http: SocketAddr, station: &str) -> Refused {
    let began = Instant::now();
    let answer = ask(http, &vote(station), Duration::from_secs(20)).await;
    Refused {
        seconds: began.elapsed().as_secs_f64(),
        wrong: match answer {
            Ok(answer) => wrong(&answer),
            Err(error) => error,
        },
    }
}

/// What keeps an answer from being the refusal that a client can act on: 503, when to retry, and problem details
/// (RFC 9457).
fn wrong(answer: &Answer) -> String {
    let mut wrong = Vec::new();
    if answer.status != StatusCode::SERVICE_UNAVAILABLE {
        wrong.push(format!("status {} instead of 503", answer.status.as_u16()));
    }
    if answer.header("retry-after").parse::<u32>().is_err() {
        wrong.push(format!("Retry-After is `{}`", answer.header("retry-after")));
    }
    if !answer.header("content-type").starts_with("application/problem+json") {
        wrong.push(format!("Content-Type is `{}`", answer.header("content-type")));
    }
    wrong.join(", ")
}

/// Votes, one station after the other, until a vote is taken; gives how long that took from `since`, seconds.
pub(super) async fn taken(http: SocketAddr, stations: &[String], since: Instant) -> Result<f64, Error> {
    let mut last = String::new();
    for station in stations.iter().cycle() {
        if since.elapsed() > Duration::from_secs(60) {
            break;
        }
        match ask(http, &vote(station), Duration::from_secs(5)).await {
            Ok(answer) if answer.status.is_success() => return Ok(since.elapsed().as_secs_f64()),
            Ok(answer) => last = format!("status {}", answer.status.as_u16()),
            Err(error) => last = error,
        }
        sleep(Duration::from_millis(50)).await;
    }
    Err(Error::CannotRun(format!(
        "no write was taken within a minute; the last one: {last}"
    )))
}

#[cfg(test)]
mod tests {
    use http::HeaderMap;

    use super::*;

    fn answer(status: u16, headers: &[(&'static str, &str)]) -> Answer {
        let mut map = HeaderMap::new();
        for (name, value) in headers {
            map.insert(*name, value.parse().expect("a value"));
        }
        Answer {
            status: StatusCode::from_u16(status).expect("a status"),
            headers: map,
            body: Bytes::new(),
        }
    }

    #[test]
    fn a_refusal_says_when_to_retry_and_what_the_problem_is() {
        let problem = ("content-type", "application/problem+json; charset=utf-8");
        assert_eq!(wrong(&answer(503, &[problem, ("retry-after", "2")])), "");
        assert_eq!(wrong(&answer(503, &[problem])), "Retry-After is ``");
        assert_eq!(
            wrong(&answer(500, &[("content-type", "text/html"), ("retry-after", "2")])),
            "status 500 instead of 503, Content-Type is `text/html`"
        );
    }
}
