//! The authoritative name server of Radiodeck.
//!
//! The facts of its design:
//!
//! - A zone is a tree of its own ([`zone`]) and keeps record data in wire form, so
//!   unknown types are nothing special. Zone files are read by a parser of ours
//!   ([`zonefile`]); a zone that would answer wrongly is refused when it is read.
//! - What the answer to a question holds is decided by a pure function
//!   ([`answer`]), from a zone, a name, a type and the client's view ([`view`]).
//! - Everything that parses as a message goes through one
//!   [`RequestHandler`](hickory_server::server::RequestHandler) ([`handler`]);
//!   hickory parses, encodes and compresses. What must not be parsed or answered
//!   is decided from the header and the frame before ([`gate`]).
//! - Names may be steered ([`steering`]): of their addresses those are given out that
//!   live, as probes and the operator say. Nothing is probed at query time.
//! - Sockets are driven by loops of ours ([`transport`]), because hickory's put no
//!   bound on connections and answer what must stay unanswered.
//! - All zones are one immutable generation ([`generation`]), swapped whole.
//!
//! Invariants: an answer to QR=1 or to port 0 is never sent; by UDP no answer is
//! longer than the cap; TC means no records at all; RA is never set; a name
//! outside the zones is REFUSED. Never here: resolving for others, the database, HTTP but for
//! the probes.

pub mod answer;
pub mod config;
pub mod gate;
pub mod generation;
pub mod handler;
pub mod message;
pub mod metrics;
mod reload;
mod server;
mod status;
pub mod steering;
pub mod transport;
mod tsig;
pub mod view;
pub mod zone;
pub mod zonefile;

pub use config::Config;
pub use server::NameServer;
