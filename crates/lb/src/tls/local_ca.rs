//! A certificate for a machine that has none: a local CA, made once in a
//! directory, and a server certificate signed by it. To trust the CA is harmless:
//! name constraints keep it to the names that it was made for.
//!
//! Several balancers may share the directory. Whatever is made is made under a
//! lock, and what is there and still good is never touched.

use std::fs::{self, File};
use std::net::IpAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};

use rcgen::{
    BasicConstraints, CertificateParams, CidrSubnet, DistinguishedName, DnType, ExtendedKeyUsagePurpose,
    GeneralSubtree, IsCa, Issuer, KeyPair, KeyUsagePurpose, NameConstraints,
};
use rustls::RootCertStore;
use rustls::client::WebPkiServerVerifier;
use rustls::client::danger::ServerCertVerifier;
use rustls::crypto::ring::default_provider;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use service::ConfigError;
use tracing::info;

use super::certificates::{Certificate, Flaw, read};
use super::files::{PRIVATE, PUBLIC, replace};

const DAY: Duration = Duration::from_secs(86_400);
const CA_LIFE: Duration = DAY.saturating_mul(3650);
/// Longest that browsers take is 398 days, a day's difference of clocks included.
const LEAF_LIFE: Duration = DAY.saturating_mul(396);
/// A certificate that ends sooner is made anew.
const RENEW: Duration = DAY.saturating_mul(30);
/// For another process to be done with the directory.
const LOCK_PATIENCE: Duration = Duration::from_secs(10);
const KEY: &str = "tls.local_ca";

/// A directory with a local CA.
pub(super) struct LocalCa {
    directory: PathBuf,
}

/// What went wrong, to be joined with the key and directory.
type Reason = String;

impl LocalCa {
    pub(super) fn new(directory: &Path) -> Self {
        Self {
            directory: directory.to_owned(),
        }
    }

    pub(super) fn file(&self, name: &str) -> PathBuf {
        self.directory.join(name)
    }

    /// A certificate for these names that is good for a while. Makes what is
    /// missing.
    pub(super) fn certificate(&self, names: &[String]) -> Result<Certificate, ConfigError> {
        self.read_or_make(names)
            .map_err(|reason| ConfigError::value(KEY, format!("{}: {reason}", self.directory.display())))
    }

    fn read_or_make(&self, names: &[String]) -> Result<Certificate, Reason> {
        fs::create_dir_all(&self.directory).map_err(|error| error.to_string())?;
        let _lock = self.lock()?;
        if !self.file("ca.pem").exists() {
            self.make_ca(names)?;
        }
        match self.read(names) {
            Ok(certificate) => Ok(certificate),
            Err(why) => {
                self.make_leaf(names)?;
                info!(directory = %self.directory.display(), %why, "made a new certificate");
                self.read(names)
            }
        }
    }

    /// The certificate that is there, if it is good.
    fn read(&self, names: &[String]) -> Result<Certificate, Reason> {
        let certificate = read(&self.file("server.pem"), &self.file("server.key"))
            .map_err(|(Flaw::Certificate(flaw) | Flaw::Key(flaw))| flaw)?;
        let leaf = certificate
            .certified
            .end_entity_cert()
            .map_err(|error| error.to_string())?;
        self.verify(leaf, names)?;
        Ok(certificate)
    }

    /// As a client that trusts the CA would, a while from now.
    fn verify(&self, leaf: &CertificateDer<'_>, names: &[String]) -> Result<(), Reason> {
        let text = |error: &dyn std::fmt::Display| error.to_string();
        let ca = CertificateDer::from_pem_file(self.file("ca.pem")).map_err(|error| text(&error))?;
        let mut roots = RootCertStore::empty();
        roots.add(ca).map_err(|error| text(&error))?;
        let verifier =
            WebPkiServerVerifier::builder_with_provider(Arc::new(roots), Arc::new(default_provider())).build();
        let verifier = verifier.map_err(|error| text(&error))?;
        let then = SystemTime::now()
            .duration_since(SystemTime::UNIX_EPOCH)
            .unwrap_or_default()
            + RENEW;
        for name in names {
            let example = name.replace('*', "any");
            let server = ServerName::try_from(example).map_err(|error| text(&error))?;
            verifier
                .verify_server_cert(leaf, &[], &server, &[], UnixTime::since_unix_epoch(then))
                .map_err(|error| format!("the certificate is not good for {name} and 30 days: {error}"))?;
        }
        Ok(())
    }

