//! Pages that take the place of the balancer's own for an error. They are read
//! with the configuration, which so is whole: at the time of an error nothing
//! has to be there any more.

use std::collections::BTreeMap;
use std::fmt;
use std::fs::File;
use std::io::{self, Read};
use std::path::PathBuf;
use std::sync::Arc;

use serde::Deserialize;
use service::ConfigError;

/// Where a page shows the request's id.
const REQUEST_ID: &str = "{{request_id}}";

/// A page's size, bytes.
const MAX_BYTES: u64 = 256 * 1024;

/// Pages of the operator's own.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct ErrorsConfig {
    /// By status, such as `"503"`, the file of an HTML page.
    pub pages: BTreeMap<String, ErrorPage>,
}

impl ErrorsConfig {
    /// The page for a status, filled in.
    pub(crate) fn page(&self, status: http::StatusCode, request_id: &str) -> Option<String> {
        let page = self.pages.get(status.as_str())?;
        Some(page.pieces.join(request_id))
    }

    pub(super) fn check(&self) -> Result<(), ConfigError> {
        for status in self.pages.keys() {
            let number: Option<u16> = status.parse().ok().filter(|_| status.len() == 3);
            if !number.is_some_and(|number| (400..=599).contains(&number)) {
                return Err(ConfigError::value(
                    format!("errors.pages.{status}"),
                    "is no status of an error: 400 to 599 are",
                ));
            }
        }
        Ok(())
    }
}

/// A page, read.
#[derive(Clone, Deserialize)]
#[serde(try_from = "PathBuf")]
pub struct ErrorPage {
    path: PathBuf,
    /// The text between the places of the request's id.
    pieces: Arc<[String]>,
}

impl fmt::Debug for ErrorPage {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&self.path, formatter)
    }
}

impl TryFrom<PathBuf> for ErrorPage {
    type Error = String;

    fn try_from(path: PathBuf) -> Result<Self, String> {
        let refuse = |what: &dyn fmt::Display| format!("{}: {what}", path.display());
        let text = read(&path).map_err(|error| refuse(&error))?;
        if text.len() as u64 > MAX_BYTES {
            return Err(refuse(&format_args!("is longer than {MAX_BYTES} bytes")));
        }
        Ok(Self {
            pieces: text.split(REQUEST_ID).map(str::to_owned).collect(),
            path,
        })
    }
}

/// Reads no more than is needed to see that it is too much.
fn read(path: &std::path::Path) -> io::Result<String> {
    let mut text = String::new();
    File::open(path)?.take(MAX_BYTES + 1).read_to_string(&mut text)?;
    Ok(text)
}
