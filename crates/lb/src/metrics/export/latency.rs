//! Histograms of the time to an answer's head.

use std::fmt::Error;
use std::sync::Arc;

use prometheus_client::encoding::{DescriptorEncoder, MetricEncoder, NoLabelSet};
use prometheus_client::metrics::MetricType;
use prometheus_client::registry::Unit;

use crate::metrics::Traffic;
use crate::metrics::latency::{BOUNDS_US, Latency};
use crate::pool::Pool;

pub(super) fn encode(pools: &[Arc<Pool>], encoder: &mut DescriptorEncoder<'_>) -> Result<(), Error> {
    let seconds = Some(&Unit::Seconds);
    let help = "Time from a request's head to its answer's head, retries included";
    let mut family = encoder.encode_descriptor("lb_latency", help, seconds, MetricType::Histogram)?;
    for pool in pools {
        let labels = [("pool", pool.config.name.as_str())];
        histogram(family.encode_family(&labels)?, &pool.traffic)?;
    }
    let help = "Time from a request's head to a server's answer's head";
    let mut family = encoder.encode_descriptor("lb_server_latency", help, seconds, MetricType::Histogram)?;
    for pool in pools {
        for server in pool.members() {
            let address = server.address.to_string();
            let labels = [("pool", pool.config.name.as_str()), ("server", address.as_str())];
            histogram(family.encode_family(&labels)?, &server.traffic)?;
        }
    }
    Ok(())
}

fn histogram(mut encoder: MetricEncoder<'_>, rows: &[Traffic]) -> Result<(), Error> {
    let bounds = BOUNDS_US.iter().map(|bound| *bound as f64 / 1e6).chain([f64::INFINITY]);
    let buckets: Vec<(f64, u64)> = bounds.zip(Latency::buckets(rows, |row| &row.latency)).collect();
    let count = buckets.iter().map(|(_, count)| count).sum();
    let seconds = Latency::total_us(rows, |row| &row.latency) as f64 / 1e6;
    encoder.encode_histogram::<NoLabelSet>(seconds, count, &buckets, None)
}
