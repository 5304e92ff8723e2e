//! What is told of TLS.

use std::fmt::Error;

use prometheus_client::encoding::DescriptorEncoder;

use super::{counters, gauges};
use crate::metrics::{Counter, WorkerStats, sum};
use crate::shared::Shared;

/// Handshakes and certificates, if HTTPS is served.
pub(super) fn encode(shared: &Shared, encoder: &mut DescriptorEncoder<'_>) -> Result<(), Error> {
    let Some(tls) = &shared.tls else { return Ok(()) };
    let kind = |kind: &str, counter: fn(&WorkerStats) -> &Counter| {
        (vec![("kind", kind.to_owned())], sum(&shared.workers, counter))
    };
    counters(
        encoder,
        "lb_tls_handshakes",
        "TLS handshakes, with a new session or one that goes on",
        vec![kind("full", |w| &w.handshakes), kind("resumed", |w| &w.resumptions)],
    )?;
    counters(
        encoder,
        "lb_tls_failed_handshakes",
        "TLS handshakes that did not come to their end",
        vec![(Vec::new(), sum(&shared.workers, |w| &w.failed_handshakes))],
    )?;
    let now = tls.now();
    let expires = now.certificates.iter().map(|certificate| {
        let file = certificate.file.display().to_string();
        (vec![("file", file)], certificate.expires.as_secs())
    });
    gauges(
        encoder,
        "lb_tls_certificate_expires_seconds",
        "When a certificate ends, in seconds since 1970",
        expires.collect(),
    )
}
