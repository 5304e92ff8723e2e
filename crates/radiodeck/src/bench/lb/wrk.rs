//! wrk: as many requests as a number of kept connections can carry.

use std::net::SocketAddr;
use std::path::Path;
use std::time::Duration;

use super::tool;
use crate::measure::Error;

/// What one run of it says.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Outcome {
    pub(super) requests: u64,
    pub(super) per_second: f64,
    pub(super) p50_ms: f64,
    pub(super) p99_ms: f64,
    /// Connections that broke, answers that did not come, answers that are neither 2xx nor 3xx.
    pub(super) failed: u64,
}

/// Asks for `path` over `connections` for `seconds`.
pub(super) async fn run(
    wrk: &Path,
    proxy: SocketAddr,
    path: &str,
    connections: usize,
    seconds: u16,
) -> Result<Outcome, Error> {
    let args = [
        "--threads=1".to_owned(),
        format!("--connections={connections}"),
        format!("--duration={seconds}s"),
        "--timeout=10s".into(),
        "--latency".into(),
        format!("http://{proxy}{path}"),
    ];
    let text = tool::output(wrk, &args, Duration::from_secs(u64::from(seconds) + 30)).await?;
    parse(&text).ok_or_else(|| Error::CannotRun(format!("wrk says what we cannot read: {text}")))
}

fn parse(text: &str) -> Option<Outcome> {
    // The line that begins with `key`, blanks aside; then the word at `index`.
    let word = |key: &str, index: usize| {
        let line = text.lines().find_map(|line| line.trim_start().strip_prefix(key))?;
        line.split([' ', ',']).filter(|word| !word.is_empty()).nth(index)
    };
    let errors = ["connect", "read", "write", "timeout"].map(|kind| {
        let line = text
            .lines()
            .find(|line| line.trim_start().starts_with("Socket errors:"))?;
        let (_, after) = line.split_once(&format!("{kind} "))?;
        after.split(',').next()?.trim().parse::<u64>().ok()
    });
    let refused = word("Non-2xx or 3xx responses:", 0).and_then(|count| count.parse::<u64>().ok());
    let requests = text
        .lines()
        .find_map(|line| line.trim_start().split_once(" requests in "))?;
    Some(Outcome {
        requests: requests.0.parse().ok()?,
        per_second: word("Requests/sec:", 0)?.parse().ok()?,
        p50_ms: milliseconds(word("50%", 0)?)?,
        p99_ms: milliseconds(word("99%", 0)?)?,
        failed: errors.into_iter().chain([refused]).flatten().sum(),
    })
}

/// `912.00us`, `1.23ms`, `1.02s`, `1.10m`, `1.00h`.
fn milliseconds(text: &str) -> Option<f64> {
    let unit = text.find(|c: char| c.is_ascii_alphabetic())?;
    let scale = match &text[unit..] {
        "us" => 0.001,
        "ms" => 1.0,
        "s" => 1_000.0,
        "m" => 60_000.0,
        "h" => 3_600_000.0,
        _ => return None,
    };
    Some(text[..unit].parse::<f64>().ok()? * scale)
}

#[cfg(test)]
mod tests {
    use super::*;

    const CLEAN: &str = "\
Running 4s test @ http://127.0.0.1:8080/3
  1 threads and 64 connections
  Thread Stats   Avg      Stdev     Max   +/- Stdev
    Latency     1.66ms  299.88us   9.76ms   92.02%
    Req/Sec    38.69k     1.20k   40.50k    77.50%
  Latency Distribution
     50%    1.60ms
     75%    1.72ms
     90%  950.00us
     99%    2.95ms
  154012 requests in 4.00s, 19.24MB read
Requests/sec:  38462.11
Transfer/sec:      4.81MB
";

    #[test]
    fn a_run_is_read() {
        let expected = Outcome {
            requests: 154_012,
            per_second: 38_462.11,
            p50_ms: 1.6,
            p99_ms: 2.95,
            failed: 0,
        };
        assert_eq!(parse(CLEAN), Some(expected));
    }

    #[test]
    fn every_kind_of_failure_counts() {
        let lines = "  Socket errors: connect 1, read 20, write 300, timeout 4000\n  Non-2xx or 3xx responses: 50000\n";
        let text = CLEAN.replace("Requests/sec", &format!("{lines}Requests/sec"));
        assert_eq!(parse(&text).expect("read").failed, 54_321);
    }

    #[test]
    fn times_come_in_any_unit() {
        let times = ["500.00us", "1.50ms", "1.02s", "2.00m"].map(milliseconds);
        assert_eq!(times, [Some(0.5), Some(1.5), Some(1020.0), Some(120_000.0)]);
        assert_eq!(milliseconds("1.5"), None);
        assert_eq!(milliseconds("1.5d"), None);
    }

    #[test]
    fn what_is_no_run_is_not_read() {
        assert_eq!(parse(""), None);
        assert_eq!(parse("unable to connect to 127.0.0.1:8080 Connection refused\n"), None);
    }
}
