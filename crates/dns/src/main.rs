//! `radiodeck-dns`: the authoritative name server. See the library for how it works.

use std::process::ExitCode;

fn main() -> ExitCode {
    service::main::<dns::NameServer>()
}
