//! The report as a table for the terminal and as one in Markdown.

use super::report::{Figure, Report};

const HEADS: [&str; 5] = ["", "value", "bound", "peer", ""];

fn cells(figure: &Figure) -> [String; 5] {
    [
        figure.name.clone(),
        format!("{} {}", number(figure.value), figure.unit)
            .trim_end()
            .to_owned(),
        figure.bound.clone().unwrap_or_default(),
        figure.peer.clone().unwrap_or_default(),
        match figure.holds {
            Some(true) => "holds".into(),
            Some(false) => "DOES NOT HOLD".into(),
            None => String::new(),
        },
    ]
}

/// Three digits that tell something, no more.
pub(crate) fn number(value: f64) -> String {
    let magnitude = value.abs();
    if value.fract() == 0.0 && magnitude < 1e15 || magnitude >= 1000.0 {
        format!("{value:.0}")
    } else if magnitude >= 100.0 {
        format!("{value:.1}")
    } else if magnitude >= 1.0 {
        format!("{value:.2}")
    } else {
        format!("{value:.3}")
    }
}

/// Lines for the terminal.
pub(crate) fn terminal(report: &Report) -> String {
    let rows: Vec<_> = report.figures.iter().map(cells).collect();
    // A column that is empty in every row takes no place, whatever its head.
    let width = |column: usize| match rows.iter().map(|row| row[column].chars().count()).max() {
        None | Some(0) => 0,
        Some(widest) => widest.max(HEADS[column].len()),
    };
    let widths: [usize; 5] = std::array::from_fn(width);
    let line = |row: &[String; 5]| {
        let mut text = String::new();
        for (column, (cell, width)) in row.iter().zip(widths).enumerate() {
            if width > 0 {
                let padding = " ".repeat(width.saturating_sub(cell.chars().count()));
                // Values are compared by their last digits.
                let cell = if column == 1 {
                    padding + cell
                } else {
                    cell.clone() + &padding
                };
                text.push_str(&cell);
                text.push_str("  ");
            }
        }
        text.trim_end().to_owned() + "\n"
    };
    let mut text = line(&HEADS.map(str::to_owned));
    for row in &rows {
        text.push_str(&line(row));
    }
    for missing in &report.missing {
        text.push_str(&format!("not measured: {missing}\n"));
    }
    text
}

/// What was measured, and on what.
pub(crate) fn provenance(report: &Report) -> String {
    let machine = &report.machine;
    format!(
        "Commit {}; {}, {} cores, {:.1} GiB, {}.",
        report.commit,
        machine.cpu,
        machine.cores,
        machine.memory_bytes as f64 / f64::from(1 << 30),
        machine.kernel
    )
}

/// A section for docs/benchmarks.md.
pub(crate) fn markdown(report: &Report) -> String {
    let escape = |cell: &str| cell.replace('|', "\\|");
    let mut text = format!(
        "## {}\n\n{}\n\n| | value | bound | peer | |\n|---|--:|---|---|---|\n",
        report.name,
        provenance(report)
    );
    for figure in &report.figures {
        let cells = cells(figure).map(|cell| escape(&cell));
        text.push_str(&format!("| {} |\n", cells.join(" | ")));
    }
    if !report.missing.is_empty() {
        text.push_str("\nNot measured:\n\n");
        for missing in &report.missing {
            text.push_str(&format!("- {missing}\n"));
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    fn report() -> Report {
        let mut report = Report::new("api");
        report.figure(Figure::at_most("search: p99", 9.512, "ms", 15.0));
        report.figure(Figure::at_most("failed", 3.0, "requests", 0.0));
        report.missing("a|b: why");
        report
    }

    #[test]
    fn the_table_lines_up_and_says_what_does_not_hold() {
        let text = terminal(&report());
        let lines: Vec<_> = text.lines().collect();
        assert_eq!(lines[1], "search: p99     9.51 ms  <= 15  holds");
        assert_eq!(lines[2], "failed       3 requests  <= 0   DOES NOT HOLD");
        assert_eq!(lines[3], "not measured: a|b: why");
    }

    #[test]
    fn numbers_keep_three_digits() {
        let texts: Vec<_> = [0.0, 0.1234, 1.234, 123.46, 53606.0, 1234.5].map(number).into();
        assert_eq!(texts, ["0", "0.123", "1.23", "123.5", "53606", "1234"]);
    }

    #[test]
    fn markdown_has_a_row_a_figure() {
        let text = markdown(&report());
        assert!(text.contains("| search: p99 | 9.51 ms | <= 15 |  | holds |"), "{text}");
    }
}
