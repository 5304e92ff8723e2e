//! Pure verdicts about other machines: no I/O and no clock of its own. What was
//! observed and what time it is are passed in, transitions come out.
//!
//! - [`Health`] turns a stream of probe results into up and down, by rise and
//!   fall thresholds, and answers only when the verdict changes.
//! - [`Outlier`] turns failures of live traffic into ejections that grow longer
//!   each time.
//! - [`Concurrency`] turns the time that answers take into how many requests a
//!   group of machines may have at once.
//! - [`Sliding`] and [`RatioRules`] find the machine whose share of errors is too
//!   large and stands out in its pool.
//! - [`may_eject`] keeps ejections from emptying a pool.
//! - [`SlowStart`] says how much a machine gets that has come back.
//!
//! Never here: sockets, tasks, logging.

mod concurrency;
mod outlier;
mod ratio;
mod share;
mod slow_start;
mod thresholds;

pub use concurrency::{Concurrency, ConcurrencyRules};
pub use outlier::{Outlier, OutlierRules};
pub use ratio::{Counts, RatioRules, Sliding};
pub use share::may_eject;
pub use slow_start::SlowStart;
pub use thresholds::{Health, Standing, Thresholds, Transition};
