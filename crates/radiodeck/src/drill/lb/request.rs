//! Requests as the drill's own app server reads them: by hand, since what it
//! does with a connection next may be no HTTP at all.

use tokio::io::{AsyncRead, AsyncReadExt};

/// The balancer sends no longer ones in a drill.
const MAX_BYTES: usize = 1 << 20;

/// What was asked for.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Request {
    pub(super) path: String,
}

/// The next request with all of its body; `None` at the end of the connection. What was read of it stays in
/// `buffer` when this is dropped.
pub(super) async fn read(stream: &mut (impl AsyncRead + Unpin), buffer: &mut Vec<u8>) -> Option<Request> {
    loop {
        if let Some(request) = take(buffer) {
            return Some(request);
        }
        let read = stream.read_buf(buffer).await;
        if !matches!(read, Ok(1..)) || buffer.len() > MAX_BYTES {
            return None;
        }
    }
}

/// Takes a request out of `buffer`, once all of it is there.
fn take(buffer: &mut Vec<u8>) -> Option<Request> {
    let head_length = buffer.windows(4).position(|four| four == b"\r\n\r\n")? + 4;
    let head = String::from_utf8_lossy(&buffer[..head_length]);
    let path = head.split(' ').nth(1)?.to_owned();
    let lines = head.lines().filter_map(|line| line.split_once(':'));
    let mut lengths = lines.filter(|(name, _)| name.eq_ignore_ascii_case("content-length"));
    let body_length: usize = lengths.next().map_or(Some(0), |(_, value)| value.trim().parse().ok())?;
    let length = head_length + body_length;
    if buffer.len() < length {
        return None;
    }
    buffer.drain(..length);
    Some(Request { path })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn requests_are_read_one_after_the_other_with_their_bodies() {
        let mut bytes =
            &b"POST /1 HTTP/1.1\r\nhost: a\r\ncontent-length: 3\r\n\r\nabcGET /2 HTTP/1.1\r\nhost: a\r\n\r\nGET /3"[..];
        let mut buffer = Vec::new();
        for path in ["/1", "/2"] {
            let request = read(&mut bytes, &mut buffer).await.expect("a request");
            assert_eq!(request.path, path);
        }
        assert_eq!(read(&mut bytes, &mut buffer).await, None);
    }
}
