//! How far an import is: a bar on a terminal, a line now and then elsewhere.

use std::io::IsTerminal;
use std::time::{Duration, Instant};

use indicatif::{ProgressBar, ProgressStyle};

/// Between two lines where there is no terminal.
const LINE_EVERY: Duration = Duration::from_secs(5);

/// Shows progress.
pub(super) struct Progress {
    bar: Option<ProgressBar>,
    began: Instant,
    last_line: Instant,
}

impl Progress {
    /// Nothing of `total` bytes has been read.
    pub(super) fn start(total: Option<u64>) -> Self {
        let bar = std::io::stderr().is_terminal().then(|| {
            let (bar, template) = match total {
                Some(total) => (
                    ProgressBar::new(total),
                    "{bar:30} {bytes}/{total_bytes}, {msg}, {elapsed}, {eta} to go",
                ),
                None => (ProgressBar::new_spinner(), "{spinner} {bytes}, {msg}, {elapsed}"),
            };
            bar.set_style(ProgressStyle::with_template(template).unwrap_or_else(|_| ProgressStyle::default_bar()));
            bar
        });
        let now = Instant::now();
        Self {
            bar,
            began: now,
            last_line: now,
        }
    }

    /// A batch is done.
    pub(super) fn at(&mut self, progress: &catalog::import::Progress) {
        let text = format!("{} rows, {} of them bad", progress.rows, progress.bad);
        match &self.bar {
            Some(bar) => {
                bar.set_message(text);
                bar.set_position(progress.bytes_read);
            }
            None if self.last_line.elapsed() >= LINE_EVERY => {
                self.last_line = Instant::now();
                eprintln!("radiodeck: {text}, after {} s", self.began.elapsed().as_secs());
            }
            None => {}
        }
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        if let Some(bar) = &self.bar {
            bar.finish_and_clear();
        }
    }
}
