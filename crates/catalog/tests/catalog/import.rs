//! Imports: formats, dirt, repeats, and what may be overwritten.

use std::io::Write as _;

use catalog::import::{Options, import};
use catalog::{Click, Freshness, StationQuery, Visitor};
use serde_json::{Value, json};

use crate::support::{Fixture, ndjson, run, station, uuid};

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut packer = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
    packer.write_all(bytes).expect("packs");
    packer.finish().expect("packs")
}

fn many(count: u128) -> Vec<Value> {
    (1..=count)
        .map(|n| station(n, &format!("Station {n}"), &json!({"tags": format!("tag{n}")})))
        .collect()
}

#[test]
fn every_form_is_told_by_its_first_bytes() {
    run(async {
        let lines = ndjson(&many(3));
        let array = serde_json::to_vec_pretty(&many(3)).expect("JSON");
        for (form, bytes) in [
            ("lines", lines.clone()),
            ("array", array.clone()),
            ("gzip", gzip(&lines)),
            ("gzip of two members", [gzip(&lines[..50]), gzip(&lines[50..])].concat()),
            ("zstd", zstd::encode_all(&array[..], 3).expect("packs")),
        ] {
            let fixture = Fixture::new().await;
            let report = fixture.import(&bytes).await;
            assert_eq!(
                (report.rows, report.inserted, report.ended_early),
                (3, 3, None),
                "{form}"
            );
            assert_eq!(report.bytes_read, bytes.len() as u64, "{form}");
            assert_eq!(fixture.list(&StationQuery::default()).await.len(), 3, "{form}");
        }
        let nothing = Fixture::new().await.import(b"").await;
        assert_eq!((nothing.rows, nothing.ended_early), (0, None));
    });
}

#[test]
fn what_is_cut_short_is_imported_up_to_there_and_reported() {
    run(async {
        let lines = ndjson(&many(5_000));
        let array = serde_json::to_vec(&many(5_000)).expect("JSON");
        let half = |bytes: &[u8]| bytes[..bytes.len() / 2].to_vec();
        let mut corrupt = gzip(&lines);
        let middle = corrupt.len() / 2;
        corrupt[middle..middle + 64].fill(0xff);
        for (form, bytes) in [
            ("gzip", half(&gzip(&lines))),
            ("corrupt gzip", corrupt),
            ("zstd", half(&zstd::encode_all(&lines[..], 3).expect("packs"))),
            ("array", half(&array)),
        ] {
            let fixture = Fixture::new().await;
            let report = fixture.import(&bytes).await;
            let reason = report.ended_early.clone().unwrap_or_default();
            assert!(reason.contains("line "), "{form}: {report:?}");
            assert!(report.inserted > 500 && report.inserted < 5_000, "{form}: {report:?}");
            assert!(report.bad <= 1 || form == "corrupt gzip", "{form}: {report:?}");
            assert_eq!(
                fixture.list(&StationQuery::default()).await.len() as u64,
                report.inserted,
                "{form}"
            );
        }
    });
}

#[test]
fn bad_rows_are_counted_and_named_and_the_rest_is_imported() {
    run(async {
        let mut bytes = ndjson(&many(2));
        bytes.extend_from_slice(b"{\"stationuuid\":\"");
        bytes.extend_from_slice(b"\xff\xfe\"}\n\nnot json\n");
        bytes.extend(ndjson(&[
            station(3, "No URL", &json!({"url": null})),
            station(4, "Script", &json!({"url": "javascript:1"})),
            station(5, "Votes", &json!({"votes": {"a": 1}})),
            json!({"stationuuid": "zzz", "name": "x", "url": "http://x/"}),
            station(6, "NUL \u{0} name", &json!({"country": "\u{0}"})),
        ]));
        bytes.extend(format!("{{\"x\":\"{}\"}}\n", "y".repeat(2 << 20)).into_bytes());
        bytes.extend(ndjson(&[station(7, "Last", &json!({}))]));
        let fixture = Fixture::new().await;
        let report = fixture.import(&bytes).await;
        let named: Vec<(u64, &str)> = report
            .bad_rows
            .iter()
            .map(|row| (row.line, row.reason.as_str()))
            .collect();
        assert_eq!(
            named,
            [
                (3, "not UTF-8 at byte 17"),
                (5, "not JSON: expected ident at line 1 column 2"),
                (6, "url: is empty"),
                (7, "url: is no http or https address"),
                (8, "votes: not a whole number"),
                (9, "stationuuid: not a UUID"),
                (11, "longer than 1 MiB"),
            ]
        );
        assert_eq!((report.bad, report.inserted, report.rows), (7, 4, 11));
        assert_eq!(
            fixture.names(&StationQuery::default()).await,
            ["Last", "NUL name", "Station 1", "Station 2"]
        );

        let options = Options {
            bad_rows_kept: 2,
            ..Options::default()
        };
        let garbage = b"?\n".repeat(25_000);
        let report = import(&garbage[..], &fixture.database, &options, |_| {})
            .await
            .expect("imports");
        assert_eq!((report.bad, report.bad_rows.len(), report.imported()), (25_000, 2, 0));
    });
}

