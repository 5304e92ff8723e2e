//! One app server more, with nothing reconfigured: how long the balancer takes
//! to send it requests once it is ready.

use std::collections::HashMap;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use tokio::task::{JoinHandle, JoinSet};
use tokio::time::{Instant, MissedTickBehavior, interval, sleep};

use super::compose::Compose;
use super::docker;
use super::scenario::WWW;
use crate::measure::Error;
use crate::measure::http::ask;
use crate::measure::load::Target;
use crate::measure::output::Progress;
use crate::measure::report::{Figure, Report};

const NAME: &str = "a new app server: from ready to its first request";
const SEEN_WITHIN_S: f64 = 2.0;

/// 50 requests a second.
const ASK_EVERY: Duration = Duration::from_millis(20);
const ASK_DEADLINE: Duration = Duration::from_secs(2);
/// Requests under way at once.
const ASKING: usize = 100;
const READY_DEADLINE: Duration = Duration::from_secs(60);
const SEEN_DEADLINE: Duration = Duration::from_secs(20);
const DAY_S: f64 = 86_400.0;

/// Adds an app server to the stack; [`Compose::restore`] takes it away again.
pub(super) async fn run(compose: &mut Compose, report: &mut Report, progress: &Progress) {
    progress.step("one app server more", 0);
    match measure(compose).await {
        Ok(seconds) => report.figure(Figure::at_most(NAME, seconds, "s", SEEN_WITHIN_S)),
        Err(error) => report.unproven(format!("{NAME} <= {SEEN_WITHIN_S} s: {error}")),
    }
}

async fn measure(compose: &mut Compose) -> Result<f64, Error> {
    let watch = Watch::start(compose.http());
    let id = compose.add_app().await?;
    let name = docker::inspect(&id, "{{.Config.Hostname}}").await?;
    let ready = ready(&id).await?;
    let end = Instant::now() + SEEN_DEADLINE;
    while Instant::now() < end {
        if let Some(seen) = watch.first(&name) {
            return Ok(between(ready, seen).max(0.0));
        }
        sleep(ASK_EVERY).await;
    }
    // The bound does not hold, whatever the true figure is.
    Ok(SEEN_DEADLINE.as_secs_f64())
}

/// When the app server in container `id` said that it was ready.
async fn ready(id: &str) -> Result<f64, Error> {
    let end = Instant::now() + READY_DEADLINE;
    while Instant::now() < end {
        if let Some(ready) = docker::log(id).await?.lines().find_map(ready_line) {
            return Ok(ready);
        }
        sleep(Duration::from_millis(100)).await;
    }
    Err(Error::CannotRun(format!(
        "it did not become ready within {} s",
        READY_DEADLINE.as_secs()
    )))
}

/// The time before the line that says `ready`, second of the day.
fn ready_line(line: &str) -> Option<f64> {
    let (time, text) = line.split_once(' ')?;
    let ready = text.trim_end().ends_with(" ready") || text.contains("\"message\":\"ready\"");
    ready.then(|| second_of_day(time)).flatten()
}

/// Of a time in UTC as RFC 3339 writes it. The day does not matter: what is compared is seconds apart.
fn second_of_day(time: &str) -> Option<f64> {
    let (_, time) = time.strip_suffix('Z')?.split_once('T')?;
    let mut parts = time.split(':').map(|part| part.parse::<f64>().ok());
    let (hours, minutes, seconds) = (parts.next()??, parts.next()??, parts.next()??);
    Some((hours * 60.0 + minutes) * 60.0 + seconds)
}

fn second_of_this_day() -> f64 {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    now.as_secs_f64() % DAY_S
}

/// Seconds from one second of a day to another, over midnight too.
fn between(from: f64, to: f64) -> f64 {
    (to - from + DAY_S / 2.0).rem_euclid(DAY_S) - DAY_S / 2.0
}

type Seen = Arc<Mutex<HashMap<String, f64>>>;

/// Asks through the balancer all the time and notes when each app server answered first.
struct Watch {
    seen: Seen,
    asking: JoinHandle<()>,
}

impl Watch {
    fn start(http: SocketAddr) -> Self {
        let seen = Seen::default();
        let asking = tokio::spawn(keep_asking(http, seen.clone()));
        Self { seen, asking }
    }

    /// When `name` answered first, second of the day.
    fn first(&self, name: &str) -> Option<f64> {
        let seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        seen.get(name).copied()
    }
}

impl Drop for Watch {
    fn drop(&mut self) {
        self.asking.abort();
    }
}

async fn keep_asking(http: SocketAddr, seen: Seen) {
    let mut ticks = interval(ASK_EVERY);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut asking = JoinSet::new();
    loop {
        ticks.tick().await;
        while asking.try_join_next().is_some() {}
        if asking.len() < ASKING {
            let seen = seen.clone();
            asking.spawn(async move {
                // Every app server answers it at once, whatever the database does.
                let health = Target::get(WWW, "/healthz");
                if let Ok(answer) = ask(http, &health, ASK_DEADLINE).await {
                    let name = answer.header("x-served-by").to_owned();
                    let mut seen = seen.lock().unwrap_or_else(PoisonError::into_inner);
                    seen.entry(name).or_insert_with(second_of_this_day);
                }
            });
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_time_of_the_ready_line_is_found_in_both_forms_of_log() {
        let human = "2026-07-30T00:01:02.500000000Z 2026-07-30T00:01:02.4Z  INFO service::readiness: ready";
        assert_eq!(ready_line(human), Some(62.5));
        let json = "2026-07-30T01:00:00Z {\"level\":\"INFO\",\"message\":\"ready\"}";
        assert_eq!(ready_line(json), Some(3600.0));
        assert_eq!(ready_line("2026-07-30T01:00:00Z INFO not yet"), None);
        assert_eq!(ready_line(""), None);
    }

    #[test]
    fn a_drill_may_last_over_midnight() {
        assert_eq!(between(10.0, 12.5), 2.5);
        assert_eq!(between(DAY_S - 1.0, 1.0), 2.0);
        assert_eq!(between(1.0, DAY_S - 1.0), -2.0);
    }
}
