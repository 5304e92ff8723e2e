//! Configuration: a TOML file, overridden key by key from the environment,
//! checked whole before anything starts.
//!
//! `RADIODECK_LB__SERVICE__ADMIN_LISTEN` overrides `admin_listen` in
//! `[service]` of the balancer: the prefix names the service, two underscores
//! go one level down. A value that reads as a TOML value is taken as one
//! (`8080`, `true`, `["a", "b"]`, `[{ name = "pg-1" }]`), anything else is a string,
//! and so is what must be one (a password `1234`).

use std::path::{Path, PathBuf};

use serde::de::DeserializeOwned;
use thiserror::Error;
use toml::{Table, Value};

use crate::environment::Overrides;

/// Why a configuration cannot be used. The operator's fault; retrying without
/// an edit does not help.
#[derive(Debug, Error)]
pub enum ConfigError {
    /// The file cannot be read.
    #[error("configuration {}: cannot be read: {source}", path.display())]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// The file is not TOML.
    #[error("configuration {}: not valid TOML: {message}", path.display())]
    Syntax {
        /// The file.
        path: PathBuf,
        /// Line, column and reason.
        message: String,
    },
    /// A key is unknown, missing or holds a value of the wrong type.
    #[error("configuration {origin}: key `{key}`: {message}")]
    Key {
        /// The file with its line, or the environment variable.
        origin: String,
        /// Full path of the key, such as `pools.www.servers[0]`.
        key: String,
        /// What is wrong and what is allowed.
        message: String,
    },
    /// A value is of the right type and still cannot be used.
    #[error("configuration key `{key}`: {message}")]
    Value {
        /// Full path of the key.
        key: String,
        /// What is wrong and what is allowed.
        message: String,
    },
}

impl ConfigError {
    /// A value that cannot be used, for checks that types cannot express.
    pub fn value(key: impl Into<String>, message: impl Into<String>) -> Self {
        Self::Value {
            key: key.into(),
            message: message.into(),
        }
    }
}

/// Reads `path` (or nothing), lays `environment` over it and deserialises the
/// whole. `prefix` is the service's, such as `RADIODECK_LB`.
///
/// # Errors
/// The first thing that is wrong, with the file and line or the variable that
/// said it and the full path of the key.
pub fn load<T: DeserializeOwned>(
    path: Option<&Path>,
    prefix: &str,
    environment: impl IntoIterator<Item = (String, String)>,
) -> Result<T, ConfigError> {
    let text = match path {
        Some(path) => std::fs::read_to_string(path).map_err(|source| ConfigError::Unreadable {
            path: path.to_owned(),
            source,
        })?,
        None => String::new(),
    };
    let mut table: Table = toml::from_str(&text).map_err(|error| ConfigError::Syntax {
        path: path.map(Path::to_owned).unwrap_or_default(),
        message: error.to_string(),
    })?;

    let mut overrides = Overrides::lay(&mut table, prefix, environment)?;
    deserialize(table, &mut overrides).map_err(|error| {
        let key = error.path().to_string();
        let message = error.inner().message().trim().to_owned();
        let origin = match (overrides.origin_of(&key, &message), path) {
            (Some(variable), _) => format!("(environment variable {variable})"),
            (None, Some(path)) => match line_of::<T>(&text) {
                Some(line) => format!("{}:{line}", path.display()),
                None => path.display().to_string(),
            },
            (None, None) => "(built-in defaults)".into(),
        };
        ConfigError::Key { origin, key, message }
    })
}

type PathError = serde_path_to_error::Error<toml::de::Error>;

/// A value from the environment that reads as a number and should be a string is
/// told by the error only. Each is tried once as a string; what is no better so is
/// reported as it was read first.
fn deserialize<T: DeserializeOwned>(mut table: Table, overrides: &mut Overrides) -> Result<T, PathError> {
    let mut tried: Option<(String, PathError)> = None;
    loop {
        let error = match serde_path_to_error::deserialize(Value::Table(table.clone())) {
            Ok(config) => return Ok(config),
            Err(error) => error,
        };
        let key = error.path().to_string();
        match tried.take() {
            Some((before, first)) if before == key => return Err(first),
            _ => {}
        }
        if !overrides.take_as_string(&mut table, &key) {
            return Err(error);
        }
        tried = Some((key, error));
    }
}