#[test]
fn a_row_that_only_the_database_refuses_takes_no_other_with_it() {
    run(async {
        let fixture = Fixture::new().await;
        fixture
            .sql("alter table radiodeck.stations add check (name not like '%13')")
            .await;
        let report = fixture.import(&ndjson(&many(300))).await;
        assert_eq!((report.inserted, report.bad), (297, 3), "{report:?}");
        let lines: Vec<u64> = report.bad_rows.iter().map(|row| row.line).collect();
        assert_eq!(lines, [13, 113, 213]);
        // Nor one that is beyond a limit of the database's.
        fixture
            .sql(
                "create function public.picky(text) returns boolean language plpgsql as $$ begin \
                 if $1 like '%77' then raise exception 'too long' using errcode = '54000'; end if; return true; \
                 end $$; alter table radiodeck.stations add check (public.picky(name)) not valid",
            )
            .await;
        let beyond: Vec<Value> = (301..=400)
            .map(|n| station(n, &format!("Station {n}"), &json!({})))
            .collect();
        let limits = fixture.import(&ndjson(&beyond)).await;
        assert_eq!((limits.inserted, limits.bad), (98, 2), "{limits:?}");
        assert!(
            report.bad_rows[0].reason.contains("violates check constraint"),
            "{report:?}"
        );
    });
}

#[test]
fn dirt_is_cleaned_and_the_original_is_kept() {
    run(async {
        let dirt = station(
            1,
            " \tDirty\u{7} ",
            &json!({
                "tags": "Pop, pop,ROCK,", "countrycode": "de", "bitrate": 128000, "geo_lat": 1.5, "geo_long": null,
            }),
        );
        let fixture = Fixture::with(&[dirt]).await;
        let station = fixture.list(&StationQuery::default()).await.remove(0);
        assert_eq!((station.name.as_str(), station.tags.as_str()), ("Dirty", "pop,rock"));
        assert_eq!(
            (station.countrycode.as_str(), station.bitrate, station.geo_lat),
            ("DE", 128, None)
        );
        let original = fixture
            .sql("select original ->> 'name', original ->> 'bitrate' from radiodeck.stations")
            .await;
        assert_eq!(original, " \tDirty\u{7} |128000");
    });
}

#[test]
fn importing_again_changes_only_what_differs() {
    run(async {
        let mut stations = many(2_500);
        let fixture = Fixture::with(&stations).await;
        let again = fixture.import(&ndjson(&stations)).await;
        assert_eq!((again.inserted, again.updated, again.unchanged), (0, 0, 2_500));
        stations[7]["name"] = "Another name".into();
        stations.push(station(9_000, "New", &json!({})));
        stations.push(station(9_000, "New, again", &json!({})));
        let third = fixture.import(&ndjson(&stations)).await;
        assert_eq!(
            (third.inserted, third.updated, third.unchanged, third.repeated),
            (1, 1, 2_499, 1)
        );
        let name = Some(catalog::TextMatch::Contains("new".into()));
        assert_eq!(
            fixture
                .names(&StationQuery {
                    name,
                    ..StationQuery::default()
                })
                .await,
            ["New, again"]
        );
    });
}

#[test]
fn an_import_never_lowers_votes_and_keeps_our_clicks() {
    run(async {
        let with = |votes, clicks, change| {
            let more = json!({"votes": votes, "clickcount": clicks, "changeuuid": uuid(change)});
            ndjson(&[station(1, "A", &more)])
        };
        let fixture = Fixture::new().await;
        fixture.import(&with(10, 100, 1)).await;
        let write = fixture.database.write();
        write.vote(uuid(1), Visitor([1; 16])).await.expect("counts");
        assert!(matches!(
            write.click(uuid(1), Visitor([1; 16])).await.expect("clicks").value,
            Click::Play(_)
        ));
        let counts = async || {
            let station = fixture.list(&StationQuery::default()).await.remove(0);
            (station.votes, station.clickcount)
        };
        assert_eq!(counts().await, (11, 101));
        fixture.import(&with(10, 100, 1)).await;
        assert_eq!(counts().await, (11, 101), "the same again");
        fixture.import(&with(5, 50, 2)).await;
        assert_eq!(
            counts().await,
            (11, 51),
            "fewer votes are not believed, fewer clicks are"
        );
        fixture.import(&with(20, 80, 3)).await;
        assert_eq!(counts().await, (21, 81));
    });
}

