//! An HTTPS client that trusts one authority and nobody else, and remembers
//! sessions as a browser does.

use std::net::SocketAddr;
use std::sync::Arc;

use bytes::Bytes;
use http::Request;
use http_body_util::Full;
use rustls::crypto::ring::default_provider;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{ClientConfig, HandshakeKind, RootCertStore};
use tokio_rustls::TlsConnector;

use crate::http::{Answer, connect, exchange, in_time};

/// The client.
pub struct Browser {
    connector: TlsConnector,
}

impl Browser {
    /// One that trusts the authority in `ca`, PEM.
    ///
    /// # Panics
    /// When there is none in it.
    pub fn that_trusts(ca: &str) -> Self {
        let ca = CertificateDer::from_pem_slice(ca.as_bytes()).unwrap_or_else(|error| panic!("no CA: {error}: {ca}"));
        let mut roots = RootCertStore::empty();
        roots.add(ca).expect("a CA");
        let config = ClientConfig::builder_with_provider(Arc::new(default_provider()))
            .with_safe_default_protocol_versions()
            .expect("ring knows them")
            .with_root_certificates(roots)
            .with_no_client_auth();
        Self {
            connector: TlsConnector::from(Arc::new(config)),
        }
    }

    /// Asks `addr` with GET. Says, too, whether the connection went on with an earlier session.
    ///
    /// # Errors
    /// What went wrong, as text: also a certificate that the authority does not vouch for, or one for other names.
    pub async fn get(&self, addr: SocketAddr, host: &str, path: &str) -> Result<(Answer, bool), String> {
        let name = ServerName::try_from(host.to_owned()).map_err(|e| e.to_string())?;
        let request = Request::get(path)
            .header("host", host)
            .body(Full::new(Bytes::new()))
            .map_err(|e| format!("request: {e}"))?;
        in_time(async {
            let stream = self.connector.connect(name, connect(addr).await?).await;
            let stream = stream.map_err(|e| format!("TLS: {e}"))?;
            let resumed = stream.get_ref().1.handshake_kind() == Some(HandshakeKind::Resumed);
            Ok((exchange(stream, request).await?, resumed))
        })
        .await
    }
}
