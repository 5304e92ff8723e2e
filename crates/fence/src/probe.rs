//! Whether anything of a node answers: its Patroni or its Postgres.
//!
//! As long as Patroni lives it deals with its Postgres, and as long as Postgres lives it may be
//! serving; only when both are silent is there nothing that waiting would save.

use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::timeout;

use crate::cluster::Member;
use crate::http::get;

/// SSLRequest of the Postgres protocol: its length, and the code that stands in for a version.
const SSL_REQUEST: [u8; 8] = [0, 0, 0, 8, 0x04, 0xd2, 0x16, 0x2f];

/// Asks both at once; whatever either answers is a sign of life.
pub(crate) async fn answers(member: &Member, deadline: Duration) -> bool {
    let patroni = async { get(&member.patroni, deadline).await.is_ok() };
    let (patroni, postgres) = tokio::join!(patroni, postgres(member, deadline));
    patroni || postgres
}

/// A paused server's kernel still accepts connections, so one byte must come back.
async fn postgres(member: &Member, deadline: Duration) -> bool {
    let (host, port) = &member.postgres;
    let answer = async {
        let mut stream = TcpStream::connect((host.as_str(), *port)).await?;
        stream.write_all(&SSL_REQUEST).await?;
        stream.read_u8().await
    };
    matches!(timeout(deadline, answer).await, Ok(Ok(_)))
}

#[cfg(test)]
mod tests {
    use tokio::net::TcpListener;

    use super::*;

    async fn member(patroni: &TcpListener, postgres: &TcpListener) -> Member {
        let patroni = patroni.local_addr().expect("an address");
        let postgres = postgres.local_addr().expect("an address");
        Member {
            patroni: format!("http://{patroni}/patroni").parse().expect("a URI"),
            postgres: (postgres.ip().to_string(), postgres.port()),
        }
    }

    async fn listener() -> TcpListener {
        TcpListener::bind("127.0.0.1:0").await.expect("a port")
    }

    #[tokio::test]
    async fn a_node_that_accepts_and_says_nothing_does_not_answer() {
        let (patroni, postgres) = (listener().await, listener().await);
        let member = member(&patroni, &postgres).await;
        assert!(!answers(&member, Duration::from_millis(100)).await);
    }

    #[tokio::test]
    async fn postgres_alone_is_a_sign_of_life() {
        let (patroni, postgres) = (listener().await, listener().await);
        let member = member(&patroni, &postgres).await;
        tokio::spawn(async move {
            let (mut stream, _) = postgres.accept().await.expect("a connection");
            stream.write_all(b"N").await.expect("an answer");
        });
        assert!(answers(&member, Duration::from_secs(5)).await);
    }
}
