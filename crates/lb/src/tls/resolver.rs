//! Which certificate a client gets: the one with exactly the name it asks for,
//! else one with a wildcard for it, else the first. Of several for one name, the
//! first whose signatures the client understands (an ECDSA certificate beside an
//! RSA one for old clients).

use std::collections::HashMap;
use std::sync::Arc;

use rustls::SignatureScheme;
use rustls::server::{ClientHello, ResolvesServerCert};
use rustls::sign::CertifiedKey;

use super::certificates::Certificate;

/// Certificates by name.
#[derive(Debug)]
pub(super) struct Resolver {
    /// Wildcards without their `*`, so that they begin with a dot.
    by_name: HashMap<String, Vec<Arc<CertifiedKey>>>,
    all: Vec<Arc<CertifiedKey>>,
}

impl Resolver {
    pub(super) fn new(certificates: &[Certificate]) -> Self {
        let mut by_name: HashMap<_, Vec<_>> = HashMap::new();
        for certificate in certificates {
            for name in &certificate.names {
                let name = name.strip_prefix('*').unwrap_or(name);
                by_name
                    .entry(name.to_owned())
                    .or_default()
                    .push(certificate.certified.clone());
            }
        }
        Self {
            by_name,
            all: certificates.iter().map(|one| one.certified.clone()).collect(),
        }
    }

    fn candidates(&self, name: Option<&str>) -> &[Arc<CertifiedKey>] {
        let Some(name) = name else { return &self.all };
        let exact = self.by_name.get(name);
        // A wildcard stands for one whole label (RFC 9525 6.3).
        let wildcard = || self.by_name.get(&name[name.find('.')?..]);
        exact.or_else(wildcard).unwrap_or(&self.all)
    }

    fn choose(&self, name: Option<&str>, schemes: &[SignatureScheme]) -> Option<Arc<CertifiedKey>> {
        let candidates = self.candidates(name);
        let understood = |one: &&Arc<CertifiedKey>| one.key.choose_scheme(schemes).is_some();
        candidates.iter().find(understood).or(candidates.first()).cloned()
    }
}

impl ResolvesServerCert for Resolver {
    fn resolve(&self, hello: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        // rustls gives the name in small letters.
        self.choose(hello.server_name(), hello.signature_schemes())
    }
}
