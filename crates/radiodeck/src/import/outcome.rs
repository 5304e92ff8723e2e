//! What an import did, told to people and to programs.

use catalog::import::Report;
use serde_json::json;

/// Whether the catalogue now holds what the source has, bad rows aside: a source that was cut short has more.
pub(super) fn is_success(report: &Report) -> bool {
    holds_something(report) && report.ended_early.is_none()
}

fn holds_something(report: &Report) -> bool {
    report.imported() + report.unchanged > 0
}

/// One line.
pub(crate) fn summary(report: &Report) -> String {
    format!(
        "{} inserted, {} updated, {} unchanged, {} bad rows, in {:.1} s",
        report.inserted,
        report.updated,
        report.unchanged,
        report.bad,
        report.took.as_secs_f64()
    )
}

/// The summary and what was left out, at most `shown` rows of it by name.
pub(super) fn lines(report: &Report, shown: usize) -> Vec<String> {
    let mut lines = vec![summary(report)];
    if report.cleaned > 0 {
        lines.push(format!("{} rows were cleaned on the way in", report.cleaned));
    }
    if report.repeated > 0 {
        lines.push(format!(
            "{} rows had the id of a later one and gave way to it",
            report.repeated
        ));
    }
    let named = report.bad_rows.iter().take(shown);
    lines.extend(named.map(|row| format!("line {}: {}", row.line, row.reason)));
    let unnamed = report.bad.saturating_sub(report.bad_rows.len().min(shown) as u64);
    if unnamed > 0 {
        lines.push(format!("and {unnamed} more bad rows; --bad-rows FILE names them"));
    }
    let holds_something = holds_something(report);
    match &report.ended_early {
        Some(reason) if holds_something => lines.push(format!(
            "the source ended before its end ({reason}): what came before it is imported, the rest is not"
        )),
        Some(reason) => lines.push(format!("the source ended before its end ({reason})")),
        None if report.rows == 0 => lines.push("the source holds no rows".into()),
        None => {}
    }
    if !holds_something {
        lines.push("nothing was imported".into());
    }
    lines
}

/// Line number and reason, parted by a tab, a row a line.
pub(super) fn bad_rows(report: &Report) -> String {
    let rows = report.bad_rows.iter();
    rows.map(|row| format!("{}\t{}\n", row.line, row.reason.replace(['\t', '\n', '\r'], " ")))
        .collect()
}

/// All of it.
pub(super) fn json(report: &Report) -> String {
    let bad_rows: Vec<_> = report
        .bad_rows
        .iter()
        .map(|row| json!({ "line": row.line, "reason": row.reason }))
        .collect();
    let object = json!({
        "rows": report.rows,
        "inserted": report.inserted,
        "updated": report.updated,
        "unchanged": report.unchanged,
        "repeated": report.repeated,
        "cleaned": report.cleaned,
        "bad": report.bad,
        "bad_rows": bad_rows,
        "ended_early": report.ended_early,
        "bytes_read": report.bytes_read,
        "took_ms": report.took.as_millis() as u64,
    });
    format!("{object:#}\n")
}

#[cfg(test)]
mod tests {
    use catalog::import::BadRow;

    use super::*;

    fn report() -> Report {
        let bad = |line, reason: &str| BadRow {
            line,
            reason: reason.into(),
        };
        Report {
            rows: 5,
            inserted: 2,
            bad: 3,
            bad_rows: vec![bad(4, "name: is empty"), bad(9, "not JSON:\ta tab")],
            ..Report::default()
        }
    }

    #[test]
    fn bad_rows_are_named_and_the_rest_is_counted() {
        let lines = lines(&report(), 1);
        assert_eq!(lines[0], "2 inserted, 0 updated, 0 unchanged, 3 bad rows, in 0.0 s");
        assert_eq!(lines[1], "line 4: name: is empty");
        assert!(lines[2].starts_with("and 2 more bad rows"), "{lines:?}");
    }

    #[test]
    fn bad_rows_do_not_make_an_import_fail_but_nothing_at_all_does() {
        assert!(is_success(&report()));
        let nothing = Report {
            inserted: 0,
            ..report()
        };
        assert!(!is_success(&nothing));
        assert!(lines(&nothing, 10).contains(&"nothing was imported".to_owned()));
        let same_again = Report {
            inserted: 0,
            unchanged: 2,
            ..report()
        };
        assert!(is_success(&same_again));
    }

    #[test]
    fn a_source_that_was_cut_short_is_imported_and_no_success() {
        let cut = Report {
            ended_early: Some("cut short on line 5: unexpected end".into()),
            ..report()
        };
        assert!(!is_success(&cut));
        let last = lines(&cut, 10).pop().expect("lines");
        assert!(last.contains("line 5") && last.contains("is imported"), "{last}");
    }

    #[test]
    fn an_empty_source_says_so() {
        let lines = lines(&Report::default(), 10);
        assert!(lines.contains(&"the source holds no rows".to_owned()), "{lines:?}");
        assert!(!is_success(&Report::default()));
    }

    #[test]
    fn the_file_of_bad_rows_has_a_row_a_line() {
        assert_eq!(bad_rows(&report()), "4\tname: is empty\n9\tnot JSON: a tab\n");
    }

    #[test]
    fn the_json_reads_back() {
        let value: serde_json::Value = serde_json::from_str(&json(&report())).expect("json");
        assert_eq!(value["inserted"], 2);
        assert_eq!(value["bad_rows"][0]["line"], 4);
    }
}
