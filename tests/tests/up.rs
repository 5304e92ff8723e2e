//! `radiodeck up` over its whole life: restarts, collisions and hard ends.

use std::process::Command;

use e2e::binaries::binary;
use e2e::http::get;
use e2e::scenarios::{self as must, API};
use e2e::stack::Stack;

async fn votes(stack: &Stack, uuid: &str) -> i64 {
    let answer = get(stack.http, API, &format!("/json/stations/byuuid/{uuid}"))
        .await
        .expect("an answer");
    answer.json()[0]["votes"].as_i64().expect("votes")
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_written_is_there_after_a_stop_and_after_a_hard_kill() {
    let folder = Stack::folder();
    let stack = Stack::start(folder.path()).await;
    let station = must::any_station(stack.doors()).await;
    let uuid = station["stationuuid"].as_str().expect("stationuuid").to_owned();
    let before = votes(&stack, &uuid).await;
    must::a_vote_counts_once(stack.doors()).await;
    stack.stop().await;

    let mut stack = Stack::start(folder.path()).await;
    assert_eq!(votes(&stack, &uuid).await, before + 1);
    // Nobody is left to stop the services and Postgres in order.
    stack.kill_hard().await;
    drop(stack);

    let stack = Stack::start(folder.path()).await;
    assert_eq!(votes(&stack, &uuid).await, before + 1);
    must::names_lead_to_both_balancers(stack.doors()).await;
    stack.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_second_stack_on_the_same_folder_or_port_is_refused_with_the_reason() {
    let folder = Stack::folder();
    let stack = Stack::start(folder.path()).await;
    let up = |data: &std::path::Path, port: &str| {
        let output = Command::new(binary("radiodeck"))
            .args([
                "up",
                "--http-port",
                port,
                "--https-port",
                "0",
                "--dns-port",
                "0",
                "--data",
            ])
            .arg(data)
            .env_remove("CARGO_MANIFEST_DIR")
            .output()
            .expect("radiodeck runs");
        assert!(!output.status.success());
        String::from_utf8_lossy(&output.stderr).into_owned()
    };
    let same_folder = up(folder.path(), "0");
    assert!(
        same_folder.contains(&folder.path().display().to_string()),
        "the folder is not named: {same_folder}"
    );
    let other = Stack::folder();
    let port = stack.http.port().to_string();
    let same_port = up(other.path(), &port);
    assert!(same_port.contains(&port), "the port is not named: {same_port}");
    must::the_home_page_shows_stations(stack.doors()).await;
    stack.stop().await;
}
