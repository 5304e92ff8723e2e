//! Wide tables of text: what has many columns, where a [`Figure`](super::report::Figure) has
//! one value.

use std::fmt::Write;

/// Lines for the terminal; the first column is to the left, numbers are not.
pub(crate) fn terminal<const N: usize>(heads: &[&str; N], rows: &[[String; N]]) -> String {
    let width = |column: usize| {
        let cells = rows.iter().map(|row| row[column].chars().count());
        cells.max().unwrap_or(0).max(heads[column].chars().count())
    };
    let widths: [usize; N] = std::array::from_fn(width);
    let mut text = String::new();
    for row in std::iter::once(&heads.map(str::to_owned)).chain(rows) {
        let mut line = String::new();
        for (column, (cell, width)) in row.iter().zip(widths).enumerate() {
            // Writing to a String cannot fail.
            let _ = match column {
                0 => write!(line, "{cell:<width$}  "),
                _ => write!(line, "{cell:>width$}  "),
            };
        }
        text.push_str(line.trim_end());
        text.push('\n');
    }
    text
}

/// The same in Markdown.
pub(crate) fn markdown<const N: usize>(heads: &[&str; N], rows: &[[String; N]]) -> String {
    let marks = ["---"]
        .into_iter()
        .chain(std::iter::repeat_n("--:", N.saturating_sub(1)));
    let mut text = format!("| {} |\n|{}|\n", heads.join(" | "), marks.collect::<Vec<_>>().join("|"));
    for row in rows {
        let cells: Vec<_> = row.iter().map(|cell| cell.replace('|', "\\|")).collect();
        let _ = writeln!(text, "| {} |", cells.join(" | "));
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_line_up_and_markdown_has_them_all() {
        let rows = [["a", "1", "x|y"], ["longer", "22", ""]].map(|row| row.map(str::to_owned));
        let text = terminal(&["", "n", "what"], &rows);
        assert_eq!(text, "         n  what\na        1   x|y\nlonger  22\n");
        let text = markdown(&["", "n", "what"], &rows);
        assert_eq!(
            text,
            "|  | n | what |\n|---|--:|--:|\n| a | 1 | x\\|y |\n| longer | 22 |  |\n"
        );
    }
}
