//! The certificate that both TLS servers present: ECDSA on P-256, for
//! `localhost`, signed by itself and good for this run alone.

use std::path::{Path, PathBuf};

use rustls::pki_types::CertificateDer;

use crate::measure::Error;

/// Name it is for.
pub(super) const NAME: &str = "localhost";

/// Its files, and itself for who has to trust it.
#[derive(Debug)]
pub(super) struct Certificate {
    pub(super) chain: PathBuf,
    pub(super) key: PathBuf,
    /// Both in one file, as HAProxy wants them.
    pub(super) both: PathBuf,
    pub(super) der: CertificateDer<'static>,
}

impl Certificate {
    /// Makes one in `folder`.
    pub(super) fn make(folder: &Path) -> Result<Self, Error> {
        let cannot = |why: &dyn std::fmt::Display| Error::CannotRun(format!("no certificate: {why}"));
        let made = rcgen::generate_simple_self_signed([NAME.to_owned()]).map_err(|error| cannot(&error))?;
        let (chain, key) = (made.cert.pem(), made.signing_key.serialize_pem());
        let write = |name: &str, text: &str| {
            let path = folder.join(name);
            std::fs::write(&path, text).map_err(|error| cannot(&error))?;
            Ok::<_, Error>(path)
        };
        Ok(Self {
            chain: write("certificate.pem", &chain)?,
            key: write("key.pem", &key)?,
            both: write("both.pem", &format!("{chain}{key}"))?,
            der: made.cert.der().clone(),
        })
    }
}
