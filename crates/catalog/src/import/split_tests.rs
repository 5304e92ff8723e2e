//! Rows out of bytes, whatever the size of the buffer.

use std::io::BufReader;

use super::*;

fn split(text: &[u8], buffer: usize) -> (Vec<(u64, String)>, Option<String>) {
    let mut splitter = Splitter::new(BufReader::with_capacity(buffer, text));
    let mut pieces = Vec::new();
    loop {
        match splitter.next() {
            Ok(Some((line, Piece::Text(text)))) => {
                pieces.push((line, String::from_utf8_lossy(&text).trim().to_owned()));
            }
            Ok(Some((line, Piece::TooLong))) => pieces.push((line, "too long".into())),
            Ok(None) => return (pieces, None),
            Err(error) => return (pieces, Some(error.to_string())),
        }
    }
}

fn owned(pieces: &[(u64, &str)]) -> Vec<(u64, String)> {
    pieces.iter().map(|(line, text)| (*line, (*text).to_owned())).collect()
}

#[test]
fn lines_are_rows_and_empty_ones_are_none() {
    for buffer in [1, 2, 7, 4096] {
        let (pieces, end) = split(b"\xef\xbb\xbf\n{\"a\":1}\r\n\n  \n{\"b\":\n2}", buffer);
        assert_eq!(
            pieces,
            owned(&[(2, r#"{"a":1}"#), (5, r#"{"b":"#), (6, "2}")]),
            "buffer {buffer}"
        );
        assert_eq!(end, None);
    }
}

#[test]
fn elements_of_an_array_are_rows() {
    let text = br#" [ {"a":"]},[\"{"},
        {"b":[1,{"c":2}]} , 7,"x,y"
    ] "#;
    for buffer in [1, 2, 7, 4096] {
        let (pieces, end) = split(text, buffer);
        let expected = [
            (1, r#"{"a":"]},[\"{"}"#),
            (2, r#"{"b":[1,{"c":2}]}"#),
            (2, "7"),
            (2, r#""x,y""#),
        ];
        assert_eq!(pieces, owned(&expected), "buffer {buffer}");
        assert_eq!(end, None);
    }
}

#[test]
fn an_array_that_is_not_closed_gives_what_it_held() {
    for text in [&br#"[{"a":1},{"b":2"#[..], br#"[{"a":1},"#] {
        let (pieces, end) = split(text, 16);
        assert_eq!(pieces, owned(&[(1, r#"{"a":1}"#)]));
        assert_eq!(end.as_deref(), Some("the array is not closed"));
    }
}

#[test]
fn a_giant_row_is_skipped_and_the_next_one_is_read() {
    let giant = format!("{{\"a\":\"{}\"}}", "x".repeat(3 << 20));
    let (pieces, _) = split(format!("{giant}\n{{\"b\":2}}\n").as_bytes(), 4096);
    assert_eq!(pieces, owned(&[(1, "too long"), (2, r#"{"b":2}"#)]));
    let (pieces, _) = split(format!("[{giant},\n{{\"b\":2}}]").as_bytes(), 4096);
    assert_eq!(pieces, owned(&[(1, "too long"), (2, r#"{"b":2}"#)]));
}

#[test]
fn what_follows_an_array_is_read_too() {
    let text = b"[{\"a\":1}]\n\n[{\"b\":2},\n7][ ]\n{\"c\":3}\n{\"d\":4}";
    for buffer in [1, 2, 7, 4096] {
        let (pieces, end) = split(text, buffer);
        let expected = [
            (1, r#"{"a":1}"#),
            (3, r#"{"b":2}"#),
            (4, "7"),
            (5, r#"{"c":3}"#),
            (6, r#"{"d":4}"#),
        ];
        assert_eq!((pieces, end), (owned(&expected), None), "buffer {buffer}");
        let (pieces, end) = split(b"[1] rest of it\n", buffer);
        assert_eq!(
            (pieces, end),
            (owned(&[(1, "1"), (1, "rest of it")]), None),
            "buffer {buffer}"
        );
    }
}
