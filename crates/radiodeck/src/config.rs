//! The configuration of `migrate` and `import`: where the database is.

use std::path::Path;

use catalog::DatabaseConfig;
use serde::Deserialize;
use service::ConfigError;

use crate::error::Error;
use crate::up::Layout;

/// A configuration file such as config/migrate.toml.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct CliConfig {
    /// The nodes, and the role that owns the tables.
    pub(crate) database: DatabaseConfig,
}

const PREFIX: &str = "RADIODECK_CLI";

/// Reads `path`, overridden by `RADIODECK_CLI__DATABASE__...` in the environment.
pub(crate) fn load(path: &Path) -> Result<CliConfig, ConfigError> {
    let config: CliConfig = service::load(Some(path), PREFIX, service::environment(PREFIX)?)?;
    match config.database.check() {
        Ok(()) => Ok(config),
        // The text begins with the key.
        Err(text) => {
            let (key, message) = text.split_once(": ").unwrap_or(("", &text));
            Err(ConfigError::value(format!("database.{key}"), message))
        }
    }
}

/// The configuration at `path`, else that which a running `radiodeck up` has written for us.
pub(crate) fn load_or_running(path: Option<&Path>, data: Option<&Path>) -> Result<CliConfig, Error> {
    if let Some(path) = path {
        return Ok(load(path)?);
    }
    let layout = Layout::find(data)?;
    if !layout.state().is_file() {
        return Err(Error::NoStack {
            data: layout.root().to_owned(),
        });
    }
    Ok(load(&layout.owner_config())?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_file_in_the_repository_is_valid() {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../config/migrate.toml");
        let config = load(&path).expect("valid");
        assert_eq!(config.database.user, "radiodeck_owner");
        assert_eq!(config.database.nodes.len(), 3);
    }

    #[test]
    fn without_a_configuration_and_without_a_stack_both_ways_are_named() {
        let folder = tempfile::tempdir().expect("a folder");
        let error = load_or_running(None, Some(folder.path()))
            .expect_err("no stack")
            .to_string();
        assert!(error.contains("radiodeck up") && error.contains("--config"), "{error}");
        assert!(error.contains(&folder.path().display().to_string()), "{error}");
    }
}
