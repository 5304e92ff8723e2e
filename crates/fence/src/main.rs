//! `radiodeck-fence`: deposes a dead leader. See the library for how, and why it is safe.

use std::process::ExitCode;

fn main() -> ExitCode {
    service::main::<fence::Agent>()
}
