//! What `up` prints: the services' log lines behind their names, its own
//! beside them, for people or as JSON.
//!
//! A thread of its own does the writing. When the terminal stands still (Ctrl-S,
//! a full pipe) lines are dropped and counted, and the stack goes on.

use std::io::{IsTerminal, Write};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;

use serde_json::{Map, Value, json};
use service::LogFormat;

use super::logline::LogLine;

/// Lines that may wait to be written.
const WAITING: usize = 4_096;
/// Width of the name before a line.
const NAME_WIDTH: usize = 8;

/// Where lines go. Cheap to clone.
#[derive(Debug, Clone)]
pub(crate) struct Output {
    format: LogFormat,
    colour: bool,
    lines: Arc<Mutex<Option<SyncSender<String>>>>,
    dropped: Arc<AtomicU64>,
    writer: Arc<Mutex<Option<JoinHandle<()>>>>,
}

impl Output {
    /// Standard output, in colour where that is a terminal and nobody objects.
    pub(crate) fn stdout(format: LogFormat) -> Self {
        let colour = std::io::stdout().is_terminal() && std::env::var_os("NO_COLOR").is_none();
        Self::to(std::io::stdout(), format, colour)
    }

    /// A file: for measurements, whose terminal shows figures.
    pub(crate) fn file(file: std::fs::File) -> Self {
        Self::to(file, LogFormat::Human, false)
    }

    fn to(mut sink: impl Write + Send + 'static, format: LogFormat, colour: bool) -> Self {
        let (lines, waiting): (_, Receiver<String>) = sync_channel(WAITING);
        let dropped = Arc::new(AtomicU64::new(0));
        let lost = dropped.clone();
        let writer = std::thread::spawn(move || {
            for line in waiting {
                let lost = lost.swap(0, Ordering::Relaxed);
                if lost > 0 {
                    let _ = writeln!(sink, "({lost} lines were dropped: nobody read them in time)");
                }
                // A reader that has gone is no reason to end the stack.
                let _ = writeln!(sink, "{line}");
                let _ = sink.flush();
            }
        });
        Self {
            format,
            colour,
            lines: Arc::new(Mutex::new(Some(lines))),
            dropped,
            writer: Arc::new(Mutex::new(Some(writer))),
        }
    }

    /// A line that a service wrote.
    pub(crate) fn service(&self, name: &str, line: &LogLine) {
        match self.format {
            LogFormat::Json => {
                let mut object = line.to_json();
                object.insert("service".into(), json!(name));
                self.write(Value::Object(object).to_string());
            }
            LogFormat::Human => {
                let level = self.paint_level(line.level());
                self.write(format!("{}{level}{}", self.prefix(name), line.text()));
            }
        }
    }

    /// A word of our own about `name`.
    pub(crate) fn say(&self, name: &str, text: &str) {
        match self.format {
            LogFormat::Json => self.event(text, [("service", json!(name))]),
            LogFormat::Human => self.write(format!("{}{text}", self.prefix(name))),
        }
    }

    /// A JSON event; in human form only its message.
    pub(crate) fn event(&self, message: &str, fields: impl IntoIterator<Item = (&'static str, Value)>) {
        match self.format {
            LogFormat::Json => {
                let mut object = Map::from_iter([
                    ("level".to_owned(), json!("INFO")),
                    ("message".to_owned(), json!(message)),
                    ("service".to_owned(), json!("up")),
                ]);
                object.extend(fields.into_iter().map(|(key, value)| (key.to_owned(), value)));
                self.write(Value::Object(object).to_string());
            }
            LogFormat::Human => self.say("up", message),
        }
    }

    /// Text as it is; nothing in JSON form, where every line is an object.
    pub(crate) fn plain(&self, text: &str) {
        if self.format == LogFormat::Human {
            self.write(text.to_owned());
        }
    }

    /// Writes what waits and ends the writer. Further lines go nowhere.
    pub(crate) fn finish(&self) {
        drop(self.lines.lock().unwrap_or_else(PoisonError::into_inner).take());
        if let Some(writer) = self.writer.lock().unwrap_or_else(PoisonError::into_inner).take() {
            let _ = writer.join();
        }
    }

    fn write(&self, line: String) {
        let lines = self.lines.lock().unwrap_or_else(PoisonError::into_inner);
        if lines.as_ref().is_some_and(|lines| lines.try_send(line).is_err()) {
            self.dropped.fetch_add(1, Ordering::Relaxed);
        }
    }

    fn prefix(&self, name: &str) -> String {
        let name = format!("{name:<NAME_WIDTH$} | ");
        if self.colour {
            paint(&name, colour_of(&name))
        } else {
            name
        }
    }

    fn paint_level(&self, level: Option<&str>) -> String {
        let Some(level) = level else { return String::new() };
        let text = format!("{level:<5} ");
        match level {
            "ERROR" if self.colour => paint(&text, 31),
            "WARN" if self.colour => paint(&text, 33),
            _ => text,
        }
    }
}

fn paint(text: &str, colour: u8) -> String {
    format!("\u{1b}[{colour}m{text}\u{1b}[0m")
}

/// The same name has always the same colour: green, blue, magenta or cyan.
fn colour_of(name: &str) -> u8 {
    const COLOURS: [u8; 4] = [32, 34, 35, 36];
    let sum: usize = name.trim_end().bytes().map(usize::from).sum();
    COLOURS[sum % COLOURS.len()]
}

#[cfg(test)]
mod tests {
    use std::io::Read;

    use super::*;

    fn printed(format: LogFormat, print: impl FnOnce(&Output)) -> String {
        let mut file = tempfile::tempfile().expect("a file");
        let output = Output::to(file.try_clone().expect("cloned"), format, false);
        print(&output);
        output.finish();
        let mut text = String::new();
        std::io::Seek::rewind(&mut file).expect("rewound");
        file.read_to_string(&mut text).expect("read");
        text
    }

    const LINE: &str = r#"{"timestamp":"t","level":"INFO","message":"listening","what":"http","addr":"127.0.0.1:1"}"#;

    #[test]
    fn a_log_line_is_printed_behind_the_name_of_its_service() {
        let text = printed(LogFormat::Human, |output| {
            output.service("app-1", &LogLine::parse(LINE));
            output.service("lb-1", &LogLine::parse("thread panicked"));
        });
        assert_eq!(
            text,
            "app-1    | INFO  listening addr=127.0.0.1:1 what=http\nlb-1     | thread panicked\n"
        );
    }

    #[test]
    fn as_json_every_line_is_an_object_with_the_service() {
        let text = printed(LogFormat::Json, |output| {
            output.service("app-1", &LogLine::parse(LINE));
            output.service("lb-1", &LogLine::parse("thread panicked"));
            output.plain("only for people");
            output.event("up", [("http", json!("127.0.0.1:8080"))]);
        });
        let lines: Vec<Value> = text
            .lines()
            .map(|line| serde_json::from_str(line).expect("json"))
            .collect();
        assert_eq!(lines[0]["service"], "app-1");
        assert_eq!(lines[0]["addr"], "127.0.0.1:1");
        assert_eq!(lines[1]["message"], "thread panicked");
        assert_eq!(lines[2]["message"], "up");
        assert_eq!(lines[2]["http"], "127.0.0.1:8080");
    }
}
