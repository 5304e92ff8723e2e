//! `radiodeck-promotion`: Patroni's `pre_promote` command. Exits with 0 when this node has
//! every write that was ever acknowledged, and with 1 when that cannot be shown in time.

use std::process::ExitCode;

use clap::Parser;
use fence::{Config, confirm};
use service::{Args, ConfigSource};
use tokio::runtime::Builder;
use tracing::{error, info};

fn main() -> ExitCode {
    let args = Args::parse();
    let source = ConfigSource {
        path: args.config,
        prefix: fence::ENV_PREFIX,
    };
    let config: Config = match source.read_checked() {
        Ok(config) => config,
        Err(error) => {
            eprintln!("radiodeck-promotion: {error}");
            return ExitCode::FAILURE;
        }
    };
    if args.check {
        eprintln!("radiodeck-promotion: configuration is valid");
        return ExitCode::SUCCESS;
    }
    service::init_tracing(args.log_format.unwrap_or(config.service.log_format), "info");
    let runtime = match Builder::new_current_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => {
            error!(%error, "no runtime");
            return ExitCode::FAILURE;
        }
    };
    match runtime.block_on(confirm(&config)) {
        Ok(confirmed) => {
            info!(%confirmed, "promotion confirmed");
            ExitCode::SUCCESS
        }
        Err(refusal) => {
            error!(%refusal, "promotion refused");
            ExitCode::FAILURE
        }
    }
}
