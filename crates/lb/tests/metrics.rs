//! The page that Prometheus reads.

mod support;

use std::collections::{BTreeMap, BTreeSet};

use support::{App, Balancer, Reply, eventually, get, request};

/// One family of the page.
#[derive(Debug, Default)]
struct Family {
    kind: String,
    help: String,
    unit: Option<String>,
    /// Name and labels of a series, as written, and its value.
    series: BTreeMap<String, f64>,
}

/// Reads a page as the OpenMetrics text format has it, and strictly.
fn parse(page: &str) -> BTreeMap<String, Family> {
    let body = page.strip_suffix("# EOF\n").expect("an end");
    let mut families: BTreeMap<String, Family> = BTreeMap::new();
    let mut current = String::new();
    for line in body.lines() {
        if let Some(comment) = line.strip_prefix("# ") {
            let (what, rest) = comment.split_once(' ').expect(line);
            let (name, text) = rest.split_once(' ').expect(line);
            if what == "HELP" {
                assert!(!families.contains_key(name), "{name} comes twice");
                current = name.to_owned();
            }
            assert_eq!(name, current, "metadata of another family: {line}");
            let family = families.entry(name.to_owned()).or_default();
            match what {
                "HELP" => family.help = text.to_owned(),
                "TYPE" => family.kind = text.to_owned(),
                "UNIT" => family.unit = Some(text.to_owned()),
                _ => panic!("{line}"),
            }
            continue;
        }
        let (series, value) = line.rsplit_once(' ').expect(line);
        let family = families.get_mut(&current).expect("metadata first");
        let value = value.parse().unwrap_or_else(|_| panic!("{line}"));
        let before = family.series.insert(series.to_owned(), value);
        assert!(before.is_none(), "{series} comes twice");
    }
    families
}

async fn page(balancer: &Balancer) -> BTreeMap<String, Family> {
    parse(&balancer.metrics())
}

