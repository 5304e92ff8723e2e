//! The app server that the drill breaks: a process of its own, so that it can be
//! killed like one. It answers a request with the request's path, and writes the
//! path of each to its standard output before it does anything else about it:
//! what it has seen is known even when it is killed the next moment. On its
//! standard input it is told what shall be wrong with it; when that ends, so
//! does it.

use std::cell::Cell;
use std::future::pending;
use std::io::BufRead;
use std::net::SocketAddr;
use std::process::ExitCode;
use std::rc::Rc;
use std::time::Duration;

use tokio::io::AsyncWriteExt;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::{JoinSet, LocalSet};
use tokio::time::sleep;

use super::fault::{Fault, Order};
use super::request::{Request, read};
use crate::measure::output::print;
use crate::measure::target::loopback;
use crate::measure::{Error, runtime};

/// Name of the hidden subcommand.
pub(crate) const NAME: &str = "origin";
/// Path of the balancer's checks.
const HEALTH: &str = "/healthz";
/// What it says once it listens, before its address.
pub(super) const LISTENING: &str = "listening ";
/// How much later a slow server answers.
pub(super) const SLOW_MS: u64 = 300;
/// What was sent is on its way when the connection is reset: a reset takes back what is not.
const BEFORE_RESET: Duration = Duration::from_millis(5);

/// Arguments of the hidden subcommand.
#[derive(Debug, clap::Args)]
pub(crate) struct OriginArgs {
    /// A loopback address; port 0: any.
    listen: SocketAddr,
}

/// The subcommand.
pub(crate) fn run(args: &OriginArgs) -> Result<ExitCode, Error> {
    let address = loopback(args.listen)?;
    LocalSet::new().block_on(&runtime()?, async {
        let cannot = |error: std::io::Error| Error::CannotRun(format!("cannot listen on {address}: {error}"));
        let listener = TcpListener::bind(address).await.map_err(cannot)?;
        let address = listener.local_addr().map_err(cannot)?;
        let (tell, orders) = watch::channel(None);
        std::thread::spawn(move || {
            for line in std::io::stdin().lock().lines().map_while(Result::ok) {
                tell.send_replace(line.parse().ok());
            }
        });
        print(&format!("{LISTENING}{address}\n"));
        accept(listener, orders).await;
        Ok(ExitCode::SUCCESS)
    })
}

/// What is wrong with it now.
type Orders = watch::Receiver<Option<Order>>;

/// Serves until nobody gives orders any more.
async fn accept(listener: TcpListener, mut orders: Orders) {
    let mut listener = Some(listener);
    let mut connections = JoinSet::new();
    let answered = Rc::new(Cell::new(0));
    loop {
        let accepted = async {
            match &listener {
                Some(listener) => listener.accept().await,
                None => pending().await,
            }
        };
        tokio::select! {
            changed = orders.changed() => {
                if changed.is_err() {
                    return;
                }
                let fault = orders.borrow_and_update().map(|order| order.fault);
                if matches!(fault, Some(Fault::Refuses | Fault::ClosesAtOnce)) {
                    connections.abort_all();
                }
                if fault == Some(Fault::Refuses) {
                    listener = None;
                }
            }
            accepted = accepted => {
                let closes = orders.borrow().is_some_and(|order| order.fault == Fault::ClosesAtOnce);
                if let (Ok((stream, _)), false) = (accepted, closes) {
                    let _ = stream.set_nodelay(true);
                    connections.spawn_local(serve(stream, orders.clone(), Rc::clone(&answered)));
                }
            }
            Some(_) = connections.join_next() => {}
        }
    }
}

/// One connection, to its end. One that the balancer has given up ends with the process.
async fn serve(mut stream: TcpStream, mut orders: Orders, answered: Rc<Cell<u32>>) {
    let mut buffer = Vec::new();
    loop {
        let now = *orders.borrow_and_update();
        if now.is_some_and(|order| order.fault == Fault::NeverReads) {
            return pending().await;
        }
        let request = tokio::select! {
            biased;
            changed = orders.changed() => match changed {
                Ok(()) => continue,
                Err(_) => return,
            },
            request = read(&mut stream, &mut buffer) => request,
        };
        let Some(request) = request else { return };
        let is_check = request.path == HEALTH;
        if !is_check {
            print(&format!("{}\n", request.path));
        }
        let fault = orders.borrow().filter(|order| order.checks_too || !is_check);
        let goes_on = match fault {
            Some(order) => fail(&mut stream, order.fault, &request, &answered).await,
            None => answer(&mut stream, "200 OK", &request).await,
        };
        if !goes_on {
            return;
        }
    }
}

/// Deals with a request wrongly; answers whether the connection goes on.
async fn fail(stream: &mut TcpStream, fault: Fault, request: &Request, answered: &Cell<u32>) -> bool {
    let half = &request.path[..request.path.len() / 2];
    match fault {
        // The last one was read before the order came.
        Fault::Hangs | Fault::NeverReads => pending().await,
        Fault::Refuses | Fault::ClosesAtOnce => false,
        Fault::Resets => reset(stream, "").await,
        Fault::ResetsInHead => reset(stream, "HTTP/1.1 200 OK\r\nContent-Le").await,
        Fault::CutsLength => {
            let length = request.path.len();
            let text = format!("HTTP/1.1 200 OK\r\nContent-Length: {length}\r\n\r\n{half}");
            let _ = stream.write_all(text.as_bytes()).await;
            false
        }
        Fault::CutsChunks => {
            let length = half.len();
            let text = format!("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n{length:x}\r\n{half}\r\n");
            let _ = stream.write_all(text.as_bytes()).await;
            false
        }
        Fault::Garbage => {
            let _ = stream.write_all(b"It is not HTTP that I speak.\r\n\r\n").await;
            false
        }
        Fault::FailsOneInTen => {
            answered.set(answered.get() + 1);
            let status = if answered.get().is_multiple_of(10) {
                "500 Internal Server Error"
            } else {
                "200 OK"
            };
            answer(stream, status, request).await
        }
        Fault::Slow => {
            sleep(Duration::from_millis(SLOW_MS)).await;
            answer(stream, "200 OK", request).await
        }
    }
}

async fn reset(stream: &mut TcpStream, first: &str) -> bool {
    if !first.is_empty() && stream.write_all(first.as_bytes()).await.is_ok() {
        sleep(BEFORE_RESET).await;
    }
    let _ = stream.set_zero_linger();
    false
}

async fn answer(stream: &mut TcpStream, status: &str, request: &Request) -> bool {
    let (path, length) = (&request.path, request.path.len());
    let text = format!("HTTP/1.1 {status}\r\nContent-Length: {length}\r\n\r\n{path}");
    stream.write_all(text.as_bytes()).await.is_ok()
}
