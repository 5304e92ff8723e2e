//! What a measurement shows while it runs and in the end.

use std::io::{IsTerminal, Write};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Duration;

use indicatif::{ProgressBar, ProgressStyle};

use super::report::Report;
use super::{Error, table};
use crate::outfile;

/// A bar on a terminal, a line a step elsewhere.
#[derive(Debug)]
pub(crate) struct Progress {
    bar: Option<ProgressBar>,
}

impl Progress {
    /// Begins with nothing done.
    pub(crate) fn start() -> Self {
        let bar = std::io::stderr().is_terminal().then(|| {
            let bar = ProgressBar::new(0);
            let style = ProgressStyle::with_template("{spinner} {msg:40!} [{bar:30}] {elapsed}")
                .unwrap_or_else(|_| ProgressStyle::default_bar());
            bar.set_style(style);
            bar.enable_steady_tick(Duration::from_millis(100));
            bar
        });
        Self { bar }
    }

    /// A new step of `length` parts, 0 if that is not known.
    pub(crate) fn step(&self, text: &str, length: usize) {
        match &self.bar {
            Some(bar) => {
                bar.set_length(length as u64);
                bar.set_position(0);
                bar.set_message(text.to_owned());
            }
            None => eprintln!("radiodeck: {text}"),
        }
    }

    /// How many parts of the step are done.
    pub(crate) fn at(&self, position: usize) {
        if let Some(bar) = &self.bar {
            bar.set_position(position as u64);
        }
    }

    /// Something that happened, to be kept on the screen.
    pub(crate) fn note(&self, text: &str) {
        match &self.bar {
            Some(bar) => bar.println(format!("  {text}")),
            None => eprintln!("radiodeck: {text}"),
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

/// Prints the table, then writes the JSON where asked to, and gives the exit code.
pub(crate) fn conclude(report: &Report, json: Option<&Path>) -> Result<ExitCode, Error> {
    print(&format!("{}\n{}", report.name, table::terminal(report)));
    if let Some(path) = json {
        report.write(path)?;
    }
    Ok(ExitCode::from(report.verdict().exit_code()))
}

/// Finds out whether what is measured can be written in the end, before it is measured.
pub(crate) fn check<'a>(files: impl IntoIterator<Item = &'a PathBuf>) -> Result<(), Error> {
    for path in files {
        outfile::check(path).map_err(|source| Error::Write {
            path: path.clone(),
            source,
        })?;
    }
    Ok(())
}

/// A report of a run that could not be: the reason stands where figures would.
pub(crate) fn could_not_run(name: &str, error: &Error) -> Report {
    let mut report = Report::new(name);
    report.missing(error.to_string());
    report
}

/// Writes to standard output. A reader that has gone takes nothing from the verdict.
pub(crate) fn print(text: &str) {
    let _ = std::io::stdout().write_all(text.as_bytes());
}