#[tokio::test(flavor = "multi_thread")]
async fn every_family_is_named_and_explained_as_openmetrics_wants_it() {
    let app = App::saying("hi").await;
    let balancer = Balancer::in_front_of(&[&app], "", "").await;
    get(balancer.address, "a", "/").await;
    for (name, family) in page(&balancer).await {
        assert!(name.starts_with("radiodeck_lb_"), "{name}");
        assert!(family.help.len() > 10, "{name}: {family:?}");
        if let Some(unit) = &family.unit {
            assert!(name.ends_with(&format!("_{unit}")), "{name}: {unit}");
        }
        for unit in ["bytes", "seconds"] {
            let is_unit = family.unit.as_deref() == Some(unit);
            assert!(
                !name.ends_with(&format!("_{unit}")) || is_unit,
                "{name} without its unit"
            );
        }
        let suffixes: &[&str] = match family.kind.as_str() {
            "counter" => &["_total"],
            "gauge" => &[""],
            "histogram" => &["_bucket", "_sum", "_count"],
            kind => panic!("{name}: {kind}"),
        };
        assert!(family.kind == "counter" || !name.ends_with("_total"), "{name}");
        for series in family.series.keys() {
            let bare = series.split('{').next().expect("a name");
            let known = suffixes.iter().any(|suffix| bare == format!("{name}{suffix}"));
            assert!(known, "{series} of {name}");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn histograms_of_pool_and_server_add_up() {
    let app = App::saying("hi").await;
    let balancer = Balancer::in_front_of(&[&app], "", "").await;
    for _ in 0..5 {
        get(balancer.address, "a", "/").await;
    }
    let families = page(&balancer).await;
    let server = format!("pool=\"app\",server=\"{}\"", app.address);
    for (name, labels) in [
        ("radiodeck_lb_latency_seconds", "pool=\"app\""),
        ("radiodeck_lb_server_latency_seconds", &server),
    ] {
        let series = &families[name].series;
        let buckets: Vec<(f64, f64)> = series
            .iter()
            .filter_map(|(key, value)| {
                let bound = key.strip_prefix(&format!("{name}_bucket{{"))?.split("le=\"").nth(1)?;
                let bound = bound.split('"').next()?;
                Some((
                    if bound == "+Inf" {
                        f64::INFINITY
                    } else {
                        bound.parse().ok()?
                    },
                    *value,
                ))
            })
            .collect();
        let mut sorted = buckets.clone();
        sorted.sort_by(|a, b| a.0.total_cmp(&b.0));
        assert!(
            sorted.len() > 10 && sorted.windows(2).all(|two| two[0].1 <= two[1].1),
            "{sorted:?}"
        );
        assert_eq!(sorted.last().map(|last| last.1), Some(5.0), "{sorted:?}");
        assert_eq!(series[&format!("{name}_count{{{labels}}}")], 5.0);
        assert!(series[&format!("{name}_sum{{{labels}}}")] > 0.0);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn statuses_bytes_and_connections_are_counted_per_pool_and_server() {
    let app = App::doing(|seen| match seen.line() {
        "GET /418 HTTP/1.1" => Reply::Raw(
            b"HTTP/1.1 418 Teapot\r\nContent-Length: 1000\r\n\r\n"
                .iter()
                .copied()
                .chain([b'x'; 1000])
                .collect(),
        ),
        _ => Reply::Ok("hi"),
    })
    .await;
    let balancer = Balancer::in_front_of(&[&app], "", "workers = 1").await;
    for path in ["/", "/418"] {
        get(balancer.address, "a", path).await;
    }
    let sent = "y".repeat(2000);
    request(
        balancer.address,
        format!("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 2000\r\nConnection: close\r\n\r\n{sent}"),
    )
    .await;
    let pool = "pool=\"app\"";
    let server = format!("{pool},server=\"{}\"", app.address);
    eventually("counted", async || {
        let families = page(&balancer).await;
        let value = |family: &str, suffix: &str, labels: &str| {
            let name = format!("radiodeck_lb_{family}");
            families[&name]
                .series
                .get(&format!("{name}{suffix}{{{labels}}}"))
                .copied()
        };
        let checks = [
            value("answers", "_total", &format!("{pool},status=\"200\"")) == Some(2.0),
            value("answers", "_total", &format!("{pool},status=\"418\"")) == Some(1.0),
            value("answers", "_total", &format!("{pool},status=\"404\"")).is_none(),
            value("sent_bytes", "_total", pool).is_some_and(|bytes| bytes > 2000.0 && bytes < 5000.0),
            value("received_bytes", "_total", pool).is_some_and(|bytes| bytes > 1000.0 && bytes < 2000.0),
            value("server_sent_bytes", "_total", &server) == value("sent_bytes", "_total", pool),
            value("server_received_bytes", "_total", &server) == value("received_bytes", "_total", pool),
            // The GETs share one, the POST has one of its own.
            value("server_connects", "_total", &server) == Some(2.0),
            value("server_connections_open", "", &server) == Some(2.0),
            value("server_connections_idle", "", &server) == Some(2.0),
            value("server_ejected", "", &server) == Some(0.0),
        ];
        match checks.iter().position(|check| !check) {
            None => Ok(()),
            Some(index) => Err(format!("check {index} in\n{}", balancer.metrics())),
        }
    })
    .await;
    // What a server closes is no longer open.
    app.kill().await;
    eventually("closed", async || match balancer.metric("lb_server_connections_open") {
        0 => Ok(()),
        open => Err(open.to_string()),
    })
    .await;
    assert_eq!(balancer.metric("lb_server_connections_idle"), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_ejection_is_counted_for_the_pool_and_for_the_server_that_failed() {
    let breaks = App::doing(|_| Reply::RawReset(Vec::new())).await;
    let well = App::saying("fine").await;
    let balancer = Balancer::in_front_of(&[&breaks, &well], "ejection.failures = 2", "").await;
    for _ in 0..8 {
        assert_eq!(get(balancer.address, "a", "/").await.status, 200);
    }
    let families = page(&balancer).await;
    let series = &families["radiodeck_lb_server_ejections"].series;
    let ejected: BTreeSet<_> = series
        .iter()
        .filter(|(_, count)| **count > 0.0)
        .map(|(key, _)| key)
        .collect();
    assert_eq!(ejected.len(), 1, "{series:?}");
    assert!(
        ejected.iter().all(|key| key.contains(&breaks.address.to_string())),
        "{series:?}"
    );
    assert_eq!(balancer.metric("lb_ejections_total"), 1);
    assert_eq!(balancer.metric("lb_server_ejected"), 1);
}
