//! What a client asks for: its framing, its host, its headers and its body,
//! read strictly and in one way only.

pub(crate) mod body;
pub(crate) mod framing;
pub(crate) mod headers;
pub(crate) mod host;
pub(crate) mod http2;
pub(crate) mod id;
pub(crate) mod target;
pub(crate) mod upgrade;
pub(crate) mod websocket;