    fn make_ca(&self, names: &[String]) -> Result<(), Reason> {
        let text = |error: rcgen::Error| error.to_string();
        let key = KeyPair::generate().map_err(text)?;
        let mut params = ca_params(&key);
        params.name_constraints = Some(NameConstraints {
            permitted_subtrees: permitted(names),
            excluded_subtrees: Vec::new(),
        });
        (params.not_before, params.not_after) = life(CA_LIFE);
        let certificate = params.self_signed(&key).map_err(text)?;
        // The certificate last: as soon as it is there the CA is.
        self.put("ca.key", &key.serialize_pem(), PRIVATE)?;
        self.put("ca.pem", &certificate.pem(), PUBLIC)?;
        info!(directory = %self.directory.display(), "made a local CA");
        Ok(())
    }

    fn make_leaf(&self, names: &[String]) -> Result<(), Reason> {
        let text = |error: rcgen::Error| error.to_string();
        let ca_key = fs::read_to_string(self.file("ca.key")).map_err(|error| {
            format!("ca.key: {error}; without it no certificate can be made: put it back, or remove ca.pem")
        })?;
        let ca_key = KeyPair::from_pem(&ca_key).map_err(|error| format!("ca.key: {error}"))?;
        let issuer = Issuer::new(ca_params(&ca_key), ca_key);
        let key = KeyPair::generate().map_err(text)?;
        let mut params = CertificateParams::new(names).map_err(text)?;
        params.distinguished_name = called("Radiodeck".into());
        params.use_authority_key_identifier_extension = true;
        params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
        params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
        (params.not_before, params.not_after) = life(LEAF_LIFE);
        let certificate = params.signed_by(&key, &issuer).map_err(text)?;
        // Names that the CA may not vouch for are found before what is there goes.
        self.verify(certificate.der(), names)?;
        self.put("server.key", &key.serialize_pem(), PRIVATE)?;
        self.put("server.pem", &certificate.pem(), PUBLIC)
    }

    fn put(&self, name: &str, pem: &str, mode: u32) -> Result<(), Reason> {
        replace(&self.file(name), pem.as_bytes(), mode).map_err(|error| format!("{name}: {error}"))
    }

    /// Held while this process looks at the directory and changes it.
    fn lock(&self) -> Result<File, Reason> {
        let file = File::create(self.file(".lock")).map_err(|error| format!(".lock: {error}"))?;
        let began = Instant::now();
        loop {
            match file.try_lock() {
                Ok(()) => return Ok(file),
                Err(fs::TryLockError::Error(error)) => return Err(format!(".lock: {error}")),
                Err(fs::TryLockError::WouldBlock) if began.elapsed() > LOCK_PATIENCE => {
                    return Err(".lock: another process holds it".into());
                }
                Err(fs::TryLockError::WouldBlock) => std::thread::sleep(Duration::from_millis(20)),
            }
        }
    }
}

/// All that a signature needs; the same every time for the same key, so the CA's
/// certificate has not to be parsed. The name tells one local CA from another in
/// a list of many.
fn ca_params(key: &KeyPair) -> CertificateParams {
    let mut params = CertificateParams::default();
    let id = params.key_identifier(key);
    let id: String = id.iter().take(4).map(|byte| format!("{byte:02x}")).collect();
    params.distinguished_name = called(format!("Radiodeck local CA {id}"));
    params.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
    params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
    params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
    params
}

fn called(name: String) -> DistinguishedName {
    let mut distinguished = DistinguishedName::new();
    distinguished.push(DnType::CommonName, name);
    distinguished
}

/// From yesterday, for clocks that are behind.
fn life<Date: From<SystemTime>>(length: Duration) -> (Date, Date) {
    let now = SystemTime::now();
    ((now - DAY).into(), (now + length).into())
}

/// What the CA may sign: these names, whatever is below them, these addresses.
fn permitted(names: &[String]) -> Vec<GeneralSubtree> {
    let bare = |name: &String| name.strip_prefix("*.").unwrap_or(name).to_owned();
    let all: Vec<String> = names.iter().map(bare).collect();
    let is_below = |name: &str, zone: &str| name.strip_suffix(zone).is_some_and(|rest| rest.ends_with('.'));
    let mut subtrees = Vec::new();
    for (index, name) in all.iter().enumerate() {
        if let Ok(address) = name.parse::<IpAddr>() {
            let bits = if address.is_ipv4() { 32 } else { 128 };
            subtrees.push(GeneralSubtree::IpAddress(CidrSubnet::from_addr_prefix(address, bits)));
        } else if !all[..index].contains(name) && !all.iter().any(|zone| is_below(name, zone)) {
            subtrees.push(GeneralSubtree::DnsName(name.clone()));
        }
    }
    subtrees
}

#[cfg(test)]
mod tests;
