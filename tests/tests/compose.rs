//! The compose stack as `docker compose up` brings it up, with containers killed.
//! Runs where `RADIODECK_COMPOSE=1` says that Docker is set up (`make test` does both);
//! elsewhere it says so and runs nothing.

use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use e2e::compose::Compose;
use e2e::database;
use e2e::load::Load;
use e2e::scenarios::{self as must, READS};
use e2e::{http, poll};
use libtest_mimic::{Arguments, Trial};
use tokio::runtime::Runtime;

fn main() -> ExitCode {
    let mut arguments = Arguments::from_args();
    arguments.test_threads = Some(1);
    if std::env::var("RADIODECK_COMPOSE").as_deref() != Ok("1") && !arguments.list {
        eprintln!("SKIPPED: the compose stack is not tested: RADIODECK_COMPOSE=1 is not set (`make test` sets it)");
        return ExitCode::SUCCESS;
    }
    let runtime = Arc::new(Runtime::new().expect("a runtime"));
    let stack = if arguments.list {
        None
    } else {
        Some(Arc::new(Compose::up()))
    };

    macro_rules! trials {
        ($($test:path),+ $(,)?) => {
            vec![$({
                let (runtime, stack) = (runtime.clone(), stack.clone());
                Trial::test(concat!("compose::", stringify!($test)), move || {
                    let stack = stack.expect("not only listing");
                    runtime.block_on($test(&stack));
                    Ok(())
                })
            }),+]
        };
    }
    let trials = trials![
        the_site_and_the_api_answer,
        names_lead_to_the_published_balancers,
        either_balancer_serves_everything,
        each_balancer_sees_the_app_servers_for_itself,
        inside_the_private_network_names_lead_to_the_private_addresses,
        nothing_but_the_front_doors_is_published,
        no_container_runs_as_root_or_may_write_to_its_image,
        the_balancer_follows_the_number_of_app_servers,
        no_request_is_lost_when_an_app_container_is_killed,
        no_request_is_lost_when_an_app_container_is_stopped_and_started,
        no_read_is_lost_when_a_replica_is_killed,
        when_the_primary_is_killed_reads_go_on_and_another_node_takes_the_writes,
        a_switchover_costs_no_read_and_writes_go_on,
        nothing_fails_when_the_leader_of_etcd_is_killed,
        no_request_is_lost_to_who_tries_the_other_address_when_a_balancer_is_killed,
    ];
    let conclusion = libtest_mimic::run(&arguments, trials);
    drop(stack);
    conclusion.exit_code()
}

async fn the_site_and_the_api_answer(stack: &Compose) {
    let doors = stack.doors();
    must::the_home_page_shows_stations(doors).await;
    must::a_station_page_has_a_player(doors).await;
    must::the_api_speaks_json_and_xml(doors).await;
    must::the_apex_redirects_to_www(doors).await;
    must::hosts_are_checked(doors).await;
    must::bad_requests_are_clear_errors(doors).await;
    must::a_vote_counts_once(doors).await;
    must::every_app_server_is_used(doors, 2).await;
}

async fn names_lead_to_the_published_balancers(stack: &Compose) {
    must::names_lead_to_both_balancers(stack.doors()).await;
}

async fn either_balancer_serves_everything(stack: &Compose) {
    let browser = stack.browser();
    must::either_balancer_serves_everything(stack.doors(), &browser).await;
    must::a_tls_session_goes_on_with_the_other_balancer(stack.doors(), &browser).await;
}

/// Asked from within: the admin listener is not published.
async fn each_balancer_sees_the_app_servers_for_itself(stack: &Compose) {
    let script = r#"
        exec 3<>/dev/tcp/127.0.0.1/9100
        printf 'GET /status HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n' >&3
        timeout 3 cat <&3"#;
    for service in ["lb-1", "lb-2"] {
        let answer = stack.run(&["exec", "-T", service, "bash", "-c", script]);
        let (_, body) = answer
            .split_once("\r\n\r\n")
            .unwrap_or_else(|| panic!("{service}: {answer}"));
        let status = serde_json::from_str(body).unwrap_or_else(|error| panic!("{service}: {error}: {answer}"));
        must::sees_app_servers(&status, 2).unwrap_or_else(|seen| panic!("{service}: {seen}"));
    }
}

