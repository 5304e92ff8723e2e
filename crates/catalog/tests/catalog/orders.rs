//! Orders, pages, long lists.

use catalog::{Error, Order, StationQuery};
use serde_json::{Value, json};

use crate::samples::some;
use crate::support::{Fixture, run, station, until};

#[test]
fn each_order_sorts_and_ties_are_by_name() {
    run(async {
        let fixture = Fixture::with(&some()).await;
        for (order, up, down) in [
            (Order::Name, [2, 1, 3, 4], [4, 3, 1, 2]),
            (Order::Votes, [4, 1, 3, 2], [2, 1, 3, 4]),
            (Order::ClickCount, [3, 4, 1, 2], [2, 1, 3, 4]),
            (Order::ClickTrend, [1, 3, 4, 2], [2, 3, 4, 1]),
            (Order::Bitrate, [4, 2, 1, 3], [3, 1, 2, 4]),
            (Order::ChangeTimestamp, [3, 4, 2, 1], [1, 2, 3, 4]),
            (Order::LastCheckTime, [1, 3, 4, 2], [2, 1, 3, 4]),
            (Order::ClickTimestamp, [1, 3, 4, 2], [2, 1, 3, 4]),
            (Order::LastCheckOk, [2, 1, 3, 4], [1, 3, 4, 2]),
            (Order::Url, [1, 3, 4, 2], [2, 4, 3, 1]),
            (Order::Homepage, [2, 1, 4, 3], [3, 2, 1, 4]),
            (Order::Favicon, [2, 1, 3, 4], [2, 1, 3, 4]),
            (Order::Tags, [4, 3, 1, 2], [2, 1, 3, 4]),
            (Order::Country, [1, 2, 3, 4], [4, 2, 3, 1]),
            (Order::State, [3, 4, 2, 1], [1, 2, 3, 4]),
            (Order::Language, [4, 1, 2, 3], [3, 2, 1, 4]),
            (Order::Codec, [4, 2, 1, 3], [1, 3, 2, 4]),
        ] {
            for (reverse, expected) in [(false, up), (true, down)] {
                for limit in [None, Some(50)] {
                    let query = StationQuery {
                        order,
                        reverse,
                        limit,
                        ..StationQuery::default()
                    };
                    let found: Vec<u128> = fixture
                        .list(&query)
                        .await
                        .iter()
                        .map(|s| s.stationuuid.as_u128())
                        .collect();
                    assert_eq!(found, expected, "{query:?}");
                }
            }
        }
        let query = StationQuery {
            order: Order::Random,
            limit: Some(3),
            ..StationQuery::default()
        };
        assert_eq!(fixture.list(&query).await.len(), 3);
    });
}

#[test]
fn pages_follow_each_other_and_long_lists_come_in_batches() {
    run(async {
        let many: Vec<Value> = (0..1_203)
            .map(|n| station(n + 1, &format!("Station {:04}", n / 3), &json!({})))
            .collect();
        let fixture = Fixture::with(&many).await;
        let whole = fixture.list(&StationQuery::default()).await;
        assert_eq!(whole.len(), 1_203);
        let mut paged = Vec::new();
        for offset in (0..1_203).step_by(100) {
            let query = StationQuery {
                offset,
                limit: Some(100),
                ..StationQuery::default()
            };
            paged.extend(fixture.list(&query).await);
        }
        assert_eq!(paged, whole);
        let query = StationQuery {
            offset: 1,
            limit: Some(700),
            ..StationQuery::default()
        };
        assert_eq!(fixture.list(&query).await, whole[1..701]);
        for (offset, limit) in [(1_203, Some(5)), (5_000, None), (0, Some(0))] {
            let query = StationQuery {
                offset,
                limit,
                ..StationQuery::default()
            };
            assert_eq!(fixture.list(&query).await, [], "{query:?}");
        }
        // Dropped after the first batch: nothing hangs, and the connection is free again.
        for _ in 0..20 {
            let mut batches = fixture
                .database
                .read()
                .stations(&StationQuery::default())
                .await
                .expect("a list");
            assert_eq!(batches.next().await.expect("a batch").expect("stations").len(), 500);
        }
    });
}

#[test]
fn a_client_that_stops_reading_is_given_up_and_told_so() {
    run(async {
        let many: Vec<Value> = (1..=4_000)
            .map(|n| station(n, &format!("Station {n}"), &json!({})))
            .collect();
        let fixture = Fixture::with(&many).await;
        let mut registry = prometheus_client::registry::Registry::default();
        fixture.database.register_metrics(&mut registry);
        let in_use = || {
            let mut text = String::new();
            prometheus_client::encoding::text::encode(&mut text, &registry).expect("metrics");
            !text.contains("database_connections_in_use{node=\"pg-1\"} 0")
        };
        let mut batches = fixture
            .database
            .read()
            .stations(&StationQuery::default())
            .await
            .expect("a list");
        until("the list is being read", async || in_use()).await;
        until("it is given up", async || !in_use()).await;
        let last = loop {
            match batches.next().await {
                Some(Ok(_)) => {}
                last => break last,
            }
        };
        assert!(
            matches!(last, Some(Err(Error::Timeout { .. }))),
            "a list that was cut off must not look complete"
        );
        assert!(batches.next().await.is_none());
    });
}
