//! Filters, one by one and together.

use catalog::{Error, Freshness, StationQuery, TextMatch};

use crate::samples::{contains, exact, some};
use crate::support::{Fixture, run, uuid};

#[test]
fn names_are_found_whatever_their_case_and_accents() {
    run(async {
        let fixture = Fixture::with(&some()).await;
        for (part, expected) in [
            ("etudes", &["Radio Études", "radio etudes zwei"][..]),
            ("ÉTÜDES z", &["radio etudes zwei"]),
            ("e\u{301}tudes", &["Radio Études", "radio etudes zwei"]),
            ("ЗИМНЯЯ", &["Зимняя Jazz 1000"]),
            ("op", &["100% Pop"]),
            ("nothing", &[]),
            (
                "",
                &["100% Pop", "Radio Études", "radio etudes zwei", "Зимняя Jazz 1000"],
            ),
        ] {
            let name = contains(part);
            let query = StationQuery {
                name,
                ..StationQuery::default()
            };
            assert_eq!(fixture.names(&query).await, expected, "{part}");
            assert_eq!(
                fixture
                    .database
                    .read(Freshness::Bounded)
                    .count(&query)
                    .await
                    .expect("a count"),
                expected.len() as i64,
                "{part}"
            );
        }
        let name = exact("RADIO ETUDES");
        let query = StationQuery {
            name,
            ..StationQuery::default()
        };
        assert_eq!(fixture.names(&query).await, ["Radio Études"]);
    });
}

#[test]
fn percent_and_underscore_are_letters_like_any_other() {
    run(async {
        let fixture = Fixture::with(&some()).await;
        for (part, expected) in [
            ("%", &["100% Pop"][..]),
            ("0% p", &["100% Pop"]),
            ("_", &[]),
            ("r%o", &[]),
            ("\\", &[]),
        ] {
            let name = contains(part);
            assert_eq!(
                fixture
                    .names(&StationQuery {
                        name,
                        ..StationQuery::default()
                    })
                    .await,
                expected,
                "{part}"
            );
        }
        let tags = vec![TextMatch::Contains("p_r".into())];
        assert_eq!(
            fixture
                .names(&StationQuery {
                    tags,
                    ..StationQuery::default()
                })
                .await,
            ["radio etudes zwei"]
        );
    });
}

#[test]
fn each_filter_finds_its_stations() {
    run(async {
        let fixture = Fixture::with(&some()).await;
        let all = StationQuery::default;
        let tag = |terms: &[TextMatch]| terms.to_vec();
        let jazz = || TextMatch::Exact("Jazz".into());
        for (query, expected) in [
            (
                StationQuery {
                    country: contains("GERM"),
                    ..all()
                },
                &[2, 3][..],
            ),
            (
                StationQuery {
                    country: exact("germany"),
                    ..all()
                },
                &[2, 3],
            ),
            (
                StationQuery {
                    country: exact("german"),
                    ..all()
                },
                &[],
            ),
            (
                StationQuery {
                    countrycode: Some("de".into()),
                    ..all()
                },
                &[2, 3],
            ),
            (
                StationQuery {
                    state: contains("DE-fr"),
                    ..all()
                },
                &[1],
            ),
            (
                StationQuery {
                    state: exact("île-DE-france"),
                    ..all()
                },
                &[1],
            ),
            (
                StationQuery {
                    language: contains("erma"),
                    ..all()
                },
                &[2, 3],
            ),
            (
                StationQuery {
                    language: exact("English"),
                    ..all()
                },
                &[3],
            ),
            (
                StationQuery {
                    tags: tag(&[TextMatch::Contains("JAZZ".into())]),
                    ..all()
                },
                &[1, 3, 4],
            ),
            (
                StationQuery {
                    tags: tag(&[jazz()]),
                    ..all()
                },
                &[1, 3],
            ),
            (
                StationQuery {
                    tags: tag(&[jazz(), TextMatch::Exact("smooth jazz".into())]),
                    ..all()
                },
                &[1],
            ),
            (
                StationQuery {
                    tags: tag(&[jazz(), TextMatch::Contains("rock".into())]),
                    ..all()
                },
                &[3],
            ),
            (
                StationQuery {
                    codec: exact("Mp3"),
                    ..all()
                },
                &[1, 3],
            ),
            (
                StationQuery {
                    codec: contains("aac"),
                    ..all()
                },
                &[2],
            ),
            (
                StationQuery {
                    uuids: Some(vec![uuid(1), uuid(9)]),
                    ..all()
                },
                &[1],
            ),
            (
                StationQuery {
                    uuids: Some(vec![]),
                    ..all()
                },
                &[],
            ),
            (
                StationQuery {
                    url: Some("https://pop.test/".into()),
                    ..all()
                },
                &[2],
            ),
            (
                StationQuery {
                    bitrate_min: Some(100),
                    bitrate_max: Some(200),
                    ..all()
                },
                &[1],
            ),
            (
                StationQuery {
                    is_https: Some(true),
                    ..all()
                },
                &[2],
            ),
            (
                StationQuery {
                    is_https: Some(false),
                    ..all()
                },
                &[1, 3, 4],
            ),
            (
                StationQuery {
                    has_geo_info: Some(true),
                    ..all()
                },
                &[1],
            ),
            (
                StationQuery {
                    has_geo_info: Some(false),
                    ..all()
                },
                &[2, 3, 4],
            ),
            (
                StationQuery {
                    hide_broken: true,
                    ..all()
                },
                &[1, 3, 4],
            ),
            (
                StationQuery {
                    name: contains("etudes"),
                    country: contains("france"),
                    ..all()
                },
                &[1],
            ),
        ] {
            let mut found: Vec<u128> = fixture
                .list(&query)
                .await
                .iter()
                .map(|s| s.stationuuid.as_u128())
                .collect();
            found.sort_unstable();
            assert_eq!(found, expected, "{query:?}");
            assert_eq!(
                fixture
                    .database
                    .read(Freshness::Bounded)
                    .count(&query)
                    .await
                    .expect("a count"),
                expected.len() as i64,
                "{query:?}"
            );
        }
    });
}

#[test]
fn text_that_cannot_be_stored_is_the_callers_fault() {
    run(async {
        let fixture = Fixture::with(&some()).await;
        let name = contains("a\0b");
        let outcome = fixture
            .database
            .read(Freshness::Bounded)
            .stations(&StationQuery {
                name,
                ..StationQuery::default()
            })
            .await;
        assert!(matches!(outcome.err(), Some(Error::BadText)));
        let long = contains(&"x'%_\\\"".repeat(5_000));
        assert_eq!(
            fixture
                .names(&StationQuery {
                    name: long,
                    ..StationQuery::default()
                })
                .await,
            [""; 0]
        );
    });
}