/// Asked from within a container of the private network, by the tools Postgres's image happens to have. Length, header,
/// question and two addresses are 68 bytes.
async fn inside_the_private_network_names_lead_to_the_private_addresses(stack: &Compose) {
    let replica = &stack.containers("pg-2")[0];
    // A question for www.radiodeck.si A, sent and read with bash alone.
    let script = r"
        exec 3<>/dev/tcp/dns/5300
        printf '\x00\x22\x12\x34\x00\x00\x00\x01\x00\x00\x00\x00\x00\x00\x03www\x09radiodeck\x02si\x00\x00\x01\x00\x01' >&3
        timeout 3 od -An -tu1 -N 68 <&3 | tr -s ' \n' ' '";
    let answer = stack.docker(&["exec", replica, "bash", "-c", script]);
    for private in ["0 4 172 30 79 10", "0 4 172 30 79 11"] {
        assert!(answer.contains(private), "no {private} in the answer: {answer}");
    }
}

async fn nothing_but_the_front_doors_is_published(stack: &Compose) {
    let published = stack.run(&["ps", "--format", "{{.Service}} {{.Ports}}"]);
    for line in published.lines().filter(|line| line.contains("->")) {
        assert!(
            line.starts_with("lb-") || line.starts_with("dns "),
            "published besides the front doors: {line}"
        );
        assert!(
            !line.contains("0.0.0.0:") && !line.contains("[::]:"),
            "published to the world: {line}"
        );
    }
}

async fn no_container_runs_as_root_or_may_write_to_its_image(stack: &Compose) {
    let ids = stack.run(&["ps", "--quiet"]);
    for id in ids.lines() {
        let facts = stack.docker(&[
            "inspect",
            "--format",
            "{{.Name}} {{.Config.User}} {{.HostConfig.ReadonlyRootfs}} {{.HostConfig.CapDrop}} {{.HostConfig.Memory}}",
            id,
        ]);
        let words: Vec<_> = facts.split_whitespace().collect();
        assert!(matches!(words[1], "10001" | "10001:10001"), "{facts}");
        assert_eq!(words[2], "true", "{facts}");
        assert_eq!(words[3], "[ALL]", "{facts}");
        assert_ne!(words[4], "0", "no memory limit: {facts}");
    }
}

async fn the_balancer_follows_the_number_of_app_servers(stack: &Compose) {
    stack.run(&["up", "--detach", "--no-recreate", "--scale", "app=3"]);
    must::every_app_server_is_used(stack.doors(), 3).await;
    let load = Load::start(stack.http, READS, 50);
    stack.run(&["up", "--detach", "--no-recreate", "--scale", "app=2"]);
    must::every_app_server_is_used(stack.doors(), 2).await;
    none_failed(load).await;
}

async fn no_request_is_lost_when_an_app_container_is_killed(stack: &Compose) {
    let victim = stack.containers("app")[0].clone();
    let load = Load::start(stack.http, READS, 100);
    tokio::time::sleep(Duration::from_secs(1)).await;
    stack.docker(&["kill", &victim]);
    tokio::time::sleep(Duration::from_secs(4)).await;
    stack.docker(&["start", &victim]);
    must::every_app_server_is_used(stack.doors(), 2).await;
    none_failed(load).await;
}

