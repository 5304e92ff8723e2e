//! h2load: HTTP/2 requests, several streams a connection.

use std::net::SocketAddr;
use std::path::Path;
use std::time::Duration;

use super::tool;
use crate::measure::Error;

const CONNECTIONS: usize = 20;
/// Under way at once on each.
const STREAMS: usize = 10;

/// What one run of it says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Outcome {
    pub(super) done: u64,
    /// Of those: not answered, or neither 2xx nor 3xx.
    pub(super) failed: u64,
}

/// Asks for `path` over TLS for `seconds`.
pub(super) async fn run(h2load: &Path, proxy: SocketAddr, path: &str, seconds: u16) -> Result<Outcome, Error> {
    let args = [
        "--threads=1".to_owned(),
        format!("--clients={CONNECTIONS}"),
        format!("--max-concurrent-streams={STREAMS}"),
        format!("--duration={seconds}"),
        format!("https://{proxy}{path}"),
    ];
    let text = tool::output(h2load, &args, Duration::from_secs(u64::from(seconds) + 30)).await?;
    if !text.contains("Application protocol: h2") {
        return Err(Error::CannotRun("the server does not offer h2".into()));
    }
    parse(&text).ok_or_else(|| Error::CannotRun(format!("h2load says what we cannot read: {text}")))
}

fn parse(text: &str) -> Option<Outcome> {
    let count = |line: &str, what: &str| {
        let line = text.lines().find_map(|found| found.strip_prefix(line))?;
        line.split(',').find_map(|part| {
            let (count, name) = part.trim().split_once(' ')?;
            (name == what).then(|| count.parse::<u64>().ok())?
        })
    };
    let done = count("requests: ", "done")?;
    let answered = count("status codes: ", "2xx")? + count("status codes: ", "3xx")?;
    Some(Outcome {
        done,
        failed: done.saturating_sub(answered).max(count("requests: ", "failed")?),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const CLEAN: &str = "\
Application protocol: h2

finished in 3.00s, 21034.33 req/s, 2.63MB/s
requests: 63103 total, 63303 started, 63103 done, 63103 succeeded, 0 failed, 0 errored, 0 timeout
status codes: 63103 2xx, 0 3xx, 0 4xx, 0 5xx
traffic: 7.89MB (8273493) total, 2.05MB (2147702) headers (space savings 67.46%), 184.87KB (189309) data
";

    #[test]
    fn a_run_is_read() {
        let expected = Outcome {
            done: 63_103,
            failed: 0,
        };
        assert_eq!(parse(CLEAN), Some(expected));
        assert_eq!(parse(""), None);
    }

    #[test]
    fn an_answer_that_is_an_error_is_a_failure() {
        let text = CLEAN.replace("63103 2xx, 0 3xx, 0 4xx, 0 5xx", "63000 2xx, 1 3xx, 0 4xx, 102 5xx");
        assert_eq!(parse(&text).expect("read").failed, 102);
    }
}
