//! Domain names in wire form without compression (RFC 1035 section 3.1): what
//! the tree is keyed by, what record data holds, and nothing of the text of a
//! zone file but how to print a name.

use std::fmt;

use thiserror::Error;

/// Longest name on the wire, in bytes, the root's zero included.
const MAX_NAME_BYTES: usize = 255;
/// Longest label, in bytes, its length byte not included.
const MAX_LABEL_BYTES: usize = 63;

/// Why bytes or labels are no domain name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum NameError {
    /// RFC 1035 section 2.3.4: labels have 63 bytes or less.
    #[error("a label is longer than 63 bytes")]
    LabelTooLong,
    /// RFC 1035 section 2.3.4: names have 255 bytes or less.
    #[error("the name is longer than 255 bytes")]
    NameTooLong,
    /// Only the root has no label.
    #[error("a label is empty")]
    EmptyLabel,
    /// The bytes end within the name, or hold a compression pointer.
    #[error("not an uncompressed name")]
    Malformed,
}

/// A complete domain name, its case as given. Two names are equal when their
/// bytes are: compare what [`Name::to_lower`] gives (RFC 4343).
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct Name(Box<[u8]>);

impl Name {
    /// The root.
    #[must_use]
    pub fn root() -> Self {
        Self(Box::new([0]))
    }

    /// Joins labels, leftmost first.
    ///
    /// # Errors
    /// An empty or overlong label, or a name of more than 255 bytes.
    pub fn from_labels<'a>(labels: impl IntoIterator<Item = &'a [u8]>) -> Result<Self, NameError> {
        let mut wire = Vec::with_capacity(64);
        for label in labels {
            push_label(&mut wire, label)?;
        }
        wire.push(0);
        if wire.len() > MAX_NAME_BYTES {
            return Err(NameError::NameTooLong);
        }
        Ok(Self(wire.into()))
    }

    /// Reads the name at the start of `wire` and says how long it is there.
    ///
    /// # Errors
    /// What is no uncompressed name.
    pub fn read(wire: &[u8]) -> Result<(Self, usize), NameError> {
        let mut at = 0;
        loop {
            let length = usize::from(*wire.get(at).ok_or(NameError::Malformed)?);
            at += 1;
            match length {
                0 => break,
                1..=MAX_LABEL_BYTES => at += length,
                _ => return Err(NameError::Malformed),
            }
            if at >= MAX_NAME_BYTES {
                return Err(NameError::NameTooLong);
            }
        }
        Ok((Self(wire[..at].into()), at))
    }

    /// The bytes, the root's zero included.
    #[must_use]
    pub fn as_wire(&self) -> &[u8] {
        &self.0
    }

    /// The labels, leftmost first, the root's not among them.
    pub fn labels(&self) -> impl Iterator<Item = &[u8]> {
        let mut rest = &self.0[..];
        std::iter::from_fn(move || {
            let (length, tail) = rest.split_first()?;
            if *length == 0 {
                return None;
            }
            let (label, tail) = tail.split_at(usize::from(*length));
            rest = tail;
            Some(label)
        })
    }

    /// The same name in lower case (RFC 4343: only ASCII letters have a case).
    #[must_use]
    pub fn to_lower(&self) -> Self {
        // Length bytes are at most 63 and no letter begins below 65.
        Self(self.0.to_ascii_lowercase().into())
    }

    /// The labels before `suffix`, leftmost first; `None` when this name is
    /// neither `suffix` nor below it. Both must be in lower case.
    #[must_use]
    pub fn labels_below(&self, suffix: &Self) -> Option<Vec<&[u8]>> {
        let prefix_bytes = self.0.len().checked_sub(suffix.0.len())?;
        if self.0[prefix_bytes..] != suffix.0[..] {
            return None;
        }
        let mut labels = Vec::with_capacity(8);
        let mut used = 0;
        for label in self.labels() {
            if used == prefix_bytes {
                break;
            }
            used += label.len() + 1;
            labels.push(label);
        }
        // Equal bytes are no proof: the suffix must begin at a label.
        (used == prefix_bytes).then_some(labels)
    }

    /// Whether this is `other` or below it. Both must be in lower case.
    #[must_use]
    pub fn is_within(&self, other: &Self) -> bool {
        self.labels_below(other).is_some()
    }

    /// The name without its leftmost label; `None` for the root.
    #[must_use]
    pub fn parent(&self) -> Option<Self> {
        let length = usize::from(self.0[0]);
        (length != 0).then(|| Self(self.0[1 + length..].into()))
    }

    /// The name of `labels` (leftmost first) below `suffix`.
    ///
    /// # Errors
    /// As [`Name::from_labels`].
    pub fn join(labels: &[&[u8]], suffix: &Self) -> Result<Self, NameError> {
        Self::from_labels(labels.iter().copied().chain(suffix.labels()))
    }
}

