//! Which request goes where.

mod support;

use support::{App, Balancer, Client, get, request};

/// The built-in routes of both zones in front of one server.
async fn both_zones(app: &App) -> Balancer {
    let pool = format!(
        "[[pools]]\nname = \"app\"\nservers = [\"{}\"]\ncheck.interval_ms = 50",
        app.address
    );
    let balancer = Balancer::start(&pool).await;
    balancer.wait_for_healthy(1).await;
    balancer
}

#[tokio::test(flavor = "multi_thread")]
async fn www_and_api_of_both_zones_reach_a_server() {
    let app = App::saying("hello").await;
    let balancer = both_zones(&app).await;
    for host in [
        "www.radiodeck.localhost",
        "api.radiodeck.si",
        "WWW.RadioDeck.SI:8080",
        "api.radiodeck.localhost.",
        "www.radiodeck.localhost.:80",
    ] {
        let answer = get(balancer.address, host, "/x?y=%zz").await;
        assert_eq!((answer.status, &*answer.text()), (200, "hello"), "{host}: {answer:?}");
    }
    for seen in app.seen() {
        assert_eq!(seen.line(), "GET /x?y=%zz HTTP/1.1");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_apex_sends_to_www_with_port_path_and_query_as_they_are() {
    let app = App::saying("hello").await;
    let balancer = both_zones(&app).await;
    let answer = get(balancer.address, "radiodeck.localhost:8080", "//a/%2F/../b?c=%&d").await;
    assert_eq!(answer.status, 308, "{answer:?}");
    assert_eq!(
        answer.header("location"),
        Some("http://www.radiodeck.localhost:8080//a/%2F/../b?c=%&d")
    );
    let answer = request(
        balancer.address,
        "POST / HTTP/1.1\r\nHost: radiodeck.si\r\nContent-Length: 2\r\n\r\nhi",
    )
    .await;
    assert_eq!(
        (answer.status, answer.header("location")),
        (308, Some("http://www.radiodeck.si/"))
    );
    assert_eq!(app.count(), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn any_other_host_is_not_found() {
    let app = App::saying("hello").await;
    let balancer = both_zones(&app).await;
    for host in [
        "other.radiodeck.localhost",
        "localhost",
        "127.0.0.1",
        "[::1]:8080",
        "xwww.radiodeck.si",
    ] {
        let answer = get(balancer.address, host, "/").await;
        assert_eq!(answer.status, 404, "{host}: {answer:?}");
        assert!(answer.text().contains("<h1>404"), "{answer:?}");
    }
    assert_eq!(app.count(), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn rfc_9112_3_2_2_an_absolute_target_overrides_the_host_header() {
    let app = App::saying("hello").await;
    let balancer = both_zones(&app).await;
    let bytes = "GET http://www.radiodeck.localhost/a?b HTTP/1.1\r\nHost: other.example\r\n\r\n";
    assert_eq!(request(balancer.address, bytes).await.status, 200);
    let seen = app.only();
    assert_eq!(seen.line(), "GET /a?b HTTP/1.1");
    assert_eq!(seen.header("host"), ["www.radiodeck.localhost"]);
    let bytes = "GET http://other.example/ HTTP/1.1\r\nHost: www.radiodeck.localhost\r\n\r\n";
    assert_eq!(request(balancer.address, bytes).await.status, 404);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_balancer_answers_for_its_own_health_on_any_host() {
    let balancer = Balancer::start("").await;
    for host in ["127.0.0.1:1", "www.radiodeck.localhost", "x"] {
        let answer = get(balancer.address, host, "/.lb/health").await;
        assert_eq!((answer.status, &*answer.text()), (200, "ok"), "{answer:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_pool_without_a_server_is_503_with_retry_after_as_json_on_the_api_host() {
    let balancer = Balancer::start("[[pools]]\nname = \"app\"\nservers = [\"dns:nobody.invalid:80\"]").await;
    let answer = get(balancer.address, "api.radiodeck.localhost", "/").await;
    assert_eq!(
        (answer.status, answer.header("retry-after")),
        (503, Some("1")),
        "{answer:?}"
    );
    assert_eq!(answer.header("content-type"), Some("application/problem+json"));
    assert!(answer.header("x-request-id").is_some());
    let answer = get(balancer.address, "www.radiodeck.localhost", "/").await;
    assert_eq!(answer.header("content-type"), Some("text/html; charset=utf-8"));
}

#[tokio::test(flavor = "multi_thread")]
async fn rfc_9110_7_6_2_options_stops_where_max_forwards_says() {
    let app = App::saying("").await;
    let balancer = both_zones(&app).await;
    let options = |target: &str, hops: u32| {
        format!("OPTIONS {target} HTTP/1.1\r\nHost: www.radiodeck.localhost\r\nMax-Forwards: {hops}\r\n\r\n")
    };
    let answer = request(balancer.address, options("*", 0)).await;
    assert_eq!(answer.status, 204, "{answer:?}");
    assert!(answer.header("allow").is_some());
    assert_eq!(app.count(), 0);
    assert_eq!(request(balancer.address, options("*", 5)).await.status, 200);
    let seen = app.only();
    assert_eq!(
        (seen.line(), seen.header("max-forwards")),
        ("OPTIONS * HTTP/1.1", vec!["4"])
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn requests_that_come_in_one_piece_are_answered_in_order() {
    let app = App::doing(|seen| match seen.line() {
        "GET /slow HTTP/1.1" => support::Reply::Slow(std::time::Duration::from_millis(100), "slow"),
        _ => support::Reply::Ok("fast"),
    })
    .await;
    let balancer = both_zones(&app).await;
    let mut client = Client::connect(balancer.address).await;
    let get = |path| format!("GET {path} HTTP/1.1\r\nHost: www.radiodeck.localhost\r\n\r\n");
    client
        .send(format!("{}{}{}", get("/slow"), get("/fast"), get("/#bad")))
        .await;
    assert_eq!(client.read("GET").await.text(), "slow");
    assert_eq!(client.read("GET").await.text(), "fast");
    assert_eq!(client.read("GET").await.status, 400);
    assert!(client.is_closed().await);
}
