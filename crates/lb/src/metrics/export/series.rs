//! Counters and gauges in the form that Prometheus reads.

use std::fmt::Error;

use prometheus_client::encoding::{DescriptorEncoder, EncodeMetric, NoLabelSet};
use prometheus_client::metrics::MetricType;
use prometheus_client::metrics::counter::ConstCounter;
use prometheus_client::metrics::gauge::ConstGauge;
use prometheus_client::registry::Unit;

/// Label sets of one metric and their values.
pub(super) type Series = Vec<(Vec<(&'static str, String)>, u64)>;

/// A name that ends with a unit has to declare it (OpenMetrics).
fn split(name: &str) -> (&str, Option<Unit>) {
    match name.strip_suffix("_bytes") {
        Some(stem) => (stem, Some(Unit::Bytes)),
        None => (name, None),
    }
}

pub(super) fn counters(
    encoder: &mut DescriptorEncoder<'_>,
    name: &str,
    help: &str,
    series: Series,
) -> Result<(), Error> {
    let (name, unit) = split(name);
    let mut family = encoder.encode_descriptor(name, help, unit.as_ref(), MetricType::Counter)?;
    for (labels, value) in series {
        if labels.is_empty() {
            family.encode_counter::<NoLabelSet, _, u64>(&value, None)?;
        } else {
            ConstCounter::new(value).encode(family.encode_family(&labels)?)?;
        }
    }
    Ok(())
}

pub(super) fn gauges(encoder: &mut DescriptorEncoder<'_>, name: &str, help: &str, series: Series) -> Result<(), Error> {
    let (name, unit) = split(name);
    let mut family = encoder.encode_descriptor(name, help, unit.as_ref(), MetricType::Gauge)?;
    for (labels, value) in series {
        let value = i64::try_from(value).unwrap_or(i64::MAX);
        if labels.is_empty() {
            family.encode_gauge(&value)?;
        } else {
            ConstGauge::new(value).encode(family.encode_family(&labels)?)?;
        }
    }
    Ok(())
}
