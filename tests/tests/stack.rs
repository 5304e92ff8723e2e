//! The stack as `cargo run` brings it up, asked and broken as a user would. One
//! stack serves all tests, in order: the calm ones first.

use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use e2e::load::Load;
use e2e::scenarios::{self as must, READS};
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
        names_lead_to_both_balancers,
        either_balancer_serves_everything,
        a_tls_session_goes_on_with_the_other_balancer,
        calm_days_leave_no_warning_in_the_log,
        no_request_is_lost_when_an_app_server_is_killed,
        no_request_is_lost_when_an_app_server_is_stopped,
        no_request_is_lost_when_an_app_server_freezes,
        each_balancer_sees_for_itself_that_an_app_server_freezes,
        no_request_is_lost_to_who_tries_the_other_address_when_a_balancer_is_killed,
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

async fn the_home_page_shows_stations(stack: &Stack) {
    must::the_home_page_shows_stations(stack.doors()).await;
}

async fn a_station_page_has_a_player(stack: &Stack) {
    must::a_station_page_has_a_player(stack.doors()).await;
}

async fn the_api_speaks_json_and_xml(stack: &Stack) {
    must::the_api_speaks_json_and_xml(stack.doors()).await;
}

async fn the_apex_redirects_to_www(stack: &Stack) {
    must::the_apex_redirects_to_www(stack.doors()).await;
}

async fn hosts_are_checked(stack: &Stack) {
    must::hosts_are_checked(stack.doors()).await;
}

async fn bad_requests_are_clear_errors(stack: &Stack) {
    must::bad_requests_are_clear_errors(stack.doors()).await;
}

async fn a_vote_counts_once(stack: &Stack) {
    must::a_vote_counts_once(stack.doors()).await;
}

async fn every_app_server_is_used(stack: &Stack) {
    must::every_app_server_is_used(stack.doors(), 2).await;
}

async fn names_lead_to_both_balancers(stack: &Stack) {
    must::names_lead_to_both_balancers(stack.doors()).await;
}

async fn either_balancer_serves_everything(stack: &Stack) {
    must::either_balancer_serves_everything(stack.doors(), &stack.browser()).await;
}

async fn a_tls_session_goes_on_with_the_other_balancer(stack: &Stack) {
    must::a_tls_session_goes_on_with_the_other_balancer(stack.doors(), &stack.browser()).await;
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
        must::every_app_server_is_used(stack.doors(), 2).await;
    })
    .await;
}

/// The second one, too, to which nobody sends anything.
async fn each_balancer_sees_for_itself_that_an_app_server_freezes(stack: &Stack) {
    let both_see = async |servers: usize| {
        for name in ["lb-1", "lb-2"] {
            let admin = stack.part(name)["admin"].as_str().and_then(|addr| addr.parse().ok());
            let admin = admin.unwrap_or_else(|| panic!("{name} has no admin listener"));
            poll::until(
                &format!("{name} sees {servers} app servers"),
                Duration::from_secs(20),
                async || must::sees_app_servers(&http::get(admin, "localhost", "/status").await?.json(), servers),
            )
            .await;
        }
    };
    both_see(2).await;
    stack.signal("app-1", "STOP");
    both_see(1).await;
    stack.signal("app-1", "CONT");
    both_see(2).await;
}

async fn no_request_is_lost_to_who_tries_the_other_address_when_a_balancer_is_killed(stack: &Stack) {
    let before = stack.part("lb-1");
    let addresses = stack.doors().balancers.map(|balancer| balancer.http);
    let load = Load::on_any(&addresses, READS, 100);
    tokio::time::sleep(Duration::from_secs(1)).await;
    stack.signal("lb-1", "KILL");
    restarted(stack, "lb-1", &before).await;
    tokio::time::sleep(Duration::from_secs(1)).await;
    let record = load.finish().await;
    assert!(record.failed.is_empty(), "of {}: {:#?}", record.sent, record.failed);
    assert!(record.elsewhere > 0, "the first balancer was never gone");
    // It is back where it was, for clients that know it alone.
    poll::until("the first balancer answers", Duration::from_secs(20), async || {
        http::get(addresses[0], must::WWW, "/").await
    })
    .await;
    must::names_lead_to(stack.doors(), &stack.doors().balancers).await;
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
    must::writes_are_refused_and_reads_go_on(stack.doors()).await;
    signal_family(&postmaster, "CONT");
    must::writes_are_taken(stack.doors()).await;
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
