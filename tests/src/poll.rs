//! Waiting for something to become true, instead of sleeping and hoping.

use std::fmt::Debug;
use std::time::{Duration, Instant};

/// Asks every 50 ms until `check` gives `Ok`, for at most `deadline`.
///
/// # Panics
/// With `what` and the last error when the deadline passes.
pub async fn until<T, E: Debug>(what: &str, deadline: Duration, mut check: impl AsyncFnMut() -> Result<T, E>) -> T {
    let end = Instant::now() + deadline;
    loop {
        match check().await {
            Ok(value) => return value,
            Err(error) if Instant::now() > end => panic!("{what}: not within {deadline:?}; last seen: {error:?}"),
            Err(_) => tokio::time::sleep(Duration::from_millis(50)).await,
        }
    }
}
