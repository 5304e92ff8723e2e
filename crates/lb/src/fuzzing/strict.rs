//! A reading of requests straight from RFC 9112, as slow and as plain as can be.
//! It shares no code with what it judges.

/// A request as somebody has read it.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Message {
    pub(super) method: Vec<u8>,
    pub(super) target: Vec<u8>,
    /// All but the lengths, of which a reader may keep one: names in small letters,
    /// in order of the alphabet.
    pub(super) fields: Vec<(Vec<u8>, Vec<u8>)>,
    pub(super) body: Vec<u8>,
    /// The body has ended.
    pub(super) complete: bool,
    /// The body is none.
    pub(super) refused: bool,
    /// A reader need not read on behind it.
    pub(super) is_last: bool,
}

/// Reads what the scanner has let through.
pub(super) fn read(mut bytes: &[u8]) -> Vec<Message> {
    let mut messages = Vec::new();
    while let Some((message, rest)) = message(bytes) {
        let complete = message.complete;
        messages.push(message);
        bytes = rest;
        if !complete {
            break;
        }
    }
    messages
}

/// The next message and what is behind it; `None` at the end.
fn message(mut bytes: &[u8]) -> Option<(Message, &[u8])> {
    while let [b'\r', b'\n', rest @ ..] | [b'\n', rest @ ..] = bytes {
        bytes = rest;
    }
    if bytes.is_empty() {
        return None;
    }
    let (first, mut bytes) = head_line(bytes);
    let words: Vec<_> = first.split(|byte| *byte == b' ').collect();
    let [method, target, version] = words[..] else {
        panic!("a first line of {} words passed: {first:?}", words.len());
    };
    let is_1_1 = match version {
        b"HTTP/1.1" => true,
        b"HTTP/1.0" => false,
        _ => panic!("a version passed that is not spoken: {version:?}"),
    };
    let mut message = Message {
        method: method.to_vec(),
        target: target.to_vec(),
        ..Message::default()
    };
    let (mut lengths, mut codings, mut options) = (Vec::new(), Vec::new(), Vec::new());
    loop {
        let (line, rest) = head_line(bytes);
        bytes = rest;
        if line.is_empty() {
            break;
        }
        let (name, value) = field(line);
        match &name[..] {
            b"content-length" => lengths.push(value.clone()),
            b"transfer-encoding" => codings.push(value.to_ascii_lowercase()),
            b"connection" => options.extend(value.split(|byte| *byte == b',').map(|one| option(one).to_vec())),
            _ => {}
        }
        if name != b"content-length" {
            message.fields.push((name, value));
        }
    }
    message.fields.sort();
    message.is_last =
        method == b"CONNECT" || !is_1_1 || options.iter().any(|option| option.eq_ignore_ascii_case(b"close"));
    let rest = match (&codings[..], &lengths[..]) {
        ([], []) => {
            message.complete = true;
            bytes
        }
        ([], [first, others @ ..]) => {
            assert!(
                others.iter().all(|other| number(other, 10) == number(first, 10)),
                "lengths that differ passed"
            );
            sized_body(bytes, number(first, 10), &mut message)
        }
        ([coding], []) if coding == b"chunked" && is_1_1 => chunked_body(bytes, &mut message),
        _ => panic!("framing that is ambiguous passed: {lengths:?} {codings:?}"),
    };
    Some((message, rest))
}

/// A line of a head, which is passed on whole or not at all.
fn head_line(bytes: &[u8]) -> (&[u8], &[u8]) {
    let Some(end) = bytes.iter().position(|byte| *byte == b'\n') else {
        panic!("a head passed that has no end: {bytes:?}");
    };
    let line = &bytes[..end];
    let line = line.strip_suffix(b"\r").unwrap_or(line);
    assert!(!line.iter().any(|byte| matches!(byte, 0 | b'\r')), "CR or NUL passed");
    (line, &bytes[end + 1..])
}

fn field(line: &[u8]) -> (Vec<u8>, Vec<u8>) {
    let Some(colon) = line.iter().position(|byte| *byte == b':') else {
        panic!("a field without a colon passed: {line:?}");
    };
    let name = line[..colon].to_ascii_lowercase();
    assert!(
        !name.is_empty() && name.iter().all(u8::is_ascii_graphic),
        "a name passed that is none: {name:?}"
    );
    (name, option(&line[colon + 1..]).to_vec())
}

