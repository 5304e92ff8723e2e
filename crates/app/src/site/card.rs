//! A station as pages show it: in lists, and with everything on its own page.

use catalog::Station;

use crate::site::{country, link};

/// Colours that a tile can have; `radio.css` has as many.
const HUES: u8 = 12;

/// A station in a list.
pub(crate) struct Card {
    pub(crate) uuid: String,
    pub(crate) name: String,
    /// One or two letters for the tile. Station pictures would come from third
    /// parties, who would then know what is looked at here.
    pub(crate) initials: String,
    pub(crate) hue: u8,
    /// Place, such as `Bayern, Germany`.
    pub(crate) place: String,
    /// A few tags.
    pub(crate) tags: Vec<String>,
    /// Codec and bit rate, such as `MP3 128`.
    pub(crate) sound: String,
    pub(crate) votes: i32,
    /// The votes as people read them.
    pub(crate) votes_text: String,
    pub(crate) works: bool,
    /// What a player opens; absent when it is no http address.
    pub(crate) stream: Option<String>,
}

impl Card {
    /// `tags` at the most.
    pub(crate) fn new(station: &Station, tags: usize) -> Self {
        Self {
            uuid: station.stationuuid.to_string(),
            name: station.name.clone(),
            initials: initials(&station.name),
            hue: hue(station),
            place: place(station),
            tags: comma_list(&station.tags).take(tags).map(str::to_owned).collect(),
            sound: sound(station),
            votes: station.votes,
            votes_text: grouped(i64::from(station.votes)),
            works: station.lastcheckok,
            stream: stream(station).map(str::to_owned),
        }
    }

    /// Where a tag leads.
    pub(crate) fn tag_link(&self, tag: &str) -> String {
        link::search(&[("tag", tag)])
    }
}

/// The stream's address, resolved where that is known.
pub(crate) fn stream(station: &Station) -> Option<&str> {
    link::web(&station.url_resolved).or_else(|| link::web(&station.url))
}

/// Members of a comma list.
pub(crate) fn comma_list(list: &str) -> impl Iterator<Item = &str> {
    list.split(',').map(str::trim).filter(|item| !item.is_empty())
}

/// Codec and bit rate, as far as they are known.
pub(crate) fn sound(station: &Station) -> String {
    let codec = match station.codec.as_str() {
        "UNKNOWN" => "",
        codec => codec,
    };
    // Some entries hold bit/s.
    let kbit = if station.bitrate >= 8_000 {
        station.bitrate / 1000
    } else {
        station.bitrate
    };
    match (codec, kbit) {
        (codec, 0) => codec.to_owned(),
        ("", kbit) => format!("{kbit} kbit/s"),
        (codec, kbit) => format!("{codec} {kbit}"),
    }
}

/// A colour that stays with the station. Ids by time share their last bytes, so
/// all bytes count.
fn hue(station: &Station) -> u8 {
    let sum: u32 = station.stationuuid.as_bytes().iter().map(|byte| u32::from(*byte)).sum();
    (sum % u32::from(HUES)) as u8
}

fn place(station: &Station) -> String {
    match (station.state.as_str(), country::short(&station.country)) {
        ("", country) => country.to_owned(),
        (state, "") => state.to_owned(),
        (state, country) => format!("{state}, {country}"),
    }
}

/// A number with commas between thousands.
pub(crate) fn grouped(number: i64) -> String {
    let digits = number.unsigned_abs().to_string();
    let mut text = String::from(if number < 0 { "-" } else { "" });
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// First letters or digits of the first two words that have any.
fn initials(name: &str) -> String {
    let mut initials: String = name
        .split(|c: char| !c.is_alphanumeric())
        .filter_map(|word| word.chars().next())
        .take(2)
        .flat_map(char::to_uppercase)
        .collect();
    if initials.is_empty() {
        initials.push('~');
    }
    initials
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_grouped() {
        for (number, expected) in [(0, "0"), (999, "999"), (1_000, "1,000"), (-1_234_567, "-1,234,567")] {
            assert_eq!(grouped(number), expected);
        }
    }

    #[test]
    fn initials_come_from_any_script_and_any_dirt() {
        for (name, expected) in [
            ("Arrow Classic Rock", "AC"),
            ("\t99.5 WJBR", "95"),
            ("Žarek", "Ž"),
            ("Радио Маяк", "РМ"),
            ("***", "~"),
            ("", "~"),
        ] {
            assert_eq!(initials(name), expected, "{name}");
        }
    }
}
