//! HTTP/2 to servers, as gRPC needs it: trailers, streams both ways, nothing
//! held back, and a server's goodbye that costs nobody a request.

mod support;

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use bytes::Bytes;
use h2::client::SendRequest;
use h2::server::SendResponse;
use h2::{Reason, RecvStream};
use http::{HeaderMap, HeaderValue, Request, Response};
use support::http2::read;
use support::tls::Site;
use support::{Balancer, Client};
use tokio::net::{TcpListener, TcpStream};
use tokio::time::timeout;

/// What a server does with its n-th request.
#[derive(Clone, Copy)]
enum Act {
    /// Echoes every message as it comes, then says how it went in a trailer.
    Echo,
    /// An answer that is all head.
    TrailersOnly,
    /// Takes no request after this one on this connection.
    EchoAndGoAway,
    /// Does not begin with it.
    Refuse,
    /// Half an answer.
    Break,
    /// Nothing.
    Hang,
}

struct Server {
    address: SocketAddr,
    served: Arc<AtomicUsize>,
}

impl Server {
    async fn doing(act: impl Fn(usize) -> Act + Copy + Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("bound");
        let address = listener.local_addr().expect("an address");
        let served = Arc::new(AtomicUsize::new(0));
        let counter = served.clone();
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                tokio::spawn(serve(stream, counter.clone(), act));
            }
        });
        Self { address, served }
    }

    fn served(&self) -> usize {
        self.served.load(Ordering::Relaxed)
    }

    /// A balancer in front of it.
    async fn balanced(&self, pool: &str, top: &str) -> Balancer {
        let balancer = Balancer::start(&format!(
            "workers = 1\n{top}\n[[routes]]\nhost = \"*\"\npool = \"app\"\n[[pools]]\nname = \"app\"\n\
             servers = [\"{}\"]\nprotocol = \"h2\"\ncheck.interval_ms = 50\n{pool}",
            self.address
        ))
        .await;
        balancer.wait_for_healthy(1).await;
        balancer
    }
}

async fn serve(stream: TcpStream, served: Arc<AtomicUsize>, act: impl Fn(usize) -> Act) {
    let mut connection = h2::server::handshake(stream).await.expect("spoken to");
    while let Some(Ok((request, mut respond))) = connection.accept().await {
        if request.uri().path() == "/healthz" {
            respond.send_response(Response::new(()), true).expect("sent");
            continue;
        }
        match act(served.load(Ordering::Relaxed)) {
            Act::Refuse => {
                served.fetch_add(1, Ordering::Relaxed);
                respond.send_reset(Reason::REFUSED_STREAM);
            }
            Act::EchoAndGoAway => {
                served.fetch_add(1, Ordering::Relaxed);
                tokio::spawn(echo(request, respond));
                connection.graceful_shutdown();
            }
            act => {
                served.fetch_add(1, Ordering::Relaxed);
                tokio::spawn(answer(act, request, respond));
            }
        }
    }
}

async fn answer(act: Act, request: Request<RecvStream>, mut respond: SendResponse<Bytes>) {
    match act {
        Act::TrailersOnly => {
            let response = Response::builder().header("grpc-status", "5").body(());
            respond.send_response(response.expect("an answer"), true).expect("sent");
        }
        Act::Break => {
            let mut body = respond.send_response(Response::new(()), false).expect("sent");
            body.send_data(Bytes::from_static(b"half"), false).expect("sent");
            tokio::time::sleep(Duration::from_millis(50)).await;
            body.send_reset(Reason::INTERNAL_ERROR);
        }
        Act::Hang => std::future::pending().await,
        _ => echo(request, respond).await,
    }
}

async fn echo(request: Request<RecvStream>, mut respond: SendResponse<Bytes>) {
    let te = request.headers().get("te").cloned();
    let path = request.uri().path().to_owned();
    let authority = request.uri().authority().expect("an authority").to_string();
    let (_, mut body) = request.into_parts();
    let head = Response::builder()
        .header("content-type", "application/grpc")
        .header("x-path", path)
        .header("x-authority", authority)
        .header("x-te", te.unwrap_or_else(|| HeaderValue::from_static("none")));
    let mut out = respond
        .send_response(head.body(()).expect("an answer"), false)
        .expect("sent");
    while let Some(chunk) = body.data().await {
        let Ok(chunk) = chunk else { return };
        let _room = body.flow_control().release_capacity(chunk.len());
        if out.send_data(chunk, false).is_err() {
            return;
        }
    }
    let mut trailers = HeaderMap::new();
    trailers.insert("grpc-status", HeaderValue::from_static("0"));
    if let Ok(Some(theirs)) = body.trailers().await {
        trailers.extend(theirs);
    }
    let _sent = out.send_trailers(trailers);
}

