//! The operator's own pages for errors of the balancer.

mod support;

use std::path::PathBuf;

use service::Config as _;
use support::{App, Balancer, Client, Reply, get, request};

/// A page in a file of its own.
struct Page(PathBuf);

impl Page {
    fn of(name: &str, text: impl AsRef<[u8]>) -> Self {
        let path = std::env::temp_dir().join(format!("radiodeck-lb-{}-{name}", std::process::id()));
        std::fs::write(&path, text).expect("written");
        Self(path)
    }

    /// The configuration that uses it.
    fn on(&self, status: &str) -> String {
        format!("[errors.pages]\n{status} = \"{}\"\n", self.0.display())
    }
}

impl Drop for Page {
    fn drop(&mut self) {
        let _gone = std::fs::remove_file(&self.0);
    }
}

const ROUTES: &str = "[[routes]]\nhost = \"a\"\npool = \"app\"\n[[routes]]\nhost = \"api.a\"\npool = \"app\"\n";

#[tokio::test(flavor = "multi_thread")]
async fn a_page_of_the_operators_takes_the_place_of_the_balancers_own() {
    let page = Page::of("502.html", "<p>Back soon, say {{request_id}} or {{request_id}}.</p>");
    let app = App::doing(|_| Reply::RawReset(vec![])).await;
    let balancer = Balancer::in_front_of(&[&app], "", &format!("{}{ROUTES}", page.on("502"))).await;
    // From here on nobody needs the file.
    drop(page);

    let answer = get(balancer.address, "a", "/").await;
    assert_eq!(answer.status, 502);
    assert_eq!(answer.header("content-type"), Some("text/html; charset=utf-8"));
    let id = answer.header("x-request-id").expect("an id");
    assert_eq!(answer.text(), format!("<p>Back soon, say {id} or {id}.</p>"));

    let json = get(balancer.address, "api.a", "/").await;
    assert_eq!(json.header("content-type"), Some("application/problem+json"));
    let other = get(balancer.address, "a", "http://[bad").await;
    assert!(other.text().contains("<h1>4"), "{other:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_head_request_gets_the_length_of_the_page_and_not_the_page() {
    let page = Page::of("404.html", "nothing here");
    let app = App::saying("good").await;
    let top = format!("{}[[routes]]\nhost = \"b\"\npool = \"app\"\n", page.on("404"));
    let balancer = Balancer::start(&format!(
        "{top}[[pools]]\nname = \"app\"\nservers = [\"{}\"]\n",
        app.address
    ))
    .await;
    let mut client = Client::connect(balancer.address).await;
    client.send("HEAD / HTTP/1.1\r\nHost: a\r\n\r\n").await;
    let answer = client.read("HEAD").await;
    assert_eq!((answer.status, answer.header("content-length")), (404, Some("12")));
    // The next answer would begin in the middle of a body.
    client.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n").await;
    assert_eq!(client.read("GET").await.text(), "nothing here");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_refusal_past_hyper_uses_the_page_as_well() {
    let page = Page::of("400.html", "what?");
    let app = App::saying("good").await;
    let balancer = Balancer::in_front_of(&[&app], "", &page.on("400")).await;
    let answer = request(
        balancer.address,
        "GET / HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n",
    )
    .await;
    assert_eq!((answer.status, &*answer.text()), (400, "what?"));
    assert_eq!(answer.header("content-length"), Some("5"));
}

#[test]
fn a_page_that_cannot_be_used_is_a_mistake_that_names_its_key() {
    let long = Page::of("long.html", vec![b'x'; 256 * 1024 + 1]);
    let binary = Page::of("binary.html", [0xff, 0xfe]);
    let fine = Page::of("fine.html", "fine");
    for (text, key, reason) in [
        (long.on("503"), "503", "longer than"),
        (binary.on("503"), "503", "UTF-8"),
        (
            "[errors.pages]\n503 = \"/nowhere/503.html\"".into(),
            "503",
            "/nowhere/503.html",
        ),
        (fine.on("200"), "`errors.pages.200`", "400 to 599"),
        (fine.on("0503"), "`errors.pages.0503`", "400 to 599"),
    ] {
        let config = toml::from_str::<lb::Config>(&text).map_err(|error| error.to_string());
        let error = config
            .and_then(|config| config.check().map_err(|error| error.to_string()))
            .expect_err(&text);
        assert!(error.contains(key) && error.contains(reason), "{text}\nsays: {error}");
    }
}
