//! Clients that speak TLS, and certificates for balancers.

use std::io;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use rcgen::{CertificateParams, Issuer, KeyPair};
use rustls::crypto::ring::default_provider;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::version::{TLS12, TLS13};
use rustls::{ClientConfig, ClientConnection, RootCertStore, SupportedProtocolVersion};
use tempfile::{TempDir, tempdir};
use tokio::io::AsyncWriteExt;
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

use super::http2::Http2;
use super::{App, Balancer, Client};

pub const VERSIONS: [&SupportedProtocolVersion; 2] = [&TLS12, &TLS13];

pub const NAME: &str = "www.radiodeck.localhost";

/// A `[tls]` table with a local CA in this directory.
pub fn local(directory: &Path, more: &str) -> String {
    let directory = directory.display();
    format!("[tls]\nlisten = \"127.0.0.1:0\"\nlocal_ca = \"{directory}\"\n{more}\n")
}

/// A balancer with a local CA, and a client that trusts it.
pub struct Site {
    pub balancer: Balancer,
    pub trust: Trust,
    _directory: TempDir,
}

impl Site {
    pub async fn new(app: &App, tls: &str, top: &str) -> Self {
        Self::in_front_of(&[app.address], "", tls, top).await
    }

    /// `pool`, `tls` and `top` are more TOML for the pool, for TLS and for the whole.
    pub async fn in_front_of(addresses: &[SocketAddr], pool: &str, tls: &str, top: &str) -> Self {
        let directory = tempdir().expect("a directory");
        let top = format!("{top}\n{}", local(directory.path(), tls));
        let balancer = Balancer::in_front_of_addresses(addresses, pool, &top).await;
        Self {
            balancer,
            trust: Trust::in_local_ca(directory.path(), &VERSIONS),
            _directory: directory,
        }
    }

    pub fn address(&self) -> SocketAddr {
        address(&self.balancer)
    }

    pub async fn connect(&self) -> Client<TlsStream<TcpStream>> {
        self.trust.connect(self.address(), NAME).await
    }

    /// A connection on which HTTP/2 was agreed on.
    pub async fn connect_http2(&self) -> Http2 {
        Http2::on(self.speaking(&["h2", "http/1.1"]).await.stream).await
    }

    /// A connection for which these protocols were offered.
    pub async fn speaking(&self, protocols: &[&str]) -> Client<TlsStream<TcpStream>> {
        self.trust.speaking(protocols).connect(self.address(), NAME).await
    }

    /// The same behind a header of the PROXY protocol.
    pub async fn announced(&self, header: &[u8], protocols: &[&str]) -> Client<TlsStream<TcpStream>> {
        let mut stream = TcpStream::connect(self.address()).await.expect("connected");
        stream.set_nodelay(true).expect("an option");
        stream.write_all(header).await.expect("sent");
        let trust = self.trust.speaking(protocols);
        trust.connect_on(stream, NAME).await.expect("connected")
    }
}

/// Where it speaks TLS.
pub fn address(balancer: &Balancer) -> SocketAddr {
    balancer.tls_address.expect("a TLS listener")
}

/// A client's settings and the sessions that it remembers.
#[derive(Clone)]
pub struct Trust(Arc<ClientConfig>);

