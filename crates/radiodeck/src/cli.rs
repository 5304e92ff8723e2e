//! The subcommands and their help; each lives in a module of its name.

use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Parser, Subcommand};

use crate::error::Error;
use crate::{bench, drill, import, migrate, secrets, up};

const EXAMPLES: &str = "\
Examples:
  radiodeck                                 the whole stack on http://www.radiodeck.localhost:8080
  radiodeck up --http-port 0 --apps 3       the same on a free port, with three app servers
  radiodeck import radio-browser            the public directory of 50,000 stations
  radiodeck bench api --json api.json       what a request costs, against its bounds
  radiodeck drill failover                  kill servers under load and count what was lost";

/// Radiodeck, a radio website that grows: start it, fill it, measure it, break it.
///
/// Without a subcommand it is `up`: the whole stack as processes on this
/// machine, without Docker.
#[derive(Debug, Parser)]
#[command(name = "radiodeck", version, after_help = EXAMPLES, args_conflicts_with_subcommands = true)]
pub(crate) struct Cli {
    #[command(subcommand)]
    command: Option<Command>,
    #[command(flatten)]
    up: up::Args,
}

#[derive(Debug, Subcommand)]
enum Command {
    Up(up::Args),
    /// Write the passwords and the signing key that are not there yet.
    ///
    /// Writes app/app_password, app/signing_key, owner/owner_password and
    /// db/replication_password below DIR, readable by their owner only. What is
    /// there already is kept: the command may run at every start.
    Secrets {
        /// Folder of the secrets; made if missing.
        dir: PathBuf,
    },
    Migrate(migrate::Args),
    Import(import::Args),
    Bench(bench::Args),
    Drill(drill::Args),
    /// Starts a program that ends when this one does (used by `up`).
    #[command(hide = true, name = up::LEASH)]
    Leash(up::LeashArgs),
    /// An app server that fails on demand (used by `drill lb`).
    #[command(hide = true, name = drill::ORIGIN)]
    Origin(drill::OriginArgs),
}

impl Cli {
    /// Runs the command to its end.
    pub(crate) fn run(self) -> Result<ExitCode, Error> {
        match self.command.unwrap_or(Command::Up(self.up)) {
            Command::Up(args) => up::run(args),
            Command::Secrets { dir } => secrets::run(&dir),
            Command::Migrate(args) => migrate::run(args),
            Command::Import(args) => import::run(args),
            Command::Bench(args) => bench::run(args),
            Command::Drill(args) => drill::run(args),
            Command::Leash(args) => {
                up::leash(&args);
                Ok(ExitCode::SUCCESS)
            }
            Command::Origin(args) => Ok(drill::origin(&args)?),
        }
    }
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;

    #[test]
    fn the_command_line_is_well_formed() {
        Cli::command().debug_assert();
    }

    #[test]
    fn without_a_subcommand_it_is_up_with_its_options() {
        let cli = Cli::try_parse_from(["radiodeck", "--http-port", "0"]).expect("valid");
        assert!(cli.command.is_none());
        assert_eq!(cli.up.http_port, 0);
    }
}
