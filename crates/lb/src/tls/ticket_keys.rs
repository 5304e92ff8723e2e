//! The file of secrets that the balancers of a stack share for session tickets:
//! 64 hexadecimal digits a line. Whoever starts first makes it.

use std::fmt::Write;
use std::fs;
use std::io::ErrorKind;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use ring::rand::{SecureRandom, SystemRandom};
use service::ConfigError;
use tracing::warn;

use super::files;
use super::tickets::SECRET;

const KEY: &str = "tls.ticket_keys";
/// More than one is for the day on which it is changed.
const MOST: usize = 8;
const COMMENT: &str = "# Secrets for TLS session tickets. The first line makes tickets, all open them.\n\
     # To change it: a new first line in the file of every balancer; a day later take the last one out.\n";

/// The secrets in a file, which is made if it is not there.
pub(super) fn read_or_make(path: &Path) -> Result<Vec<[u8; SECRET]>, ConfigError> {
    let wrong = |what: &dyn std::fmt::Display| ConfigError::value(KEY, format!("{}: {what}", path.display()));
    let text = match fs::read_to_string(path) {
        Err(error) if error.kind() == ErrorKind::NotFound => {
            let mut text = COMMENT.to_owned();
            for byte in random()? {
                let _infallible = write!(text, "{byte:02x}");
            }
            text.push('\n');
            files::make_once(path, text.as_bytes(), files::PRIVATE).map_err(|error| wrong(&error))?;
            // Another balancer's, if that was first.
            fs::read_to_string(path)
        }
        result => result,
    }
    .map_err(|error| wrong(&error))?;
    let mode = fs::metadata(path).map_or(0, |meta| meta.permissions().mode());
    if mode & 0o077 != 0 {
        warn!(file = %path.display(), mode = format!("{:o}", mode & 0o777), "others may read the secrets for session tickets");
    }
    parse(&text).map_err(|what| wrong(&what))
}

/// A secret that only this process knows.
pub(super) fn random() -> Result<[u8; SECRET], ConfigError> {
    let mut secret = [0; SECRET];
    let filled = SystemRandom::new().fill(&mut secret);
    filled.map_err(|_| ConfigError::value(KEY, "the system has no random numbers"))?;
    Ok(secret)
}

fn parse(text: &str) -> Result<Vec<[u8; SECRET]>, String> {
    let lines = text.lines().map(str::trim).enumerate();
    let secrets: Vec<_> = lines
        .filter(|(_, line)| !line.is_empty() && !line.starts_with('#'))
        .map(|(index, line)| {
            secret(line).ok_or_else(|| format!("line {}: not {} hexadecimal digits", index + 1, 2 * SECRET))
        })
        .collect::<Result<_, _>>()?;
    if secrets.is_empty() || secrets.len() > MOST {
        return Err(format!("{} secrets: 1 to {MOST} are allowed", secrets.len()));
    }
    Ok(secrets)
}

fn secret(line: &str) -> Option<[u8; SECRET]> {
    let digits = line.as_bytes();
    if digits.len() != 2 * SECRET {
        return None;
    }
    let mut secret = [0; SECRET];
    for (byte, pair) in secret.iter_mut().zip(digits.chunks_exact(2)) {
        let digit = |at: usize| char::from(pair[at]).to_digit(16);
        *byte = (digit(0)? * 16 + digit(1)?) as u8;
    }
    Some(secret)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn balancers_that_start_together_agree() {
        let directory = tempfile::tempdir().expect("a directory");
        let path = directory.path().join("ticket.keys");
        let start = std::sync::Barrier::new(8);
        let secrets: Vec<_> = std::thread::scope(|scope| {
            let balancer = || {
                start.wait();
                read_or_make(&path).expect("secrets")
            };
            let threads: Vec<_> = (0..8).map(|_| scope.spawn(balancer)).collect();
            threads
                .into_iter()
                .map(|thread| thread.join().expect("ended"))
                .collect()
        });
        assert!(secrets.iter().all(|one| *one == secrets[0]));
        let mode = fs::metadata(&path).expect("made").permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
        // No drafts are left behind.
        assert_eq!(fs::read_dir(directory.path()).expect("readable").count(), 1);
    }

    #[test]
    fn a_mistake_in_the_file_is_named_with_its_line() {
        let good = "ab".repeat(SECRET);
        assert_eq!(
            parse(&format!("# new\n{good}\n\n{good}\n")),
            Ok(vec![[0xab; SECRET]; 2])
        );
        let error = parse(&format!("{good}\n{}", &good[1..])).expect_err("too short");
        assert!(error.starts_with("line 2:"), "{error}");
        assert!(parse(&format!("+{}", &good[1..])).is_err());
        assert!(parse("# nothing\n").is_err());
    }
}