/// Without blanks around it.
fn option(mut bytes: &[u8]) -> &[u8] {
    while let [b' ' | b'\t', rest @ ..] | [rest @ .., b' ' | b'\t'] = bytes {
        bytes = rest;
    }
    bytes
}

fn number(digits: &[u8], radix: u32) -> u64 {
    let text = std::str::from_utf8(digits).unwrap_or("not text");
    assert!(!text.starts_with(['+', '-']), "a number with a sign passed");
    match u64::from_str_radix(text, radix) {
        Ok(number) => number,
        Err(error) => panic!("{text:?} passed as a number: {error}"),
    }
}

fn sized_body<'a>(bytes: &'a [u8], length: u64, message: &mut Message) -> &'a [u8] {
    let there = usize::try_from(length).unwrap_or(usize::MAX).min(bytes.len());
    message.body.extend_from_slice(&bytes[..there]);
    message.complete = there as u64 == length;
    &bytes[there..]
}

/// Chunks, and the trailer section to its end. What is cut off is not complete.
fn chunked_body<'a>(mut bytes: &'a [u8], message: &mut Message) -> &'a [u8] {
    loop {
        let Some((line, rest)) = crlf_line(bytes) else {
            return &[];
        };
        let size = line.split(|byte| *byte == b';').next().unwrap_or_default();
        let size = number(option(size), 16);
        bytes = rest;
        if size == 0 {
            break;
        }
        let there = usize::try_from(size).unwrap_or(usize::MAX).min(bytes.len());
        message.body.extend_from_slice(&bytes[..there]);
        bytes = match &bytes[there..] {
            [b'\r', b'\n', rest @ ..] => rest,
            [] | [b'\r'] => return &[],
            other => panic!("a chunk passed that is longer than its size: {other:?}"),
        };
    }
    while let Some((line, rest)) = crlf_line(bytes) {
        bytes = rest;
        if line.is_empty() {
            message.complete = true;
            return bytes;
        }
        field(line);
    }
    &[]
}

/// A line that ends in CR LF and has neither within; `None` if it does not end.
fn crlf_line(bytes: &[u8]) -> Option<(&[u8], &[u8])> {
    let end = bytes.iter().position(|byte| *byte == b'\n')?;
    let Some(line) = bytes[..end].strip_suffix(b"\r") else {
        panic!("a bare LF passed in a body");
    };
    assert!(!line.contains(&b'\r'), "a bare CR passed in a body");
    Some((line, &bytes[end + 1..]))
}

/// hyper has read what stands there, in the same order, and nothing else. It may
/// stop early only behind a message that is the last. What belongs to a body that
/// is refused later it may have seen less of.
pub(super) fn compare(expected: &[Message], found: &[Message], refused: bool) {
    assert!(
        found.len() <= expected.len(),
        "hyper reads {} requests where {} are: {found:?}",
        found.len(),
        expected.len()
    );
    for (expected, found) in expected.iter().zip(found) {
        assert_eq!(expected.method, found.method, "hyper reads another method");
        // Of other forms it says the same in other words.
        if expected.target.starts_with(b"/") {
            assert_eq!(expected.target, found.target, "hyper reads another target");
        }
        assert_eq!(expected.fields, found.fields, "hyper reads other fields");
        if expected.complete {
            assert!(
                found.complete,
                "hyper does not see the end of a body: {expected:?} {found:?}"
            );
            assert_eq!(expected.body, found.body, "hyper reads another body");
        } else {
            assert!(
                !found.complete,
                "hyper sees an end of a body that has none: {expected:?}"
            );
            assert!(
                expected.body.starts_with(&found.body) && (refused || expected.body == found.body),
                "hyper reads another part of a body: {expected:?}"
            );
        }
    }
    let stopped = found.last().is_some_and(|_| expected[found.len() - 1].is_last);
    assert!(
        found.len() == expected.len() || stopped,
        "hyper reads {} requests where {} are: {expected:?}",
        found.len(),
        expected.len()
    );
}
