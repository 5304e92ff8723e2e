//! The stack as `cargo run` brings it up, asked and broken as a user would. One
//! stack serves all tests, in order: the calm ones first.

use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use e2e::load::Load;
use e2e::scenarios::{self as must, Doors, READS};
use e2e::stack::Stack;
use e2e::{http, poll};
use libtest_mimic::{Arguments, Trial};
use tokio::runtime::Runtime;

fn main() -> ExitCode {
    let mut arguments = Arguments::from_args();
    arguments.test_threads = Some(1);
    let runtime = Arc::new(Runtime::new().expect("a runtime"));
    let folder = Stack::folder();
    let stack = if arguments.list {
        None
    } else {
        Some(Arc::new(runtime.block_on(Stack::start(folder.path()))))
    };

    macro_rules! trials {
        ($($test:path),+ $(,)?) => {
            vec![$({
                let (runtime, stack) = (runtime.clone(), stack.clone());
                let name = stringify!($test).rsplit("::").next().unwrap_or_default().trim();
                Trial::test(name, move || {
                    let stack = stack.expect("not only listing");
                    runtime.block_on($test(&stack));
                    Ok(())
                })
            }),+]
        };
    }
    let trials = trials![
        the_home_page_shows_stations,
        a_station_page_has_a_player,
        the_api_speaks_json_and_xml,
        the_apex_redirects_to_www,
        hosts_are_checked,
        bad_requests_are_clear_errors,
        a_vote_counts_once,
        every_app_server_is_used,
        names_lead_to_the_balancer,
        calm_days_leave_no_warning_in_the_log,
        no_request_is_lost_when_an_app_server_is_killed,
        no_request_is_lost_when_an_app_server_is_stopped,
        no_request_is_lost_when_an_app_server_freezes,
        no_read_is_lost_when_a_replica_is_killed,
        no_read_is_lost_when_a_replica_freezes,
        without_a_primary_reads_go_on_and_writes_are_refused,
    ];
    let conclusion = libtest_mimic::run(&arguments, trials);
    if let Some(stack) = stack {
        let stack = Arc::into_inner(stack).expect("every test has ended");
        runtime.block_on(stack.stop());
    }
    conclusion.exit_code()
}

fn doors(stack: &Stack) -> Doors {
    Doors {
        http: stack.http,
        dns_udp: stack.dns,
        dns_tcp: stack.dns,
    }
}

async fn the_home_page_shows_stations(stack: &Stack) {
    must::the_home_page_shows_stations(doors(stack)).await;
}

async fn a_station_page_has_a_player(stack: &Stack) {
    must::a_station_page_has_a_player(doors(stack)).await;
}

async fn the_api_speaks_json_and_xml(stack: &Stack) {
    must::the_api_speaks_json_and_xml(doors(stack)).await;
}

async fn the_apex_redirects_to_www(stack: &Stack) {
    must::the_apex_redirects_to_www(doors(stack)).await;
}

async fn hosts_are_checked(stack: &Stack) {
    must::hosts_are_checked(doors(stack)).await;
}

async fn bad_requests_are_clear_errors(stack: &Stack) {
    must::bad_requests_are_clear_errors(doors(stack)).await;
}

async fn a_vote_counts_once(stack: &Stack) {
    must::a_vote_counts_once(doors(stack)).await;
}

async fn every_app_server_is_used(stack: &Stack) {
    must::every_app_server_is_used(doors(stack), 2).await;
}

async fn names_lead_to_the_balancer(stack: &Stack) {
    must::names_lead_to_the_balancer(doors(stack)).await;
}

/// What the log warns of without a cause, nobody will read when there is one.
async fn calm_days_leave_no_warning_in_the_log(stack: &Stack) {
    let warnings: Vec<_> = stack
        .said()
        .into_iter()
        .filter(|line| line.contains("\"level\":\"WARN\"") || line.contains("\"level\":\"ERROR\""))
        .collect();
    assert!(warnings.is_empty(), "{}", warnings.join("\n"));
}

async fn no_request_is_lost_when_an_app_server_is_killed(stack: &Stack) {
    let before = stack.part("app-1");
    nothing_is_lost_while(stack, async || {
        stack.signal("app-1", "KILL");
        restarted(stack, "app-1", &before).await;
    })
    .await;
}