async fn client(balancer: &Balancer) -> SendRequest<Bytes> {
    let stream = TcpStream::connect(balancer.address).await.expect("connected");
    stream.set_nodelay(true).expect("an option");
    let (sender, connection) = h2::client::handshake(stream).await.expect("spoken to");
    tokio::spawn(connection);
    sender.ready().await.expect("ready")
}

fn call() -> Request<()> {
    let request = Request::post("http://a/pkg.Service/Method")
        .header("content-type", "application/grpc")
        .header("te", "trailers");
    request.body(()).expect("a request")
}

/// One call with one message; answers the body and the trailers.
async fn unary(sender: &SendRequest<Bytes>) -> (Vec<u8>, HeaderMap) {
    let mut sender = sender.clone().ready().await.expect("ready");
    let (answer, mut body) = sender.send_request(call(), false).expect("sent");
    body.send_data(Bytes::from_static(b"hello"), true).expect("sent");
    let answer = timeout(support::PATIENCE, answer)
        .await
        .expect("in time")
        .expect("answered");
    assert_eq!(answer.status(), 200);
    let (bytes, trailers) = read(&mut answer.into_body()).await.expect("whole");
    (bytes, trailers.expect("trailers"))
}

#[tokio::test(flavor = "multi_thread")]
async fn a_call_passes_with_its_trailers_both_ways() {
    let server = Server::doing(|_| Act::Echo).await;
    let balancer = server.balanced("", "").await;
    let mut sender = client(&balancer).await;
    let (answer, mut body) = sender.send_request(call(), false).expect("sent");
    body.send_data(Bytes::from_static(b"hello"), false).expect("sent");
    let mut trailers = HeaderMap::new();
    trailers.insert("x-sum", HeaderValue::from_static("7"));
    trailers.insert("x-forwarded-for", HeaderValue::from_static("trick"));
    body.send_trailers(trailers).expect("sent");
    let answer = answer.await.expect("answered");
    assert_eq!(answer.headers()["x-path"], "/pkg.Service/Method");
    assert_eq!(
        (&answer.headers()["x-authority"], &answer.headers()["x-te"]),
        (&HeaderValue::from_static("a"), &HeaderValue::from_static("trailers"))
    );
    let (bytes, trailers) = read(&mut answer.into_body()).await.expect("whole");
    let trailers = trailers.expect("trailers");
    assert_eq!(bytes, b"hello");
    assert_eq!(
        (&trailers["grpc-status"], &trailers["x-sum"]),
        (&HeaderValue::from_static("0"), &HeaderValue::from_static("7"))
    );
    assert!(!trailers.contains_key("x-forwarded-for"));
}

