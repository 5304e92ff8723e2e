//! The part of the configuration that comes from the environment: which variables
//! are ours, how they are read, and which one an error is about.

use std::ffi::OsString;

use toml::{Table, Value};

use crate::ConfigError;

/// The variables of this process that belong to the service with this prefix, as
/// [`crate::load`] takes them. Those of others are nobody's business here: they need
/// not even be text.
///
/// # Errors
/// A variable of ours that is not UTF-8, by name.
pub fn environment(prefix: &str) -> Result<Vec<(String, String)>, ConfigError> {
    ours(prefix, std::env::vars_os())
}

fn ours(
    prefix: &str,
    variables: impl Iterator<Item = (OsString, OsString)>,
) -> Result<Vec<(String, String)>, ConfigError> {
    let marker = marker(prefix);
    let is_ours = |(name, _): &(OsString, OsString)| name.as_encoded_bytes().starts_with(marker.as_bytes());
    let text = |(name, value): (OsString, OsString)| match (name.into_string(), value.into_string()) {
        (Ok(name), Ok(value)) => Ok((name, value)),
        (name, _) => {
            let name = name.unwrap_or_else(|name| name.to_string_lossy().into_owned());
            Err(ConfigError::Key {
                key: keys(&name, &marker).join("."),
                origin: format!("(environment variable {name})"),
                message: "is not valid UTF-8".into(),
            })
        }
    };
    variables.filter(is_ours).map(text).collect()
}

fn marker(prefix: &str) -> String {
    format!("{prefix}__")
}

fn keys(variable: &str, marker: &str) -> Vec<String> {
    let path = variable.strip_prefix(marker).unwrap_or(variable);
    path.split("__").map(str::to_lowercase).collect()
}

/// What the environment has set.
#[derive(Debug)]
pub(crate) struct Overrides(Vec<Override>);

#[derive(Debug)]
struct Override {
    keys: Vec<String>,
    variable: String,
    raw: String,
    /// Whether `raw` stands in the table as it is.
    as_string: bool,
}

impl Overrides {
    /// Lays those of `environment` that are the service's over `table`.
    pub(crate) fn lay(
        table: &mut Table,
        prefix: &str,
        environment: impl IntoIterator<Item = (String, String)>,
    ) -> Result<Self, ConfigError> {
        let marker = marker(prefix);
        let mut overrides = Vec::new();
        for (variable, raw) in environment {
            if !variable.starts_with(&marker) {
                continue;
            }
            let keys = keys(&variable, &marker);
            let value = parse_value(&raw);
            let as_string = value.is_str();
            set(table, &keys, value).map_err(|key| ConfigError::Key {
                origin: format!("(environment variable {variable})"),
                key,
                message: "is not a table, so nothing below it can be set".into(),
            })?;
            overrides.push(Override {
                keys,
                variable,
                raw,
                as_string,
            });
        }
        Ok(Self(overrides))
    }

    /// The variable that an error at `key` is about.
    pub(crate) fn origin_of(&self, key: &str, message: &str) -> Option<&str> {
        let set = self.0.iter().find(|set| set.holds(key));
        // What was made a table only to set something below it. Where a field is
        // missing, it is not the fields beside it that are wrong.
        let below = || {
            let within = |set: &&Override| set.path().starts_with(&format!("{key}."));
            self.0
                .iter()
                .find(within)
                .filter(|_| !message.starts_with("missing field"))
        };
        set.or_else(below).map(|set| set.variable.as_str())
    }

    /// Puts the raw text of the variable that set `key` into `table`. False when there
    /// is none, or its text is there already. A key within what a variable has set is
    /// none: a list whose element is wrong is meant as a list.
    pub(crate) fn take_as_string(&mut self, table: &mut Table, key: &str) -> bool {
        let Some(found) = self.0.iter_mut().find(|set| !set.as_string && set.path() == key) else {
            return false;
        };
        found.as_string = true;
        set(table, &found.keys, Value::String(found.raw.clone())).is_ok()
    }
}

impl Override {
    fn path(&self) -> String {
        self.keys.join(".")
    }

    /// Whether `key` is what this has set, or within it.
    fn holds(&self, key: &str) -> bool {
        key.strip_prefix(&self.path())
            .is_some_and(|rest| rest.is_empty() || rest.starts_with(['.', '[']))
    }
}

fn parse_value(raw: &str) -> Value {
    toml::from_str::<Table>(&format!("v = {raw}"))
        .ok()
        .and_then(|mut table| table.remove("v"))
        .unwrap_or_else(|| Value::String(raw.to_owned()))
}

/// Puts `value` at the path `keys`; the error is the key that is in the way.
fn set(table: &mut Table, keys: &[String], value: Value) -> Result<(), String> {
    let Some((first, rest)) = keys.split_first() else {
        return Ok(());
    };
    if rest.is_empty() {
        table.insert(first.clone(), value);
        return Ok(());
    }
    match table.entry(first.clone()).or_insert_with(|| Value::Table(Table::new())) {
        Value::Table(inner) => set(inner, rest, value).map_err(|key| format!("{first}.{key}")),
        _ => Err(first.clone()),
    }
}
