//! Batches of a source, and when one is full.

use serde_json::json;
use tokio::sync::mpsc;
use uuid::Uuid;

use super::*;

/// The sizes of the batches, in rows, and why it ended early.
fn batches(chunks: Vec<Vec<u8>>, batch_rows: usize) -> (Vec<usize>, Option<String>) {
    let (sender, receiver) = mpsc::channel(chunks.len().max(1));
    for chunk in chunks {
        sender.try_send(Ok(chunk)).expect("room");
    }
    drop(sender);
    let (batches, mut sent) = mpsc::channel(1_000);
    let end = read(receiver, batch_rows, &batches);
    let mut sizes = Vec::new();
    while let Ok(batch) = sent.try_recv() {
        sizes.push(batch.rows.len());
    }
    (sizes, end)
}

fn station(number: u128, name: &str, homepage: &str) -> Vec<u8> {
    let uuid = Uuid::from_u128(number);
    let station = json!({"stationuuid": uuid, "name": name, "url": "http://a/", "homepage": homepage});
    format!("{station}\n").into_bytes()
}

#[test]
fn a_batch_is_full_by_rows_or_by_bytes() {
    let small = (1..=25).map(|n| station(n, "Radio", "")).collect();
    assert_eq!(batches(small, 10), (vec![10, 10, 5], None));
    let address = format!("http://a/{}", "x".repeat(16_000));
    let large = (1..=600).map(|n| station(n, "Radio", &address)).collect();
    let (sizes, end) = batches(large, 10_000);
    assert_eq!((sizes.iter().sum::<usize>(), end), (600, None));
    assert!(sizes.iter().all(|rows| *rows < 300), "{sizes:?}");
}