/// Reading the text alone, without overrides, fails at the same place and
/// knows the line; a merged table has lost it.
fn line_of<T: DeserializeOwned>(text: &str) -> Option<usize> {
    let error = toml::from_str::<T>(text).err()?;
    let start = error.span()?.start;
    Some(text[..start].matches('\n').count() + 1)
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use serde::Deserialize;

    use super::*;

    #[derive(Debug, Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Outer {
        #[serde(default)]
        port: u16,
        inner: Inner,
    }

    #[derive(Debug, Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Inner {
        name: String,
        #[serde(default)]
        list: Vec<u16>,
    }

    fn load_text(text: &str, environment: &[(&str, &str)]) -> Result<Outer, ConfigError> {
        let mut file = tempfile::NamedTempFile::new().expect("a temporary file");
        file.write_all(text.as_bytes()).expect("written");
        load(
            Some(file.path()),
            "RADIODECK_X",
            environment.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned())),
        )
    }

    #[test]
    fn the_environment_overrides_the_file() {
        let outer = load_text(
            "port = 1\n[inner]\nname = \"a\"\n",
            &[
                ("RADIODECK_X__PORT", "2"),
                ("RADIODECK_X__INNER__NAME", "plain words"),
                ("RADIODECK_X__INNER__LIST", "[3, 4]"),
                ("RADIODECK_Y__PORT", "9"),
            ],
        )
        .expect("valid");
        assert_eq!(outer.port, 2);
        assert_eq!(outer.inner.name, "plain words");
        assert_eq!(outer.inner.list, [3, 4]);
    }

    #[test]
    fn an_unknown_key_is_named_with_its_full_path_and_line() {
        let error = load_text("port = 1\n[inner]\nname = \"a\"\nnmae = 2\n", &[]).expect_err("unknown key");
        let text = error.to_string();
        assert!(text.contains(":4:"), "{text}");
        assert!(text.contains("inner.nmae"), "{text}");
        assert!(text.contains("expected `name` or `list`"), "{text}");
    }

    #[test]
    fn a_wrong_type_names_the_element_of_the_list() {
        let error = load_text("[inner]\nname = \"a\"\nlist = [1, \"x\"]\n", &[]).expect_err("wrong type");
        let text = error.to_string();
        assert!(text.contains("inner.list[1]"), "{text}");
    }

    #[test]
    fn a_bad_override_names_its_variable() {
        let error = load_text("[inner]\nname = \"a\"\n", &[("RADIODECK_X__PORT", "many")]).expect_err("bad override");
        let text = error.to_string();
        assert!(text.contains("RADIODECK_X__PORT"), "{text}");
        assert!(text.contains("`port`"), "{text}");
    }

    #[test]
    fn an_override_below_a_list_names_its_variable() {
        let error = load_text("[inner]\nname = \"a\"\n", &[("RADIODECK_X__INNER__LIST__0__X", "1")])
            .expect_err("a table where a list belongs");
        let text = error.to_string();
        assert!(text.contains("RADIODECK_X__INNER__LIST__0__X"), "{text}");
        assert!(text.contains("`inner.list`"), "{text}");
        // Without a file, too.
        let environment = [("RADIODECK_X__INNER__0__NAME".to_owned(), "a".to_owned())];
        let text = load::<Outer>(None, "RADIODECK_X", environment)
            .expect_err("no such key")
            .to_string();
        assert!(text.contains("RADIODECK_X__INNER__0__NAME"), "{text}");
    }

    #[test]
    fn what_is_missing_is_not_blamed_on_a_variable_beside_it() {
        let error = load_text("[inner]\n", &[("RADIODECK_X__INNER__LIST", "[1]")]).expect_err("no name");
        let text = error.to_string();
        assert!(text.contains("missing field `name`"), "{text}");
        assert!(!text.contains("RADIODECK_X"), "{text}");
    }

    #[test]
    fn a_string_from_the_environment_may_look_like_another_value() {
        for raw in ["1", "12e5", "true", "2024-01-01", "[1]", "0x10"] {
            let outer = load_text(
                "[inner]\n",
                &[("RADIODECK_X__INNER__NAME", raw), ("RADIODECK_X__PORT", "2")],
            )
            .expect("a string");
            assert_eq!((outer.inner.name.as_str(), outer.port), (raw, 2));
        }
    }

    #[test]
    fn an_override_that_is_no_better_as_a_string_keeps_its_first_error() {
        let environment = [("RADIODECK_X__INNER__NAME", "7"), ("RADIODECK_X__PORT", "1.5")];
        let text = load_text("[inner]\n", &environment).expect_err("no port").to_string();
        assert!(text.contains("RADIODECK_X__PORT"), "{text}");
        assert!(text.contains("floating point `1.5`"), "{text}");
        let environment = [("RADIODECK_X__INNER", "{ name = \"a\", list = [1, \"x\"] }")];
        let text = load_text("", &environment).expect_err("no list").to_string();
        assert!(text.contains("`inner.list[1]`"), "{text}");
    }

    #[test]
    fn broken_toml_names_line_and_column() {
        let error = load_text("port = \n", &[]).expect_err("broken");
        assert!(error.to_string().contains("line 1"), "{error}");
    }

    #[test]
    fn a_missing_file_is_named() {
        let error = load::<Outer>(Some(Path::new("/nowhere/x.toml")), "X", []).expect_err("missing");
        assert!(error.to_string().contains("/nowhere/x.toml"), "{error}");
    }
}
