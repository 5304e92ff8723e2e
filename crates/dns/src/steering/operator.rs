//! The operator's word on an address, which outranks its probe, on the admin listener:
//! `POST /steering/ADDRESS/up`, `/down` or `/auto`. It holds until the process ends.

use std::net::IpAddr;
use std::sync::Arc;

use serde_json::Value;
use service::{ActionPath, Context, Refused};

use super::Steering;

/// What the operator wants of an address.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Word {
    /// What its probe says.
    Auto,
    /// It is given out, whatever the probe says.
    Up,
    /// It is not given out, also when all are down.
    Down,
}

impl Word {
    /// Its name in `/status` and in the action's path.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Auto => "auto",
            Self::Up => "up",
            Self::Down => "down",
        }
    }
}

/// Adds the actions.
pub(super) fn register(context: &mut Context, steering: &Arc<Steering>) {
    let steering = steering.clone();
    context.action("/steering/{address}/{word}", move |path| act(&steering, path));
}

fn act(steering: &Steering, path: &ActionPath) -> Result<Value, Refused> {
    let part = |name: &str| path.get(name).map(String::as_str).unwrap_or_default();
    let words = [Word::Auto, Word::Up, Word::Down];
    let word = words.into_iter().find(|word| word.name() == part("word"));
    let word = word.ok_or_else(|| Refused::not_found(format!("`{}` is none of up, down and auto", part("word"))))?;
    let address = part("address");
    let parsed: IpAddr = address
        .parse()
        .map_err(|_| Refused::not_found(format!("`{address}` is no IP address")))?;
    let told = steering.say(parsed, word);
    told.ok_or_else(|| Refused::not_found(format!("{parsed} is not one of steering.targets")))
}
