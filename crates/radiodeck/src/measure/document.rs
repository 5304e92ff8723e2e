//! Documents of which a command writes a part, between two markers. What stands
//! outside of them is left alone.

use std::io::ErrorKind;
use std::path::Path;

use super::Error;

const END: &str = "<!-- end -->";

fn begin(written_by: &str) -> String {
    format!("<!-- begin: written by `{written_by}` -->")
}

/// The document; empty when there is none yet.
pub(crate) fn read(path: &Path) -> Result<String, Error> {
    match std::fs::read_to_string(path) {
        Ok(text) => Ok(text),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(String::new()),
        // What cannot be read is not written over.
        Err(error) => Err(Error::CannotRun(format!("cannot read {}: {error}", path.display()))),
    }
}

/// Writes a file that was asked for.
pub(crate) fn write(path: &Path, text: &str) -> Result<(), Error> {
    std::fs::write(path, text).map_err(|source| Error::Write {
        path: path.to_owned(),
        source,
    })
}

/// Where the part is, markers aside.
fn place(document: &str, written_by: &str) -> Option<(usize, usize)> {
    let begin = begin(written_by);
    let from = document.find(&begin)? + begin.len();
    let length = document[from..].find(END)?;
    Some((from, from + length))
}

/// The part as it stands; empty when there is none.
pub(crate) fn part<'a>(document: &'a str, written_by: &str) -> &'a str {
    place(document, written_by).map_or("", |(from, to)| &document[from..to])
}

/// The document with its part replaced, or with one at its end. A new one begins with `title`.
pub(crate) fn replace(document: &str, title: &str, written_by: &str, part: &str) -> String {
    let part = format!("\n\n{part}\n");
    match place(document, written_by) {
        Some((from, to)) => format!("{}{part}{}", &document[..from], &document[to..]),
        None => {
            let before = match document.trim_end() {
                "" => format!("# {title}"),
                text => text.to_owned(),
            };
            format!("{before}\n\n{}{part}{END}\n", begin(written_by))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_part_is_replaced_and_the_rest_left_alone() {
        let new = replace("", "Title", "a", "one\n");
        assert_eq!(
            new,
            "# Title\n\n<!-- begin: written by `a` -->\n\none\n\n<!-- end -->\n"
        );
        let second = replace(&new, "Title", "b", "two\n");
        assert!(second.starts_with(new.trim_end()), "{second}");
        let third = replace(&second, "Title", "b", "three\n");
        assert_eq!((part(&third, "a"), part(&third, "b")), ("\n\none\n\n", "\n\nthree\n\n"));
        assert_eq!(part(&third, "c"), "");
    }

    #[test]
    fn what_is_not_there_is_empty_and_what_cannot_be_read_is_an_error() {
        let folder = tempfile::tempdir().expect("a folder");
        assert_eq!(read(&folder.path().join("none")).expect("empty"), "");
        assert!(read(folder.path()).is_err());
    }
}