#[tokio::test(flavor = "multi_thread")]
async fn calls_over_tls_keep_their_trailers() {
    let server = Server::doing(|_| Act::Echo).await;
    let site = Site::in_front_of(&[server.address], "protocol = \"h2\"", "", "workers = 1").await;
    let client = site.connect_http2().await;
    for _ in 0..3 {
        let (bytes, trailers) = unary(&client.0).await;
        assert_eq!((bytes, &trailers["grpc-status"] == "0"), (b"hello".to_vec(), true));
    }
    assert_eq!(site.balancer.metric("lb_connects_total"), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn messages_pass_both_ways_while_the_call_is_open() {
    let server = Server::doing(|_| Act::Echo).await;
    let balancer = server.balanced("", "").await;
    let mut sender = client(&balancer).await;
    let (answer, mut body) = sender.send_request(call(), false).expect("sent");
    let answer = timeout(support::PATIENCE, answer)
        .await
        .expect("the head before any message");
    let mut echo = answer.expect("answered").into_body();
    for message in ["one", "two", "three"] {
        body.send_data(Bytes::from(message), false).expect("sent");
        let back = timeout(support::PATIENCE, echo.data()).await.expect("in time");
        assert_eq!(back.expect("more").expect("whole"), message);
    }
    body.send_data(Bytes::new(), true).expect("sent");
    let (_, trailers) = read(&mut echo).await.expect("whole");
    assert_eq!(trailers.expect("trailers")["grpc-status"], "0");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_answer_that_is_all_head_passes() {
    let server = Server::doing(|_| Act::TrailersOnly).await;
    let balancer = server.balanced("", "").await;
    let mut sender = client(&balancer).await;
    let (answer, _) = sender.send_request(call(), true).expect("sent");
    let answer = answer.await.expect("answered");
    assert_eq!(answer.headers()["grpc-status"], "5");
    assert!(answer.body().is_end_stream());
}

#[tokio::test(flavor = "multi_thread")]
async fn calls_share_a_connection() {
    let server = Server::doing(|_| Act::Echo).await;
    let balancer = server.balanced("", "").await;
    let sender = client(&balancer).await;
    let calls: Vec<_> = (0..50)
        .map(|_| {
            let sender = sender.clone();
            tokio::spawn(async move { unary(&sender).await })
        })
        .collect();
    for call in calls {
        assert_eq!(call.await.expect("made").0, b"hello");
    }
    assert_eq!(balancer.metric("lb_connects_total"), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn rfc_9113_6_8_a_server_that_says_goodbye_loses_no_call() {
    let server = Server::doing(|count| if count % 3 == 2 { Act::EchoAndGoAway } else { Act::Echo }).await;
    let balancer = server.balanced("", "").await;
    let sender = client(&balancer).await;
    for _ in 0..30 {
        assert_eq!(unary(&sender).await.0, b"hello");
    }
    assert_eq!(server.served(), 30);
    assert!(balancer.metric("lb_connects_total") >= 2, "{}", balancer.metrics());
}

#[tokio::test(flavor = "multi_thread")]
async fn rfc_9113_8_7_a_refused_call_is_made_again() {
    let server = Server::doing(|count| if count == 1 { Act::Refuse } else { Act::Echo }).await;
    let balancer = server.balanced("", "").await;
    let sender = client(&balancer).await;
    for _ in 0..3 {
        assert_eq!(unary(&sender).await.0, b"hello");
    }
    assert_eq!(server.served(), 4);
    assert_eq!(balancer.metric("lb_redispatches_total"), 1);
    assert_eq!(balancer.metric("lb_failures_total"), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_call_that_breaks_off_is_seen_to_and_the_others_go_on() {
    let server = Server::doing(|count| if count == 0 { Act::Break } else { Act::Echo }).await;
    let balancer = server.balanced("", "").await;
    let sender = client(&balancer).await;
    let mut first = sender.clone().ready().await.expect("ready");
    let (answer, _body) = first.send_request(call(), false).expect("sent");
    let answer = answer.await.expect("answered");
    assert!(read(&mut answer.into_body()).await.expect_err("cut off").is_reset());
    assert_eq!(unary(&sender).await.0, b"hello");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_does_not_answer_is_504() {
    let server = Server::doing(|_| Act::Hang).await;
    let balancer = server.balanced("upstream.first_byte_ms = 200", "").await;
    assert_eq!(support::get(balancer.address, "a", "/").await.status, 504);
}

#[tokio::test(flavor = "multi_thread")]
async fn clients_of_http_1_reach_servers_of_http_2() {
    let server = Server::doing(|_| Act::Echo).await;
    let balancer = server.balanced("", "[client]\nbody_ms = 300").await;
    let bytes = "POST /x HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\nConnection: close\r\n\r\nhello";
    let answer = support::request(balancer.address, bytes).await;
    assert_eq!((answer.status, answer.text()), (200, "hello".into()));
    assert_eq!(answer.header("x-path"), Some("/x"));
    // The echo begins with the head, so this is cut off and not answered 408.
    let mut slow = Client::connect(balancer.address).await;
    slow.send("POST /x HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nhel")
        .await;
    assert!(slow.try_read("POST").await.is_none());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_body_that_stops_is_408_whoever_waits_for_it() {
    let server = Server::doing(|_| Act::Hang).await;
    let balancer = server.balanced("", "[client]\nbody_ms = 300").await;
    let mut slow = Client::connect(balancer.address).await;
    slow.send("POST /x HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nhel")
        .await;
    assert_eq!(slow.read("POST").await.status, 408);
    let mut sender = client(&balancer).await;
    let (answer, mut body) = sender.send_request(call(), false).expect("sent");
    body.send_data(Bytes::from_static(b"hel"), false).expect("sent");
    let answer = timeout(support::PATIENCE, answer).await.expect("in time");
    assert_eq!(answer.expect("answered").status(), 408);
}