#[test]
fn imports_at_once_end_as_one_would() {
    run(async {
        let (forwards, mut backwards) = (many(3_000), many(3_000));
        backwards.reverse();
        let fixture = Fixture::new().await;
        let (forwards, backwards) = (ndjson(&forwards), ndjson(&backwards));
        let (a, b) = tokio::join!(fixture.import(&forwards), fixture.import(&backwards));
        assert_eq!(a.inserted + b.inserted, 3_000, "{a:?} {b:?}");
        let stats = fixture.database.read(Freshness::Bounded).stats().await.expect("stats");
        assert_eq!((stats.stations, stats.tags), (3_000, 3_000));
        assert_eq!(fixture.sql("select stale from radiodeck.totals").await, "f");
    });
}

#[test]
fn counts_at_the_end_of_what_a_column_holds_are_voted_and_clicked_on_all_the_same() {
    run(async {
        let most = |change| {
            let more = json!({
                "votes": i32::MAX, "clickcount": i64::MAX, "clicktrend": i64::MIN, "changeuuid": uuid(change),
            });
            ndjson(&[station(1, "A", &more)])
        };
        let fixture = Fixture::new().await;
        let counts = async || {
            let station = fixture.list(&StationQuery::default()).await.remove(0);
            (station.votes, station.clickcount, station.clicktrend)
        };
        let write = fixture.database.write();
        let press = async |by: u8| {
            write.vote(uuid(1), Visitor([by; 16])).await.expect("votes");
            write.click(uuid(1), Visitor([by; 16])).await.expect("clicks");
            write.tidy().await.expect("tidies")
        };
        fixture.import(&most(1)).await;
        press(1).await;
        assert_eq!(counts().await, (1_000_000_001, 1_000_000_001, -999_999_999));

        // As no import leaves them: even then nothing fails.
        let end = "update radiodeck.stations set votes = 2147483647, clickcount = 2147483647, clicktrend = 2147483647, \
            source_clickcount = 2147483647, source_clicktrend = 2147483647, source_votes = 0";
        fixture.sql(end).await;
        press(2).await;
        assert_eq!(counts().await, (2_000_000_000, 2_000_000_000, 2_000_000_000));
        fixture.import(&most(2)).await;
        let low = "update radiodeck.stations set clicktrend = -2147483648, source_clicktrend = -2147483648";
        fixture.sql(low).await;
        fixture
            .sql("update radiodeck.clicks set clicked_at = clicked_at - interval '25 hours'")
            .await;
        write.tidy().await.expect("tidies");
        assert_eq!(counts().await.2, -2_000_000_000);
    });
}

#[test]
fn summaries_that_an_import_left_stale_are_refreshed_by_the_next_one_that_changes_nothing() {
    run(async {
        let lines = ndjson(&many(3));
        let fixture = Fixture::new().await;
        fixture.import(&lines).await;
        fixture
            .sql("update radiodeck.totals set stale = true, stations = 7")
            .await;
        assert_eq!(fixture.import(&lines).await.unchanged, 3);
        assert_eq!(fixture.sql("select stale, stations from radiodeck.totals").await, "f|3");
    });
}

#[test]
fn an_import_that_is_dropped_leaves_whole_batches() {
    run(async {
        let fixture = Fixture::new().await;
        let lines = ndjson(&many(20_000));
        let (told, mut first) = tokio::sync::mpsc::channel(1);
        let options = Options::default();
        let work = import(&lines[..], &fixture.database, &options, move |_| {
            let _ = told.try_send(());
        });
        tokio::select! {
            _ = work => panic!("it was to be dropped before its end"),
            _ = first.recv() => {}
        }
        let there = fixture.list(&StationQuery::default()).await.len();
        assert!(there > 0 && there % 1_000 == 0, "{there}");
        // The summary knows that it is stale, so the totals are right.
        let stats = fixture.database.read(Freshness::Bounded).stats().await.expect("stats");
        assert!(
            stats.stations >= there as i64 && stats.stations % 1_000 == 0,
            "{stats:?}"
        );
    });
}