async fn no_request_is_lost_when_an_app_container_is_stopped_and_started(stack: &Compose) {
    let victim = stack.containers("app")[0].clone();
    let load = Load::start(stack.http, READS, 100);
    tokio::time::sleep(Duration::from_secs(1)).await;
    stack.docker(&["stop", &victim]);
    stack.docker(&["start", &victim]);
    must::every_app_server_is_used(stack.doors(), 2).await;
    none_failed(load).await;
}

async fn no_read_is_lost_when_a_replica_is_killed(stack: &Compose) {
    let primary = database::settled(stack).await;
    let victim = stack.containers(database::another_than(&primary))[0].clone();
    let load = Load::start(stack.http, READS, 100);
    tokio::time::sleep(Duration::from_secs(1)).await;
    stack.docker(&["kill", &victim]);
    tokio::time::sleep(Duration::from_secs(4)).await;
    must::writes_are_taken(stack.doors()).await;
    stack.docker(&["start", &victim]);
    assert_eq!(database::settled(stack).await, primary);
    none_failed(load).await;
}

async fn when_the_primary_is_killed_reads_go_on_and_another_node_takes_the_writes(stack: &Compose) {
    let primary = database::settled(stack).await;
    let victim = stack.containers(&primary)[0].clone();
    let load = Load::start(stack.http, READS, 50);
    stack.docker(&["kill", &victim]);
    must::writes_are_refused_and_reads_go_on(stack.doors()).await;
    must::writes_are_taken(stack.doors()).await;
    stack.docker(&["start", &victim]);
    assert_ne!(
        database::settled(stack).await,
        primary,
        "the old primary is a replica now"
    );
    none_failed(load).await;
}

async fn a_switchover_costs_no_read_and_writes_go_on(stack: &Compose) {
    let primary = database::settled(stack).await;
    let next = database::another_than(&primary);
    let load = Load::start(stack.http, READS, 50);
    let switchover = ["switchover", "--leader", &primary, "--candidate", next, "--force"];
    stack.run(&[&["exec", "-T", &primary, "patronictl"][..], &switchover].concat());
    must::writes_are_taken(stack.doors()).await;
    assert_eq!(database::settled(stack).await, next);
    none_failed(load).await;
}

async fn nothing_fails_when_the_leader_of_etcd_is_killed(stack: &Compose) {
    let primary = database::settled(stack).await;
    let leader = database::etcd_leader(stack);
    let victim = stack.containers(leader)[0].clone();
    let load = Load::start(stack.http, READS, 50);
    stack.docker(&["kill", &victim]);
    must::writes_are_taken(stack.doors()).await;
    stack.docker(&["start", &victim]);
    assert_eq!(database::settled(stack).await, primary, "the primary changed");
    none_failed(load).await;
}

/// The last test: the balancer that was killed is published elsewhere afterwards.
async fn no_request_is_lost_to_who_tries_the_other_address_when_a_balancer_is_killed(stack: &Compose) {
    let addresses = stack.balancers.map(|balancer| balancer.http);
    let load = Load::on_any(&addresses, READS, 100);
    tokio::time::sleep(Duration::from_secs(1)).await;
    stack.run(&["kill", "lb-1"]);
    tokio::time::sleep(Duration::from_secs(2)).await;
    let record = load.finish().await;
    assert!(record.failed.is_empty(), "of {}: {:#?}", record.sent, record.failed);
    assert!(record.elsewhere > 0, "the first balancer was never gone");
    must::names_lead_to(stack.doors(), &stack.balancers[1..]).await;
    stack.run(&["up", "--detach", "--no-recreate"]);
    let back = Compose::balancer("lb-1");
    poll::until(
        "the first balancer answers again",
        Duration::from_secs(30),
        async || http::get(back.http, must::WWW, "/").await,
    )
    .await;
    must::names_lead_to(stack.doors(), &stack.balancers).await;
}

async fn none_failed(load: Load) {
    let record = load.finish().await;
    assert!(
        record.failed.is_empty(),
        "{} of {} failed: {:#?}",
        record.failed.len(),
        record.sent,
        record.failed
    );
}
