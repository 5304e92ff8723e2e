//! Servers that an operator takes out and puts back.

mod support;

use std::sync::atomic::Ordering;
use std::time::Duration;

use support::{App, Balancer, Client, Reply, eventually, get};

async fn tell(balancer: &Balancer, app: &App, word: &str) -> serde_json::Value {
    let answer = balancer
        .post(&format!("/pools/app/servers/{}/{word}", app.address))
        .await;
    assert_eq!(answer.status, 200, "{answer:?}");
    serde_json::from_slice(&answer.body).expect("JSON")
}

#[tokio::test(flavor = "multi_thread")]
async fn a_drained_server_gets_nothing_new_and_comes_back_when_enabled() {
    let apps = [App::saying("a").await, App::saying("b").await];
    let balancer = Balancer::in_front_of(&[&apps[0], &apps[1]], "", "").await;
    for (word, admin) in [("drain", "draining"), ("disable", "disabled")] {
        let told = tell(&balancer, &apps[0], word).await;
        assert_eq!((&told["admin"], &told["enabled_servers"]), (&admin.into(), &1.into()));
        let before = apps[0].count();
        for _ in 0..10 {
            assert_eq!(get(balancer.address, "a", "/").await.text(), "b");
        }
        assert_eq!(apps[0].count(), before);
        let status = balancer.status().await;
        assert!(
            status.to_string().contains(&format!("\"state\":\"{admin}\"")),
            "{status:#}"
        );

        assert_eq!(tell(&balancer, &apps[0], "enable").await["enabled_servers"], 2);
        for _ in 0..10 {
            get(balancer.address, "a", "/").await;
        }
        assert_eq!(apps[0].count(), before + 5);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_under_way_on_a_disabled_server_is_finished_and_its_idle_connections_are_closed() {
    let app = App::doing(|seen| match seen.line() {
        "GET /slow HTTP/1.1" => Reply::Slow(Duration::from_millis(600), "late"),
        _ => Reply::Ok("quick"),
    })
    .await;
    let other = App::saying("other").await;
    let kept = "upstream.idle_ms = 3600000";
    let balancer = Balancer::in_front_of(&[&app, &other], kept, "workers = 1").await;
    // One connection is idle, another busy.
    for _ in 0..2 {
        get(balancer.address, "a", "/").await;
    }
    let mut slow = Vec::new();
    for _ in 0..2 {
        let mut client = Client::connect(balancer.address).await;
        client.send("GET /slow HTTP/1.1\r\nHost: a\r\n\r\n").await;
        slow.push(client);
    }
    eventually("under way", async || match balancer.metric("lb_server_in_flight") {
        1.. if app.count() == 2 => Ok(()),
        other => Err(format!("{other} in flight")),
    })
    .await;
    assert_eq!(tell(&balancer, &app, "disable").await["in_flight"], 1);
    let mut texts = Vec::new();
    for client in &mut slow {
        texts.push(client.read("GET").await.text());
    }
    texts.sort();
    assert_eq!(texts, ["late", "other"]);
    eventually("no connection is left", async || match app.open_connections() {
        0 => Ok(()),
        open => Err(format!("{open} open")),
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_pool_that_fails_open_leaves_out_what_the_operator_took_out() {
    let apps = [App::saying("a").await, App::saying("b").await, App::saying("c").await];
    let balancer = Balancer::in_front_of(&[&apps[0], &apps[1], &apps[2]], "", "").await;
    tell(&balancer, &apps[0], "disable").await;
    tell(&balancer, &apps[1], "drain").await;
    for app in &apps {
        app.healthy.store(false, Ordering::Relaxed);
    }
    balancer.wait_for_healthy(0).await;
    for _ in 0..10 {
        assert_eq!(get(balancer.address, "a", "/").await.text(), "c");
    }
    // And if that is all of them, nobody answers.
    tell(&balancer, &apps[2], "disable").await;
    let answer = get(balancer.address, "a", "/").await;
    assert_eq!((answer.status, answer.header("retry-after")), (503, Some("1")));
    assert_eq!((apps[0].count(), apps[1].count()), (0, 0));
}

#[tokio::test(flavor = "multi_thread")]
async fn the_word_holds_over_lookups_and_checks() {
    let app = App::saying("a").await;
    let other = App::saying("b").await;
    let balancer = Balancer::start(&format!(
        "[[routes]]\nhost = \"*\"\npool = \"app\"\n[[pools]]\nname = \"app\"\n\
         servers = [\"dns:localhost:{}\", \"{}\"]\ndiscovery_interval_ms = 50\ncheck.interval_ms = 20",
        app.address.port(),
        other.address
    ))
    .await;
    balancer.wait_for_healthy(2).await;
    tell(&balancer, &app, "drain").await;
    // It fails its checks and passes them again, and is looked up all the while.
    for (healthy, count) in [(false, 1), (true, 1)] {
        app.healthy.store(healthy, Ordering::Relaxed);
        let verdict = format!("\"healthy\":{healthy}");
        eventually("the verdict", async || {
            let status = balancer.status().await;
            let servers = status["lb"]["pools"][0]["servers"].as_array().expect("a list").clone();
            let ours = servers
                .iter()
                .find(|server| server["address"] == app.address.to_string());
            let ours = ours.expect("a member").to_string();
            if ours.contains(&verdict) { Ok(()) } else { Err(ours) }
        })
        .await;
        balancer.wait_for_healthy(count).await;
        for _ in 0..4 {
            assert_eq!(get(balancer.address, "a", "/").await.text(), "b");
        }
    }
    assert_eq!(app.count(), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_word_holds_over_a_reload() {
    let apps = [App::saying("a").await, App::saying("b").await];
    let config = |more: &str| {
        format!(
            "listen = \"127.0.0.1:0\"\nworkers = 2\n[[routes]]\nhost = \"*\"\npool = \"app\"\n[[pools]]\n\
             name = \"app\"\nservers = [\"{}\", \"{}\"]\ncheck.interval_ms = 50\n{more}",
            apps[0].address, apps[1].address
        )
    };
    let file = tempfile::NamedTempFile::new().expect("a temporary file");
    std::fs::write(file.path(), config("")).expect("written");
    let balancer = Balancer::from_file(file.path()).await;
    balancer.wait_for_healthy(2).await;
    tell(&balancer, &apps[0], "drain").await;
    std::fs::write(file.path(), config("balance = \"least_requests\"")).expect("written");
    balancer.context.reload().await.expect("reloadable").expect("taken");
    for _ in 0..10 {
        assert_eq!(get(balancer.address, "a", "/").await.text(), "b");
    }
    assert_eq!(balancer.status().await["lb"]["pools"][0]["balance"], "least_requests");
    tell(&balancer, &apps[0], "enable").await;
    for _ in 0..10 {
        get(balancer.address, "a", "/").await;
    }
    assert_eq!(apps[0].count(), 5);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_cannot_be_done_says_why() {
    let app = App::saying("a").await;
    let balancer = Balancer::in_front_of(&[&app], "", "").await;
    for (path, reason) in [
        (format!("/pools/other/servers/{}/drain", app.address), "no pool `other`"),
        (
            "/pools/app/servers/127.0.0.1:1/drain".into(),
            "no server at this address",
        ),
        ("/pools/app/servers/app/drain".into(), "ADDRESS:PORT"),
        (
            format!("/pools/app/servers/{}/stop", app.address),
            "enable, drain and disable",
        ),
    ] {
        let answer = balancer.post(&path).await;
        assert_eq!(answer.status, 404, "{path}");
        assert!(answer.text().contains(reason), "{path}: {}", answer.text());
    }
    let page = "POST /pools/app/servers/x/drain HTTP/1.1\r\nHost: a\r\nOrigin: http://a\r\nConnection: close\r\n\r\n";
    assert_eq!(support::request(balancer.admin, page).await.status, 403);
}
