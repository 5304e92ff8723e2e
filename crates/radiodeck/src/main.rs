//! `radiodeck`: the operator's command line. It starts the stack, fills it,
//! measures it and breaks it on purpose. It starts the services as programs and
//! links none of them.

mod bench;
mod cli;
mod config;
mod drill;
mod error;
mod import;
mod measure;
mod migrate;
mod outfile;
mod secrets;
mod up;

use std::process::ExitCode;

use clap::Parser;

fn main() -> ExitCode {
    let cli = cli::Cli::parse();
    match cli.run() {
        Ok(code) => code,
        Err(error) => {
            eprintln!("radiodeck: {error}");
            ExitCode::from(error.exit_code())
        }
    }
}
