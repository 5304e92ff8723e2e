//! What `--check` says.

use lb::{Config, ServerSource};
use service::Config as _;

fn check(text: &str) -> Result<Config, String> {
    let config: Config = toml::from_str(text).map_err(|error| error.to_string())?;
    config.check().map_err(|error| error.to_string())?;
    Ok(config)
}

#[test]
fn the_file_in_the_repository_is_valid_and_shows_the_defaults() {
    let text = include_str!("../../../config/lb.toml");
    let config = check(text).expect("valid");
    let built_in = check("").expect("valid");
    let hosts = |config: &Config| config.routes.iter().map(|route| route.host.clone()).collect::<Vec<_>>();
    assert_eq!(hosts(&config), hosts(&built_in));
    assert_eq!(config.access_log, built_in.access_log);
    assert_eq!(config.trace_context, built_in.trace_context);
    assert_eq!(format!("{:?}", config.client), format!("{:?}", built_in.client));
    assert_eq!(format!("{:?}", config.http2), format!("{:?}", built_in.http2));
    assert_eq!(format!("{:?}", config.retry), format!("{:?}", built_in.retry));
    assert_eq!(format!("{:?}", config.errors), format!("{:?}", built_in.errors));
    assert_eq!(format!("{:?}", config.tls), format!("{:?}", built_in.tls));
    assert_eq!(config.pools.len(), 1);
    assert_eq!(config.pools, built_in.pools);
}

#[test]
fn a_few_lines_are_enough() {
    let config = check("[[pools]]\nname = \"app\"\nservers = [\"dns:app:8000\", \"[::1]:8000\"]").expect("valid");
    let dns = ServerSource::Dns {
        name: "app".into(),
        port: 8000,
    };
    assert_eq!(config.pools[0].servers[0], dns.into());
}

