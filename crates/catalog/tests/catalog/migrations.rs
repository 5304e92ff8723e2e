//! The schema: made, made again, and refused when it is newer than we are.

use std::time::Duration;

use catalog::migrate::{self, Error};

use crate::support::{empty, run, shared};

const DEADLINE: Duration = Duration::from_secs(20);

#[test]
fn migrations_run_once_and_say_what_they_did() {
    run(async {
        let owner = shared().await.config(&empty().await, "owner");
        let first = migrate::run(&owner, DEADLINE).await.expect("migrates");
        assert_eq!(first.from, None);
        assert_eq!(first.applied.len() as i64, first.to, "{first:?}");
        assert_eq!(first.applied[0], (1, "search functions".to_owned()));
        let second = migrate::run(&owner, DEADLINE).await.expect("migrates");
        assert_eq!((second.from, second.applied.len()), (Some(first.to), 0));
    });
}

#[test]
fn several_that_migrate_at_once_take_turns() {
    run(async {
        let owner = shared().await.config(&empty().await, "owner");
        let all = futures::future::join_all((0..4).map(|_| migrate::run(&owner, DEADLINE))).await;
        for outcome in all {
            outcome.expect("migrates");
        }
    });
}

#[test]
fn a_schema_newer_than_the_binary_is_refused() {
    run(async {
        let name = empty().await;
        let owner = shared().await.config(&name, "owner");
        migrate::run(&owner, DEADLINE).await.expect("migrates");
        let later = "insert into radiodeck._sqlx_migrations values (9999, 'later', now(), true, '', 0)";
        shared()
            .await
            .cluster
            .superuser_sql("pg-1", &name, later)
            .await
            .expect("SQL");
        let error = migrate::run(&owner, DEADLINE).await.expect_err("newer");
        assert!(matches!(error, Error::NewerSchema { found: 9999, .. }), "{error}");
    });
}

#[test]
fn the_app_may_change_rows_but_not_the_schema() {
    run(async {
        let name = empty().await;
        migrate::run(&shared().await.config(&name, "owner"), DEADLINE)
            .await
            .expect("migrates");
        let cluster = &shared().await.cluster;
        let allowed = "select string_agg(distinct t.relname, ',') from pg_class t join pg_namespace n on n.oid = t.relnamespace \
            where n.nspname = 'radiodeck' and t.relkind = 'r' and has_table_privilege('radiodeck_app', t.oid, 'insert')";
        let allowed = cluster.superuser_sql("pg-1", &name, allowed).await.expect("SQL");
        assert_eq!(allowed, "categories,clicks,idempotency,stations,totals,votes");
        for forbidden in [
            "create table radiodeck.t ()",
            "drop table radiodeck.votes",
            "create table public.t ()",
        ] {
            let sql = format!("set role radiodeck_app; {forbidden}");
            let error = cluster
                .superuser_sql("pg-1", &name, &sql)
                .await
                .expect_err("forbidden")
                .to_string();
            assert!(
                error.contains("permission denied") || error.contains("must be owner"),
                "{error}"
            );
        }
    });
}

#[test]
fn without_a_primary_the_error_says_what_each_node_said() {
    run(async {
        let mut owner = shared().await.config(&empty().await, "owner");
        owner.nodes[0].host = "/nowhere".into();
        let error = migrate::run(&owner, Duration::ZERO)
            .await
            .expect_err("no primary")
            .to_string();
        assert!(error.contains("pg-1") && error.contains("No such file"), "{error}");
    });
}
