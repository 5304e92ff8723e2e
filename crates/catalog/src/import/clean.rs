//! Real dirt, made clean: one function a kind of value.

/// Longest list of tags or languages; real ones reach half of it.
const MAX_LIST_BYTES: usize = 8 << 10;
/// Longest address; the longest real one has 14,971 bytes.
pub(super) const MAX_URL_BYTES: usize = 16 << 10;
/// A rate from here on is in bit/s, below it in kbit/s. Real streams reach 10,000 kbit/s.
const BITS_PER_SECOND_FROM: i64 = 16_000;

/// One line of text: no control characters, single spaces, none at the ends, at most `max_chars`.
pub(super) fn line(text: &str, max_chars: usize) -> String {
    let visible: String = text
        .chars()
        .filter(|c| !matches!(c, '\u{feff}' | '\u{200b}'))
        .map(|c| if c.is_control() { ' ' } else { c })
        .collect();
    let mut clean = visible.split_whitespace().collect::<Vec<_>>().join(" ");
    if let Some((end, _)) = clean.char_indices().nth(max_chars) {
        clean.truncate(end);
        clean.truncate(clean.trim_end().len());
    }
    clean
}

/// A comma list: lower case, no empty members, none twice.
pub(super) fn list(text: &str) -> String {
    let mut members: Vec<String> = Vec::new();
    let mut bytes = 0;
    for member in text.split(',') {
        let member = line(member, 200).to_lowercase();
        bytes += member.len() + 1;
        if bytes > MAX_LIST_BYTES {
            break;
        }
        if !member.is_empty() && !members.contains(&member) {
            members.push(member);
        }
    }
    members.join(",")
}

/// A country code, or nothing.
pub(super) fn countrycode(text: &str) -> String {
    let code = text.trim().to_ascii_uppercase();
    match code.len() == 2 && code.bytes().all(|byte| byte.is_ascii_uppercase()) {
        true => code,
        false => String::new(),
    }
}

/// An http or https address, or why it is none.
pub(super) fn url(text: &str) -> Result<String, &'static str> {
    // As browsers do: line breaks and tabs are no part of an address, spaces in it are escaped.
    let address: String = text.chars().filter(|c| !c.is_control()).collect();
    let address = address.trim().replace(' ', "%20");
    if address.is_empty() {
        return Err("is empty");
    }
    if address.len() > MAX_URL_BYTES {
        return Err("is longer than 16 KiB");
    }
    let scheme_bytes = ["http://", "https://"]
        .iter()
        .find(|scheme| {
            address
                .get(..scheme.len())
                .is_some_and(|start| start.eq_ignore_ascii_case(scheme))
        })
        .map(|scheme| scheme.len());
    let Some(scheme_bytes) = scheme_bytes else {
        return Err("is no http or https address");
    };
    match address[scheme_bytes..].chars().next() {
        None | Some('/' | '?' | '#' | ':') => Err("names no host"),
        Some(_) => Ok(address),
    }
}

/// kbit/s; 0 is unknown.
pub(super) fn bitrate(rate: i64) -> i32 {
    let rate = if rate >= BITS_PER_SECOND_FROM {
        rate / 1000
    } else {
        rate
    };
    i32::try_from(rate.max(0)).unwrap_or(0)
}

/// Both or neither, on Earth, and not the point where both are 0, which is where unset fields lie.
pub(super) fn place(latitude: Option<f64>, longitude: Option<f64>) -> Option<(f64, f64)> {
    let (latitude, longitude) = latitude.zip(longitude)?;
    let on_earth = (-90.0..=90.0).contains(&latitude) && (-180.0..=180.0).contains(&longitude);
    (on_earth && (latitude, longitude) != (0.0, 0.0)).then_some((latitude, longitude))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_lose_control_characters_and_outer_space() {
        assert_eq!(line("\tArrow \r\n Classic\u{0}Rock ", 400), "Arrow Classic Rock");
        assert_eq!(line("čšž ñ", 3), "čšž");
        assert_eq!(line(" \u{200b}\u{7} ", 9), "");
    }

    #[test]
    fn lists_are_lower_case_without_repeats() {
        assert_eq!(list(" Jazz,,POP , jazz,Új zene,"), "jazz,pop,új zene");
        assert_eq!(list(""), "");
        assert!(list(&"ab,cd,".repeat(9_000)).len() < 10);
    }

    #[test]
    fn addresses_are_http_with_a_host() {
        assert_eq!(url(" HTTP://a/b c\n").as_deref(), Ok("HTTP://a/b%20c"));
        assert_eq!(url("ftp://a"), Err("is no http or https address"));
        assert_eq!(url("http:a"), Err("is no http or https address"));
        assert_eq!(url("https:///x"), Err("names no host"));
        assert_eq!(url("žžžžžžžž"), Err("is no http or https address"));
        assert_eq!(
            url(&format!("http://{}", "a".repeat(17 << 10))),
            Err("is longer than 16 KiB")
        );
    }

    #[test]
    fn codes_rates_and_places() {
        assert_eq!(
            (countrycode(" si"), countrycode("SVN"), countrycode("č")),
            ("SI".into(), "".into(), "".into())
        );
        assert_eq!(
            (bitrate(128), bitrate(128_000), bitrate(-1), bitrate(10_000)),
            (128, 128, 0, 10_000)
        );
        assert_eq!(place(Some(46.0), None), None);
        assert_eq!(place(Some(0.0), Some(0.0)), None);
        assert_eq!(place(Some(91.0), Some(0.0)), None);
        assert_eq!(place(Some(46.0), Some(14.5)), Some((46.0, 14.5)));
    }
}