#[test]
fn every_mistake_names_its_key() {
    let pool = |rest: &str| format!("[[pools]]\nname = \"app\"\n{rest}");
    let route = |rest: &str| format!("[[routes]]\n{rest}");
    let tls = |rest: &str| format!("[tls]\nlisten = \"127.0.0.1:0\"\n{rest}");
    for (text, key) in [
        ("workers = 1000".into(), "`workers`"),
        ("drain_notice_ms = 20000".into(), "`drain_notice_ms`"),
        ("[client]\nhead_ms = 0".into(), "`client.head_ms`"),
        ("[client]\nmax_target_bytes = 60000".into(), "`client.max_target_bytes`"),
        (
            "[client]\ntrusted_proxies = [\"10.0.0.0/40\"]".into(),
            "trusted_proxies",
        ),
        ("[access_log]\nbuffer_lines = 0".into(), "`access_log.buffer_lines`"),
        ("[access_log]\nfile = \"/\"".into(), "`access_log.file`"),
        ("[access_log]\nformat = \"clf\"".into(), "clf"),
        ("[tls]\nhandshake_ms = 1".into(), "`tls.handshake_ms`"),
        ("[tls]\nredirect_http = true".into(), "`tls.redirect_http`"),
        (
            "[tls]\nlisten = \"127.0.0.1:8080\"\nlocal_ca = \"x\"".into(),
            "`tls.listen`",
        ),
        (tls(""), "`tls.certificates`"),
        (
            tls("local_ca = \"x\"\nlocal_ca_names = [\"A.example\"]"),
            "`tls.local_ca_names[0]`",
        ),
        (tls("local_ca = \"x\"\nlocal_ca_names = []"), "`tls.local_ca_names`"),
        (
            tls("certificates = [{ certificate = \"/nowhere/a.pem\", key = \"/nowhere/a.key\" }]"),
            "`tls.certificates[0].certificate`: /nowhere/a.pem",
        ),
        (tls("certificates = [{ certificate = \"a.pem\" }]"), "key"),
        ("[client]\ntunnel_idle_ms = 1".into(), "`client.tunnel_idle_ms`"),
        (
            "[client]\nmin_body_bytes_per_second = 10000000000".into(),
            "`client.min_body_bytes_per_second`",
        ),
        ("[http2]\nmax_streams = 0".into(), "`http2.max_streams`"),
        ("[http2.floods]\npings = 0".into(), "`http2.floods.pings`"),
        ("[retry]\nattempts = 0".into(), "`retry.attempts`"),
        ("[retry]\nbackoff_ms = 60000".into(), "`retry.backoff_ms`"),
        ("[client]\nmax_requests = 0".into(), "`client.max_requests`"),
        (
            pool("upstream.request_ms = 1000000000"),
            "`pools[0].upstream.request_ms`",
        ),
        ("pools = []".into(), "`pools`"),
        (pool("servers = []"), "`pools[0].servers`"),
        (pool("servers = [\"app:8000\"]"), "dns:NAME:PORT"),
        (pool("servers = [\"dns:app\"]"), "dns:NAME:PORT"),
        (
            pool("servers = [\"10.0.0.1:80\", \"10.0.0.1:80\"]"),
            "`pools[0].servers[1]`",
        ),
        (pool("check.path = \"healthz\""), "`pools[0].check.path`"),
        (pool("servers = [{ address = \"app:8000\" }]"), "dns:NAME:PORT"),
        (pool("servers = [{ address = \"10.0.0.1:80\", weigth = 2 }]"), "weigth"),
        (pool("servers = [8000]"), "ADDRESS:PORT"),
        (
            pool("balance = \"least_requests\"\nservers = [{ address = \"10.0.0.1:80\", weight = 257 }]"),
            "`pools[0].servers[0].weight`",
        ),
        (
            pool("servers = [{ address = \"10.0.0.1:80\", weight = 2 }]"),
            "`pools[0].servers[0].weight`",
        ),
        (pool("balance = \"random\""), "weighted_round_robin"),
        (pool("balance = \"hash\""), "`pools[0].hash_key`"),
        (pool("hash_key = \"path\""), "`pools[0].hash_key`"),
        (pool("balance = \"hash\"\nhash_key = \"header:\""), "header:"),
        (pool("balance = \"hash\"\nhash_key = \"user\""), "client_address"),
        (pool("queue.timeout_ms = 1"), "`pools[0].queue.timeout_ms`"),
        (pool("check.status = []"), "`pools[0].check.status`"),
        (pool("check.status = [\"299-200\"]"), "200-299"),
        (pool("check.host = \"a b\""), "`pools[0].check.host`"),
        (
            pool("ejection.error_percent = 101"),
            "`pools[0].ejection.error_percent`",
        ),
        (pool("check.rise = 0"), "`pools[0].check.rise`"),
        (pool("ejection.longest_ms = 1"), "`pools[0].ejection.longest_ms`"),
        (pool("upstream.conect_ms = 1"), "conect_ms"),
        (pool("hedge.percentile = 100"), "`pools[0].hedge.percentile`"),
        (pool("hedge.max_percent = 0"), "`pools[0].hedge.max_percent`"),
        (pool("concurrency.min = 30000"), "`pools[0].concurrency.max`"),
        (pool("concurrency.mode = \"on\""), "adaptive"),
        (
            pool("concurrency.tolerance_percent = 100"),
            "`pools[0].concurrency.tolerance_percent`",
        ),
        (format!("{}{}", pool(""), pool("")), "`pools[1].name`"),
        (route("host = \"WWW.x\"\npool = \"app\""), "`routes[0].host`"),
        (route("host = \"x:80\"\npool = \"app\""), "`routes[0].host`"),
        (route("host = \"x\"\npool = \"other\""), "`routes[0].pool`"),
        (route("host = \"x\""), "`routes[0].pool`"),
        (
            route("host = \"x\"\npool = \"app\"\nredirect = \"y\""),
            "`routes[0].pool`",
        ),
        (route("host = \"x\"\nredirect = \"x\""), "`routes[0].redirect`"),
        // Would send a client to itself for ever.
        (route("host = \"*\"\nredirect = \"x\""), "`routes[0].redirect`"),
        (
            route("host = \"x\"\npath = \"api\"\npool = \"app\""),
            "`routes[0].path`",
        ),
        (
            format!(
                "{}\n{}",
                route("host = \"x\"\npool = \"app\""),
                route("host = \"x\"\npath = \"/\"\npool = \"app\"")
            ),
            "`routes[1].host`",
        ),
    ] {
        let error = check(&text).expect_err(&text);
        assert!(error.contains(key), "{text}\nsays: {error}\nand not: {key}");
    }
}
