//! Waits for a load, shows how far it is, and ends it when somebody interrupts.

use std::time::Duration;

use super::Error;
use super::load::{Load, Recording};
use super::output::Progress;
use crate::up::Interrupt;

/// Waits for `load`, the step `name` of a measurement.
pub(crate) async fn watch(
    load: Load,
    name: &str,
    progress: &Progress,
    interrupt: &mut Interrupt,
) -> Result<Recording, Error> {
    progress.step(name, load.total());
    while !load.is_finished() {
        progress.at(load.done());
        tokio::select! {
            () = tokio::time::sleep(Duration::from_millis(100)) => {}
            () = interrupt.wait() => {
                load.stop();
                return Err(Error::Interrupted);
            }
        }
    }
    load.finish()
}