async fn no_request_is_lost_when_an_app_server_is_stopped(stack: &Stack) {
    let before = stack.part("app-2");
    nothing_is_lost_while(stack, async || {
        stack.signal("app-2", "TERM");
        restarted(stack, "app-2", &before).await;
    })
    .await;
}

/// Its connections stay open and nothing answers: the worst way to go.
async fn no_request_is_lost_when_an_app_server_freezes(stack: &Stack) {
    nothing_is_lost_while(stack, async || {
        stack.signal("app-1", "STOP");
        // Until the balancer knows, requests must have found the other one; and after.
        poll::until("app-1 gets no requests", Duration::from_secs(20), async || {
            for _ in 0..6 {
                let answer = http::get(stack.http, must::WWW, "/").await?;
                if answer.header("x-served-by") == "app-1" {
                    return Err(format!("{answer:?}"));
                }
            }
            Ok::<_, String>(())
        })
        .await;
        stack.signal("app-1", "CONT");
        must::every_app_server_is_used(doors(stack), 2).await;
    })
    .await;
}

async fn no_read_is_lost_when_a_replica_is_killed(stack: &Stack) {
    let before = stack.part("pg-2");
    nothing_is_lost_while(stack, async || {
        stack.signal("pg-2", "KILL");
        restarted(stack, "pg-2", &before).await;
    })
    .await;
}

async fn no_read_is_lost_when_a_replica_freezes(stack: &Stack) {
    let postmaster = stack.part("pg-3")["pid"].as_u64().expect("pid").to_string();
    nothing_is_lost_while(stack, async || {
        signal_family(&postmaster, "STOP");
        poll::until(
            "reads pass the frozen replica by",
            Duration::from_secs(15),
            async || http::get(stack.http, must::WWW, "/").await,
        )
        .await;
        // Long enough for every pooled connection to have met the silence.
        tokio::time::sleep(Duration::from_secs(3)).await;
        signal_family(&postmaster, "CONT");
    })
    .await;
}

async fn without_a_primary_reads_go_on_and_writes_are_refused(stack: &Stack) {
    let postmaster = stack.part("pg-1")["pid"].as_u64().expect("pid").to_string();
    let load = Load::start(stack.http, READS, 100);
    signal_family(&postmaster, "STOP");
    must::writes_are_refused_and_reads_go_on(doors(stack)).await;
    signal_family(&postmaster, "CONT");
    must::writes_are_taken(doors(stack)).await;
    let record = load.finish().await;
    assert!(
        record.failed.is_empty(),
        "{} of {} failed: {:#?}",
        record.failed.len(),
        record.sent,
        record.failed
    );
}

/// Runs `breaking` under a steady load and for a second beyond it.
async fn nothing_is_lost_while(stack: &Stack, breaking: impl AsyncFnOnce()) {
    let load = Load::start(stack.http, READS, 100);
    tokio::time::sleep(Duration::from_secs(1)).await;
    breaking().await;
    tokio::time::sleep(Duration::from_secs(1)).await;
    let record = load.finish().await;
    assert!(
        record.failed.is_empty(),
        "{} of {} failed: {:#?}",
        record.failed.len(),
        record.sent,
        record.failed
    );
}

/// Waits until the supervisor has put another process in the place of `before`.
async fn restarted(stack: &Stack, name: &str, before: &serde_json::Value) {
    poll::until(&format!("{name} is restarted"), Duration::from_secs(60), async || {
        let now = stack.part(name);
        if now["pid"].is_u64() && now["pid"] != before["pid"] {
            Ok(())
        } else {
            Err(now)
        }
    })
    .await;
}

/// A frozen Postgres is the postmaster and all its children.
fn signal_family(postmaster: &str, signal: &str) {
    let children = std::process::Command::new("ps")
        .args(["-o", "pid=", "--ppid", postmaster])
        .output()
        .expect("ps runs");
    let children = String::from_utf8_lossy(&children.stdout).into_owned();
    let pids = std::iter::once(postmaster).chain(children.split_whitespace());
    // A backend may end between the two commands.
    let _some_may_be_gone = std::process::Command::new("kill")
        .arg(format!("-{signal}"))
        .args(pids)
        .status()
        .expect("kill runs");
}
