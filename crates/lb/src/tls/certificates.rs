//! Certificates from files: read, checked against their keys, and described.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use rustls::crypto::ring::default_provider;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::sign::CertifiedKey;
use service::ConfigError;
use x509_cert::der::Decode;
use x509_cert::ext::pkix::SubjectAltName;
use x509_cert::ext::pkix::name::GeneralName;

use crate::config::CertificateConfig;

/// A certificate that can be served.
#[derive(Debug)]
pub(crate) struct Certificate {
    pub(crate) certified: Arc<CertifiedKey>,
    /// Its DNS names in small letters; a wildcard begins with `*.`.
    pub(crate) names: Vec<String>,
    /// When it becomes invalid, counted from 1970.
    pub(crate) expires: Duration,
    /// Where it was read.
    pub(crate) file: PathBuf,
}

impl Certificate {
    /// How long it is still valid; zero when it is not any more.
    pub(crate) fn time_left(&self) -> Duration {
        let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH);
        self.expires.saturating_sub(now.unwrap_or_default())
    }
}

/// Reads all certificates of the configuration.
///
/// # Errors
/// The first that cannot be used, with its key and file.
pub(crate) fn read_all(list: &[CertificateConfig]) -> Result<Vec<Certificate>, ConfigError> {
    let read_one = |(index, files): (usize, &CertificateConfig)| {
        let key = |part| format!("tls.certificates[{index}].{part}");
        read(&files.certificate, &files.key).map_err(|flaw| match flaw {
            Flaw::Certificate(message) => ConfigError::value(key("certificate"), message),
            Flaw::Key(message) => ConfigError::value(key("key"), message),
        })
    };
    list.iter().enumerate().map(read_one).collect()
}

/// Which of the two files is wrong, and how.
#[derive(Debug)]
pub(super) enum Flaw {
    Certificate(String),
    Key(String),
}

/// Reads one certificate with its chain and key.
pub(super) fn read(certificate: &Path, key: &Path) -> Result<Certificate, Flaw> {
    let wrong = |what: &dyn std::fmt::Display| Flaw::Certificate(format!("{}: {what}", certificate.display()));
    let chain: Vec<_> = CertificateDer::pem_file_iter(certificate)
        .and_then(Iterator::collect)
        .map_err(|error| wrong(&error))?;
    let first = chain.first().ok_or_else(|| wrong(&"there is no certificate in it"))?;
    let (names, expires) = describe(first).map_err(|error| wrong(&error))?;

    let wrong_key = |what: &dyn std::fmt::Display| Flaw::Key(format!("{}: {what}", key.display()));
    let private = PrivateKeyDer::from_pem_file(key).map_err(|error| wrong_key(&error))?;
    let certified = CertifiedKey::from_der(chain, private, &default_provider()).map_err(|error| match error {
        rustls::Error::InconsistentKeys(_) => wrong_key(&format!(
            "this is not the key of the certificate in {}",
            certificate.display()
        )),
        error => wrong_key(&error),
    })?;
    Ok(Certificate {
        certified: Arc::new(certified),
        names,
        expires,
        file: certificate.to_owned(),
    })
}

/// Names and end of validity.
fn describe(der: &CertificateDer<'_>) -> Result<(Vec<String>, Duration), x509_cert::der::Error> {
    let certificate = x509_cert::Certificate::from_der(der)?.tbs_certificate;
    let names = match certificate.get::<SubjectAltName>()? {
        Some((_critical, SubjectAltName(names))) => names
            .iter()
            .filter_map(|name| match name {
                GeneralName::DnsName(name) => Some(name.as_str().to_ascii_lowercase()),
                _ => None,
            })
            .collect(),
        None => Vec::new(),
    };
    Ok((names, certificate.validity.not_after.to_unix_duration()))
}
