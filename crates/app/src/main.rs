//! The binary `radiodeck-app`; everything is in the library.

use std::process::ExitCode;

fn main() -> ExitCode {
    service::main::<app::App>()
}
