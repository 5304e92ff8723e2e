//! Who gets how much, and how servers are found.

mod support;

use std::sync::atomic::Ordering;

use support::{App, Balancer, Client, eventually, get};

#[tokio::test(flavor = "multi_thread")]
async fn round_robin_is_round_over_all_workers_and_connections() {
    let apps = [App::saying("a").await, App::saying("b").await, App::saying("c").await];
    let balancer = Balancer::in_front_of(&[&apps[0], &apps[1], &apps[2]], "", "workers = 4").await;
    let mut clients = Vec::new();
    for _ in 0..16 {
        clients.push(Client::connect(balancer.address).await);
    }
    let tasks = clients.into_iter().enumerate().map(|(index, mut client)| {
        tokio::spawn(async move {
            // Not all connections are equally busy.
            for _ in 0..(index + 1) * 15 {
                client.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n").await;
                assert_eq!(client.read("GET").await.status, 200);
            }
        })
    });
    for task in tasks.collect::<Vec<_>>() {
        task.await.expect("answered");
    }
    let counts: Vec<usize> = apps.iter().map(App::count).collect();
    let (low, high) = (counts.iter().min().expect("some"), counts.iter().max().expect("some"));
    assert_eq!(counts.iter().sum::<usize>(), 2040);
    assert!(high - low <= 7, "more than 1% apart: {counts:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn every_address_of_a_name_is_a_server() {
    let app = App::saying("found").await;
    let balancer = Balancer::start(&format!(
        "[[routes]]\nhost = \"*\"\npool = \"app\"\n[[pools]]\nname = \"app\"\nservers = [\"dns:localhost:{}\"]\n\
         check.interval_ms = 50",
        app.address.port()
    ))
    .await;
    balancer.wait_for_healthy(1).await;
    for _ in 0..10 {
        assert_eq!(get(balancer.address, "a", "/").await.text(), "found");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_comes_up_later_gets_its_share() {
    let apps = [App::saying("a").await, App::saying("b").await];
    apps[1].healthy.store(false, Ordering::Relaxed);
    let balancer = Balancer::start(&format!(
        "[[routes]]\nhost = \"*\"\npool = \"app\"\n[[pools]]\nname = \"app\"\nservers = [\"{}\", \"{}\"]\n\
         check.interval_ms = 50",
        apps[0].address, apps[1].address
    ))
    .await;
    balancer.wait_for_healthy(1).await;
    for _ in 0..10 {
        assert_eq!(get(balancer.address, "a", "/").await.text(), "a");
    }
    apps[1].healthy.store(true, Ordering::Relaxed);
    balancer.wait_for_healthy(2).await;
    for _ in 0..10 {
        get(balancer.address, "a", "/").await;
    }
    assert_eq!(apps[1].count(), 5);
}

#[tokio::test(flavor = "multi_thread")]
async fn when_no_server_is_healthy_all_of_them_are_tried() {
    let apps = [App::saying("a").await, App::saying("b").await];
    let balancer = Balancer::in_front_of(&[&apps[0], &apps[1]], "", "").await;
    for app in &apps {
        app.healthy.store(false, Ordering::Relaxed);
    }
    balancer.wait_for_healthy(0).await;
    for _ in 0..10 {
        assert_eq!(get(balancer.address, "a", "/").await.status, 200);
    }
    assert_eq!((apps[0].count(), apps[1].count()), (5, 5));
}

#[tokio::test(flavor = "multi_thread")]
async fn metrics_tell_pools_servers_and_codes_apart() {
    let app = App::saying("a").await;
    let balancer = Balancer::in_front_of(&[&app], "", "").await;
    for _ in 0..3 {
        get(balancer.address, "a", "/").await;
    }
    get(balancer.address, "a b", "/").await;
    let server = format!(
        "radiodeck_lb_server_requests_total{{pool=\"app\",server=\"{}\",code=\"2xx\"}} 3",
        app.address
    );
    eventually("counted", async || {
        let metrics = balancer.metrics();
        let expected = [
            "radiodeck_lb_requests_total{pool=\"app\",code=\"2xx\"} 3",
            &server,
            "radiodeck_lb_own_answers_total{code=\"4xx\"} 1",
            "radiodeck_lb_latency_seconds_count{pool=\"app\"} 3",
        ];
        match expected.iter().find(|line| !metrics.contains(**line)) {
            None => Ok(()),
            Some(missing) => Err(format!("{missing} is missing in\n{metrics}")),
        }
    })
    .await;
}