fn push_label(wire: &mut Vec<u8>, label: &[u8]) -> Result<(), NameError> {
    match label.len() {
        0 => Err(NameError::EmptyLabel),
        1..=MAX_LABEL_BYTES => {
            wire.push(label.len() as u8);
            wire.extend_from_slice(label);
            Ok(())
        }
        _ => Err(NameError::LabelTooLong),
    }
}

/// As in a zone file, with the final dot (RFC 1035 section 5.1).
impl fmt::Display for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.0.len() == 1 {
            return f.write_str(".");
        }
        for label in self.labels() {
            for byte in label {
                match byte {
                    b'.' | b'\\' | b'"' | b';' | b'(' | b')' | b'@' | b'$' => write!(f, "\\{}", char::from(*byte))?,
                    0x21..=0x7e => write!(f, "{}", char::from(*byte))?,
                    _ => write!(f, "\\{byte:03}")?,
                }
            }
            f.write_str(".")?;
        }
        Ok(())
    }
}

impl fmt::Debug for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn name(text: &str) -> Name {
        Name::from_labels(text.split('.').filter(|l| !l.is_empty()).map(str::as_bytes)).expect("a name")
    }

    #[test]
    fn rfc1035_2_3_4_a_label_of_63_bytes_is_the_longest() {
        assert!(Name::from_labels([&[b'a'; 63][..]]).is_ok());
        assert_eq!(Name::from_labels([&[b'a'; 64][..]]), Err(NameError::LabelTooLong));
    }

    #[test]
    fn rfc1035_2_3_4_a_name_of_255_bytes_is_the_longest() {
        let label = [b'a'; 63];
        assert!(Name::from_labels([&label[..], &label, &label, &label[..61]]).is_ok());
        assert_eq!(
            Name::from_labels([&label[..], &label, &label, &label[..62]]),
            Err(NameError::NameTooLong)
        );
    }

    #[test]
    fn a_name_is_below_another_only_at_a_label() {
        assert!(name("www.example.com").is_within(&name("example.com")));
        assert!(name("example.com").is_within(&name("example.com")));
        assert!(name("example.com").is_within(&Name::root()));
        assert!(!name("badexample.com").is_within(&name("example.com")));
        // The bytes of "\003com" can be part of a label.
        let tricky = Name::from_labels([&b"x\x03com"[..]]).expect("a name");
        assert!(!tricky.is_within(&name("com")));
    }

    #[test]
    fn rfc4343_only_ascii_letters_have_a_case() {
        let upper = Name::from_labels([&b"WWW\xc4"[..]]).expect("a name");
        assert_eq!(upper.to_lower().labels().next(), Some(&b"www\xc4"[..]));
    }

    #[test]
    fn rfc1035_5_1_odd_bytes_are_escaped_in_text() {
        let odd = Name::from_labels([&b"a.b"[..], b"\x00z"]).expect("a name");
        assert_eq!(odd.to_string(), "a\\.b.\\000z.");
    }

    #[test]
    fn a_pointer_or_a_short_name_is_refused() {
        assert_eq!(Name::read(&[0xc0, 0x0c]), Err(NameError::Malformed));
        assert_eq!(Name::read(&[3, b'a', b'b']), Err(NameError::Malformed));
        assert_eq!(Name::read(&[1, b'a', 0, 9]).map(|(_, used)| used), Ok(3));
    }
}
