//! Votes and clicks, counted once each.

use catalog::{Click, Freshness, StationQuery, Visitor, VoteOutcome};
use futures::future::join_all;
use serde_json::json;

use crate::support::{Fixture, run, station, until, uuid};

fn visitor(number: u8) -> Visitor {
    Visitor([number; 16])
}

#[test]
fn of_many_votes_at_once_each_visitor_counts_once() {
    run(async {
        let fixture = Fixture::with(&[station(1, "A", &json!({"votes": 10}))]).await;
        let vote = async |by| fixture.database.write().vote(uuid(1), visitor(by)).await;
        let outcomes = join_all((0..24).map(|n| vote(n % 3))).await;
        let mut counted: Vec<i32> = outcomes
            .into_iter()
            .filter_map(|outcome| match outcome.expect("an outcome").value {
                VoteOutcome::Counted { votes } => Some(votes),
                VoteOutcome::TooSoon => None,
                VoteOutcome::UnknownStation => panic!("it is known"),
            })
            .collect();
        counted.sort_unstable();
        assert_eq!(counted, [11, 12, 13]);
        fixture
            .sql("update radiodeck.votes set voted_at = now() - interval '25 hours'")
            .await;
        assert_eq!(
            vote(0).await.expect("an outcome").value,
            VoteOutcome::Counted { votes: 14 }
        );
        assert_eq!(vote(0).await.expect("an outcome").value, VoteOutcome::TooSoon);
        let unknown = fixture.database.write().vote(uuid(9), visitor(0)).await;
        assert_eq!(unknown.expect("an outcome").value, VoteOutcome::UnknownStation);
    });
}

#[test]
fn of_many_clicks_at_once_each_visitor_counts_once_a_day() {
    run(async {
        let fixture = Fixture::with(&[station(1, "A", &json!({"clickcount": 10, "clicktrend": -1}))]).await;
        let click = async |by| {
            let write = fixture.database.write();
            match write.click(uuid(1), visitor(by)).await.expect("an outcome").value {
                Click::Play(stream) => stream,
                Click::UnknownStation => panic!("it is known"),
            }
        };
        join_all((0..24).map(|n| click(n % 3))).await;
        assert_eq!(click(0).await.name, "A");
        let station = fixture.list(&StationQuery::default()).await.remove(0);
        assert_eq!((station.clickcount, station.clicktrend), (13, 2));
        assert!(station.clicktimestamp.is_some());
        assert_eq!(
            fixture
                .database
                .read(Freshness::Bounded)
                .stats()
                .await
                .expect("stats")
                .clicks_last_hour,
            3
        );
        let unknown = fixture.database.write().click(uuid(9), visitor(0)).await;
        assert_eq!(unknown.expect("an outcome").value, Click::UnknownStation);
    });
}

#[test]
fn counts_fall_as_their_day_passes_and_old_rows_are_removed() {
    run(async {
        let fixture = Fixture::with(&[station(1, "A", &json!({"clickcount": 10, "clicktrend": 1}))]).await;
        let write = fixture.database.write();
        for by in 0..4 {
            write.click(uuid(1), visitor(by)).await.expect("counts");
            write.vote(uuid(1), visitor(by)).await.expect("counts");
        }
        let counts = async || {
            let station = fixture.list(&StationQuery::default()).await.remove(0);
            (station.clickcount, station.clicktrend, station.votes)
        };
        assert_eq!(counts().await, (14, 5, 4));
        let age = async |hours| {
            fixture
                .sql(&format!(
                    "update radiodeck.clicks set clicked_at = now() - interval '{hours} hours'"
                ))
                .await;
            fixture
                .sql(&format!(
                    "update radiodeck.votes set voted_at = now() - interval '{hours} hours'"
                ))
                .await;
            write.tidy().await.expect("tidies")
        };
        assert_eq!(age(1).await, catalog::Tidied::default());
        let tidied = age(25).await;
        assert_eq!(
            (tidied.stations_recounted, tidied.clicks_removed, tidied.votes_removed),
            (1, 0, 4)
        );
        assert_eq!(counts().await, (10, -3, 4));
        age(49).await;
        assert_eq!(counts().await, (10, 1, 4));
        assert_eq!(age(73).await.clicks_removed, 4);
        assert_eq!(counts().await, (10, 1, 4));
    });
}

#[test]
fn many_old_rows_go_in_one_tidying() {
    run(async {
        let fixture = Fixture::with(&[station(1, "A", &json!({}))]).await;
        let many = "insert into radiodeck.votes \
            select stationuuid, decode(lpad(to_hex(n), 32, '0'), 'hex'), now() - interval '2 days' \
            from radiodeck.stations, generate_series(1, 25000) n";
        fixture.sql(many).await;
        let tidied = fixture.database.write().tidy().await;
        assert_eq!(tidied.expect("tidies").votes_removed, 25_000);
    });
}

#[test]
fn a_step_of_tidying_that_fails_keeps_none_of_the_others_from_being_done() {
    run(async {
        let fixture = Fixture::with(&[station(1, "A", &json!({}))]).await;
        let write = fixture.database.write();
        write.vote(uuid(1), visitor(1)).await.expect("votes");
        let broken = "alter function radiodeck.recount_clicks() rename to gone; \
            update radiodeck.votes set voted_at = now() - interval '2 days'; \
            update radiodeck.totals set stale = true, stations = 7";
        fixture.sql(broken).await;
        write.tidy().await.expect_err("one step fails");
        assert_eq!(fixture.sql("select count(*) from radiodeck.votes").await, "0");
        assert_eq!(fixture.sql("select stale, stations from radiodeck.totals").await, "f|1");
    });
}

#[test]
fn stale_summaries_are_refreshed_unless_an_import_or_another_server_is_at_it() {
    run(async {
        let fixture = Fixture::with(&[station(1, "A", &json!({}))]).await;
        let write = fixture.database.write();
        assert!(!write.tidy().await.expect("tidies").summaries_refreshed);
        fixture.sql("update radiodeck.totals set stale = true").await;
        for (held, by) in [
            ("select from radiodeck.totals for update", "an import's batch"),
            ("select pg_advisory_xact_lock(20261, 2)", "another server"),
        ] {
            let hold = format!("begin; {held}; select pg_sleep(30)");
            let holder = fixture.sql(&hold);
            let tidied = async {
                let sleeps = "select count(*) from pg_stat_activity where datname = current_database() \
                    and wait_event = 'PgSleep'";
                until("it is held", async || fixture.sql(sleeps).await == "1").await;
                write.tidy().await.expect("tidies")
            };
            tokio::select! {
                _ = holder => panic!("it is held until it is dropped"),
                tidied = tidied => assert!(!tidied.summaries_refreshed, "{by}"),
            }
            let end = "select pg_terminate_backend(pid) from pg_stat_activity where datname = current_database() \
                and wait_event = 'PgSleep'";
            fixture.sql(end).await;
        }
        until("it is refreshed", async || {
            write.tidy().await.expect("tidies").summaries_refreshed
        })
        .await;
    });
}

#[test]
fn of_several_that_recount_one_does() {
    run(async {
        let fixture = Fixture::with(&[station(1, "A", &json!({}))]).await;
        let write = fixture.database.write();
        write.click(uuid(1), visitor(1)).await.expect("clicks");
        fixture
            .sql("update radiodeck.clicks set clicked_at = now() - interval '25 hours'")
            .await;
        let all = join_all((0..5).map(|_| write.tidy())).await;
        let recounted: i64 = all
            .into_iter()
            .map(|done| done.expect("tidies").stations_recounted)
            .sum();
        assert_eq!(recounted, 1);
    });
}
