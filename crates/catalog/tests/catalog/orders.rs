//! Orders, pages, long lists.

use catalog::{Freshness, Order, StationQuery};
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
                .read(Freshness::Bounded)
                .stations(&StationQuery::default())
                .await
                .expect("a list");
            assert_eq!(batches.next().await.expect("a batch").expect("stations").len(), 500);
        }
    });
}

#[test]
fn pages_of_a_long_list_are_the_list_in_every_order() {
    run(async {
        // Few values, so that pages end among equal ones, and among unknown times.
        let time = |n: u128, of: u128| match n % of {
            0 => Value::Null,
            day => json!(format!("2024-01-{:02} 00:00:0{}", 1 + day % 28, day % 7)),
        };
        let many: Vec<Value> = (1..=2_400)
            .map(|n| {
                let more = json!({
                    "votes": n % 2, "clickcount": n % 3, "clicktrend": (n % 5) as i64 - 2, "bitrate": n % 4,
                    "lastchangetime": time(n, 2), "lastchecktime": time(n, 50), "clicktimestamp": time(n, 3),
                    "homepage": format!("http://h/{}", n % 7), "tags": format!("t{}", n % 6), "lastcheckok": n % 2,
                    "country": format!("C{}", n % 3), "state": "S", "language": format!("l{}", n % 900),
                    "codec": if n % 2 == 0 { "mp3" } else { "MP3" },
                });
                station(n, &format!("Name {}", n % 601), &more)
            })
            .collect();
        let fixture = Fixture::with(&many).await;
        for order in [
            Order::Name,
            Order::Votes,
            Order::ClickCount,
            Order::ClickTrend,
            Order::Bitrate,
            Order::ChangeTimestamp,
            Order::LastCheckTime,
            Order::ClickTimestamp,
            Order::LastCheckOk,
            Order::Url,
            Order::Homepage,
            Order::Favicon,
            Order::Tags,
            Order::Country,
            Order::State,
            Order::Language,
            Order::Codec,
        ] {
            for reverse in [false, true] {
                let query = StationQuery {
                    order,
                    reverse,
                    ..StationQuery::default()
                };
                let mut by_offset = Vec::new();
                for offset in (0..2_400).step_by(480) {
                    let part = StationQuery {
                        offset,
                        limit: Some(480),
                        ..query.clone()
                    };
                    by_offset.extend(fixture.list(&part).await);
                }
                let paged = fixture.list(&query).await;
                assert!(paged == by_offset, "{order:?}, reverse: {reverse}");
                let part = StationQuery {
                    offset: 7,
                    limit: Some(2_100),
                    ..query
                };
                assert!(
                    fixture.list(&part).await == paged[7..2_107],
                    "a part of {order:?}, reverse: {reverse}"
                );
            }
        }
        let random = StationQuery {
            order: Order::Random,
            country: crate::samples::exact("c1"),
            ..StationQuery::default()
        };
        let all = StationQuery {
            order: Order::Random,
            ..StationQuery::default()
        };
        for (query, count) in [(random, 800), (all, 2_400)] {
            let numbers = async || -> Vec<u128> {
                let found = fixture.list(&query).await;
                found.iter().map(|station| station.stationuuid.as_u128()).collect()
            };
            let (first, second) = (numbers().await, numbers().await);
            assert_ne!(first, second, "another order each time");
            let distinct: std::collections::BTreeSet<u128> = first.iter().copied().collect();
            assert_eq!((first.len(), distinct.len()), (count, count));
        }
    });
}

#[test]
fn slow_clients_hold_no_connection() {
    run(async {
        let many: Vec<Value> = (1..=5_000)
            .map(|n| station(n, &format!("Station {n:04}"), &json!({})))
            .collect();
        let fixture = Fixture::with(&many).await;
        let mut registry = prometheus_client::registry::Registry::default();
        fixture.database.register_metrics(&mut registry);
        let in_use = || {
            let mut text = String::new();
            prometheus_client::encoding::text::encode(&mut text, &registry).expect("metrics");
            !text.contains("database_connections_in_use{node=\"pg-1\"} 0")
        };
        // Twice as many as there are connections.
        let mut lists = Vec::new();
        for _ in 0..20 {
            let list = fixture
                .database
                .read(Freshness::Bounded)
                .stations(&StationQuery::default())
                .await;
            lists.push(list.expect("a list"));
        }
        until("no connection is held", async || !in_use()).await;
        assert!(fixture.database.read(Freshness::Bounded).stats().await.is_ok());
        for mut list in lists {
            let mut numbers = Vec::new();
            while let Some(batch) = list.next().await {
                numbers.extend(
                    batch
                        .expect("a batch")
                        .iter()
                        .map(|station| station.stationuuid.as_u128()),
                );
            }
            assert!(numbers == (1..=5_000).collect::<Vec<_>>(), "{}", numbers.len());
        }
    });
}
