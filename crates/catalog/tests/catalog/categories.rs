//! Counts of tags, countries and the rest.

use catalog::{Category, CategoryQuery, Freshness};

use crate::samples::some;
use crate::support::{Fixture, run};

#[test]
fn categories_are_counted_whether_the_summary_is_fresh_or_stale() {
    run(async {
        let fixture = Fixture::with(&some()).await;
        for stale in [false, true] {
            fixture
                .sql(&format!("update radiodeck.totals set stale = {stale}"))
                .await;
            let list = async |category, query: CategoryQuery| -> Vec<(String, Option<String>, i64)> {
                let counts = fixture
                    .database
                    .read(Freshness::Bounded)
                    .category(category, &query)
                    .await
                    .expect("counts");
                counts
                    .into_iter()
                    .map(|count| (count.name, count.code, count.stations))
                    .collect()
            };
            let row = |name: &str, code: Option<&str>, n| (name.to_owned(), code.map(str::to_owned), n);
            let all = CategoryQuery::default();
            assert_eq!(
                list(Category::Country, all.clone()).await,
                [
                    row("France", Some("FR"), 1),
                    row("Germany", Some("DE"), 2),
                    row("Russia", None, 1)
                ]
            );
            assert_eq!(
                list(Category::Language, all.clone()).await,
                [
                    row("english", Some("en"), 1),
                    row("french", Some("fr"), 1),
                    row("german", Some("de"), 2)
                ]
            );
            assert_eq!(
                list(Category::State, all.clone()).await,
                [
                    row("Bayern", Some("Germany"), 1),
                    row("Île-de-France", Some("France"), 1)
                ]
            );
            assert_eq!(
                list(Category::CountryCode, all).await,
                [row("DE", None, 2), row("FR", None, 1)]
            );
            let query = CategoryQuery {
                filter: Some("JAZZ".into()),
                by_count: true,
                reverse: true,
                ..CategoryQuery::default()
            };
            assert_eq!(
                list(Category::Tag, query).await,
                [
                    row("jazz", None, 2),
                    row("acid jazz", None, 1),
                    row("smooth jazz", None, 1)
                ]
            );
            let query = CategoryQuery {
                hide_broken: true,
                offset: 1,
                limit: Some(1),
                ..CategoryQuery::default()
            };
            assert_eq!(list(Category::Codec, query).await, [row("mp3", None, 1)]);
            let stats = fixture.database.read(Freshness::Bounded).stats().await.expect("stats");
            assert_eq!(
                (stats.stations, stats.stations_broken, stats.tags, stats.languages),
                (4, 1, 5, 3),
                "{stats:?}"
            );
            assert_eq!((stats.countries, stats.clicks_last_day), (2, 0));
        }
    });
}
