//! What passes a check, and what live traffic says beside it.

mod support;

use support::{App, Balancer, Reply, eventually, get};

/// A server whose health path is one of its own.
async fn app(answer: &'static str) -> App {
    App::doing(move |seen| match seen.line() {
        "GET /own HTTP/1.1" => Reply::Raw(answer.into()),
        _ => Reply::Ok("hi"),
    })
    .await
}

/// Starts a balancer that checks `app` by its own path.
async fn checking(app: &App, check: &str) -> Balancer {
    Balancer::start(&format!(
        "[[routes]]\nhost = \"*\"\npool = \"app\"\n[[pools]]\nname = \"app\"\nservers = [\"{}\"]\n\
         check.path = \"/own\"\ncheck.interval_ms = 50\ncheck.timeout_ms = 300\n{check}",
        app.address
    ))
    .await
}

async fn reason(balancer: &Balancer, wanted: &str) {
    eventually(wanted, async || {
        let status = balancer.status().await;
        let server = &status["lb"]["pools"][0]["servers"][0];
        match server["reason"].as_str() {
            Some(reason) if reason.contains(wanted) => Ok(()),
            _ => Err(format!("{server:#}")),
        }
    })
    .await;
}

const NO_CONTENT: &str = "HTTP/1.1 204 No Content\r\n\r\n";
const REFUSED: &str = "HTTP/1.1 401 Unauthorized\r\nContent-Length: 0\r\n\r\n";
const PARTS: &str =
    "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nall \r\n6\r\nis wel\r\n1\r\nl\r\n0\r\n\r\n";

#[tokio::test(flavor = "multi_thread")]
async fn statuses_that_were_listed_pass_and_no_others() {
    let refusing = app(REFUSED).await;
    let balancer = checking(&refusing, "check.status = [\"204\", \"400-403\"]").await;
    balancer.wait_for_healthy(1).await;
    let balancer = checking(&refusing, "").await;
    reason(&balancer, "answered 401").await;
    balancer.wait_for_healthy(0).await;
    let silent = app(NO_CONTENT).await;
    checking(&silent, "").await.wait_for_healthy(1).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_body_must_hold_the_text_however_it_is_framed() {
    let app = app(PARTS).await;
    checking(&app, "check.body = \"is well\"")
        .await
        .wait_for_healthy(1)
        .await;
    let balancer = checking(&app, "check.body = \"is bad\"").await;
    reason(&balancer, "lacks the text").await;
    balancer.wait_for_healthy(0).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_check_says_the_host_it_was_told_to() {
    let app = app(NO_CONTENT).await;
    checking(&app, "check.host = \"www.example\"")
        .await
        .wait_for_healthy(1)
        .await;
    assert_eq!(app.seen()[0].header("host"), ["www.example"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn only_http_is_an_answer() {
    let other = app("SSH-2.0-OpenSSH_9.2\r\n\r\n").await;
    let balancer = checking(&other, "").await;
    reason(&balancer, "invalid HTTP").await;
    balancer.wait_for_healthy(0).await;
}

const ERROR: &str = "HTTP/1.1 500 Internal Server Error\r\nContent-Length: 0\r\n\r\n";

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_answers_with_errors_is_ejected_if_that_was_asked_for() {
    for (percent, ejections) in [(30, 1), (0, 0)] {
        let good = App::saying("good").await;
        let bad = App::doing(|_| Reply::Raw(ERROR.into())).await;
        let pool = format!("ejection.error_percent = {percent}\nejection.error_min_requests = 10");
        let balancer = Balancer::in_front_of(&[&good, &bad], &pool, "").await;
        // The window begins when somebody looks.
        eventually("a verdict", async || {
            for _ in 0..10 {
                get(balancer.address, "a", "/").await;
            }
            let enough = if ejections == 0 {
                bad.count() >= 50
            } else {
                balancer.metric("lb_ejections_total") > 0
            };
            if enough {
                Ok(())
            } else {
                Err(format!("{} errors", bad.count()))
            }
        })
        .await;
        assert_eq!(balancer.metric("lb_ejections_total"), ejections);
        if ejections > 0 {
            balancer.wait_for_healthy(1).await;
            for _ in 0..10 {
                assert_eq!(get(balancer.address, "a", "/").await.text(), "good");
            }
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn servers_that_all_answer_with_errors_are_all_kept() {
    let apps = [
        App::doing(|_| Reply::Raw(ERROR.into())).await,
        App::doing(|_| Reply::Raw(ERROR.into())).await,
        App::doing(|_| Reply::Raw(ERROR.into())).await,
    ];
    let pool = "ejection.error_percent = 10\nejection.error_min_requests = 10";
    let balancer = Balancer::in_front_of(&[&apps[0], &apps[1], &apps[2]], pool, "").await;
    for _ in 0..200 {
        assert_eq!(get(balancer.address, "a", "/").await.status, 500);
    }
    assert_eq!(balancer.metric("lb_ejections_total"), 0);
}
