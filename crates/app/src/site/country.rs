//! Countries as people call them. The catalogue has the long English names of
//! ISO 3166, which are what is searched for; pages show these.

/// Long names whose short form is not just what is left of "The ".
const SHORT: [(&str, &str); 16] = [
    ("Bolivarian Republic Of Venezuela", "Venezuela"),
    ("Islamic Republic Of Iran", "Iran"),
    ("Republic Of North Macedonia", "North Macedonia"),
    ("State Of Palestine", "Palestine"),
    ("Syrian Arab Republic", "Syria"),
    ("Taiwan, Republic Of China", "Taiwan"),
    ("The Democratic Peoples Republic Of Korea", "North Korea"),
    ("The Democratic Republic Of The Congo", "DR Congo"),
    ("The Dominican Republic", "Dominican Republic"),
    ("The Lao Peoples Democratic Republic", "Laos"),
    ("The Republic Of Korea", "South Korea"),
    ("The Republic Of Moldova", "Moldova"),
    ("The Russian Federation", "Russia"),
    (
        "The United Kingdom Of Great Britain And Northern Ireland",
        "United Kingdom",
    ),
    ("The United States Of America", "United States"),
    ("United Republic Of Tanzania", "Tanzania"),
];

/// The short name, or the name without a leading article.
pub(crate) fn short(name: &str) -> &str {
    match SHORT.iter().find(|(long, _)| *long == name) {
        Some((_, short)) => short,
        None => name.strip_prefix("The ").unwrap_or(name),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn long_names_are_shortened_and_others_stay() {
        assert_eq!(short("The United States Of America"), "United States");
        assert_eq!(short("The Netherlands"), "Netherlands");
        assert_eq!(short("Slovenia"), "Slovenia");
        assert_eq!(short(""), "");
    }
}
