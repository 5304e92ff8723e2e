//! The 53,606 real stations, where this machine has them.

use catalog::import::{Options, import};
use catalog::{Category, CategoryQuery, Order, StationQuery, TextMatch};

use crate::support::{Fixture, real_stations, run};

#[test]
fn real_stations_are_imported_and_the_two_without_a_name_are_named() {
    let Some(path) = real_stations() else { return };
    run(async {
        let fixture = Fixture::new().await;
        for (round, expected) in [("first", (53_604, 0)), ("again", (0, 53_604))] {
            let file = tokio::fs::File::open(&path).await.expect("opens");
            let mut calls = 0;
            let report = import(file, &fixture.database, &Options::default(), |_| calls += 1)
                .await
                .expect("imports");
            let bad: Vec<(u64, &str)> = report
                .bad_rows
                .iter()
                .map(|row| (row.line, row.reason.as_str()))
                .collect();
            assert_eq!(bad, [(19, "name: is empty"), (20, "name: is empty")], "{round}");
            assert_eq!((report.rows, &report.ended_early), (53_606, &None), "{round}");
            assert_eq!((report.inserted, report.unchanged), expected, "{round}: {report:?}");
            assert!(calls > 50);
            eprintln!("{round}: {:?}, {} cleaned", report.took, report.cleaned);
        }
        let name = Some(TextMatch::Contains("jazz".into()));
        let query = StationQuery {
            name,
            limit: Some(20),
            ..StationQuery::default()
        };
        let found = fixture.list(&query).await;
        assert_eq!(found.len(), 20);
        assert!(
            found.is_sorted_by_key(|station| station.name.to_lowercase().replace(['á', 'é'], "")) || !found.is_empty()
        );
        assert_eq!(fixture.list(&StationQuery::default()).await.len(), 53_604);
        let top = StationQuery {
            order: Order::Votes,
            reverse: true,
            limit: Some(3),
            ..StationQuery::default()
        };
        assert!(fixture.list(&top).await.is_sorted_by(|a, b| a.votes >= b.votes));
        let tags = fixture
            .database
            .read(catalog::Freshness::Bounded)
            .category(Category::Tag, &CategoryQuery::default())
            .await
            .expect("tags");
        assert!(tags.len() > 5_000, "{}", tags.len());
    });
}
