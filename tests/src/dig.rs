//! A resolver that asks one question of one server, over UDP or TCP.

use std::net::{Ipv4Addr, SocketAddr};
use std::str::FromStr;
use std::time::Duration;

use hickory_server::proto::op::{Message, MessageType, OpCode, Query};
use hickory_server::proto::rr::{Name, RecordType};
use hickory_server::proto::serialize::binary::{BinDecodable, BinEncodable};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpStream, UdpSocket};
use tokio::time::timeout;

const DEADLINE: Duration = Duration::from_secs(3);

fn question(name: &str, record_type: RecordType) -> Vec<u8> {
    let mut message = Message::new(rand::random(), MessageType::Query, OpCode::Query);
    message.add_query(Query::query(Name::from_str(name).expect("a name"), record_type));
    message.to_bytes().expect("an encodable question")
}

/// Asks over UDP.
///
/// # Errors
/// What went wrong, as text.
pub async fn udp(server: SocketAddr, name: &str, record_type: RecordType) -> Result<Message, String> {
    let ask = async {
        let socket = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0))
            .await
            .map_err(|e| e.to_string())?;
        socket
            .send_to(&question(name, record_type), server)
            .await
            .map_err(|e| e.to_string())?;
        let mut answer = [0; 4096];
        let (length, _) = socket.recv_from(&mut answer).await.map_err(|e| e.to_string())?;
        Message::from_bytes(&answer[..length]).map_err(|e| e.to_string())
    };
    timeout(DEADLINE, ask).await.map_err(|_| "no answer".to_owned())?
}

/// Asks over TCP.
///
/// # Errors
/// What went wrong, as text.
pub async fn tcp(server: SocketAddr, name: &str, record_type: RecordType) -> Result<Message, String> {
    let ask = async {
        let mut stream = TcpStream::connect(server).await.map_err(|e| e.to_string())?;
        let question = question(name, record_type);
        let length = u16::try_from(question.len()).map_err(|e| e.to_string())?;
        stream.write_u16(length).await.map_err(|e| e.to_string())?;
        stream.write_all(&question).await.map_err(|e| e.to_string())?;
        let length = stream.read_u16().await.map_err(|e| e.to_string())?;
        let mut answer = vec![0; usize::from(length)];
        stream.read_exact(&mut answer).await.map_err(|e| e.to_string())?;
        Message::from_bytes(&answer).map_err(|e| e.to_string())
    };
    timeout(DEADLINE, ask).await.map_err(|_| "no answer".to_owned())?
}