impl Trust {
    /// A client that trusts what this CA has signed.
    pub fn in_ca(ca: &CertificateDer<'_>, versions: &[&'static SupportedProtocolVersion]) -> Self {
        let mut roots = RootCertStore::empty();
        roots.add(ca.clone().into_owned()).expect("a CA");
        let mut config = ClientConfig::builder_with_provider(Arc::new(default_provider()))
            .with_protocol_versions(versions)
            .expect("versions")
            .with_root_certificates(roots)
            .with_no_client_auth();
        config.alpn_protocols = vec![b"http/1.1".to_vec()];
        Self(Arc::new(config))
    }

    /// A client that trusts the local CA in this directory.
    pub fn in_local_ca(directory: &Path, versions: &[&'static SupportedProtocolVersion]) -> Self {
        let ca = CertificateDer::from_pem_file(directory.join("ca.pem")).expect("a local CA");
        Self::in_ca(&ca, versions)
    }

    /// The same client, with other protocols to offer.
    pub fn speaking(&self, protocols: &[&str]) -> Self {
        let mut config = ClientConfig::clone(&self.0);
        config.alpn_protocols = protocols.iter().map(|protocol| protocol.as_bytes().to_vec()).collect();
        Self(Arc::new(config))
    }

    pub async fn try_connect(&self, address: SocketAddr, name: &str) -> io::Result<Client<TlsStream<TcpStream>>> {
        let stream = TcpStream::connect(address).await?;
        stream.set_nodelay(true)?;
        self.connect_on(stream, name).await
    }

    pub async fn connect_on(&self, stream: TcpStream, name: &str) -> io::Result<Client<TlsStream<TcpStream>>> {
        let name = ServerName::try_from(name.to_owned()).expect("a name");
        let stream = TlsConnector::from(self.0.clone()).connect(name, stream).await?;
        Ok(Client::on(stream))
    }

    pub async fn connect(&self, address: SocketAddr, name: &str) -> Client<TlsStream<TcpStream>> {
        self.try_connect(address, name).await.expect("connected")
    }
}

impl Client<TlsStream<TcpStream>> {
    pub fn session(&self) -> &ClientConnection {
        self.stream.get_ref().1
    }

    /// The certificate that the balancer has shown.
    pub fn certificate(&self) -> CertificateDer<'static> {
        self.session().peer_certificates().expect("certificates")[0].clone()
    }

    /// A plain GET that keeps the connection; answers the body.
    pub async fn get(&mut self, path: &str) -> String {
        self.send(format!("GET {path} HTTP/1.1\r\nHost: a\r\n\r\n")).await;
        let answer = self.read("GET").await;
        assert_eq!(answer.status, 200, "{answer:?}");
        answer.text()
    }
}

/// A CA whose certificates are put into a directory, for balancers to read.
pub struct Ca {
    pub certificate: CertificateDer<'static>,
    issuer: Issuer<'static, KeyPair>,
    directory: PathBuf,
}

impl Ca {
    pub fn new(directory: &Path) -> Self {
        let key = KeyPair::generate().expect("a key");
        let mut params = CertificateParams::new([]).expect("no names");
        params.is_ca = rcgen::IsCa::Ca(rcgen::BasicConstraints::Unconstrained);
        let certificate = params.self_signed(&key).expect("signed").der().clone();
        Self {
            certificate,
            issuer: Issuer::new(params, key),
            directory: directory.to_owned(),
        }
    }

    /// Puts a certificate and its key into `NAME.pem` and `NAME.key`.
    pub fn issue(&self, name: &str, subjects: &[&str]) -> CertificateDer<'static> {
        let key = KeyPair::generate().expect("a key");
        let subjects: Vec<_> = subjects.iter().map(|&subject| subject.to_owned()).collect();
        let params = CertificateParams::new(subjects).expect("names");
        let certificate = params.signed_by(&key, &self.issuer).expect("signed");
        let file = |ending| self.directory.join(format!("{name}.{ending}"));
        std::fs::write(file("key"), key.serialize_pem()).expect("written");
        std::fs::write(file("pem"), certificate.pem()).expect("written");
        certificate.der().clone()
    }

    /// A `[tls]` table with the certificates of these names.
    pub fn table(&self, names: &[&str]) -> String {
        let entry = |name: &&str| {
            let file = self.directory.join(name);
            format!("{{ certificate = \"{0}.pem\", key = \"{0}.key\" }}", file.display())
        };
        let entries: Vec<_> = names.iter().map(entry).collect();
        format!(
            "[tls]\nlisten = \"127.0.0.1:0\"\ncertificates = [{}]\n",
            entries.join(", ")
        )
    }
}
