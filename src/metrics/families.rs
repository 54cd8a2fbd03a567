//! Writes families of metrics. A family is named as in the exposition, with its
//! unit and `_total`; here alone the name is taken apart for the encoder.

use std::fmt;

use prometheus_client::{
    encoding::{
        DescriptorEncoder, EncodeCounterValue, EncodeGaugeValue, EncodeLabelSet, MetricEncoder,
        NoLabelSet,
    },
    metrics::MetricType,
    registry::Unit,
};

use crate::engine::health::{History, history::BUCKETS_MICROS};

/// One more than there are bounds: the last bucket has none.
const BUCKETS: usize = BUCKETS_MICROS.len() + 1;

static SECONDS: Unit = Unit::Seconds;
static BYTES: Unit = Unit::Bytes;

/// No labels.
pub(super) const NONE: [(&str, &str); 0] = [];

/// Where families are written.
pub(super) struct Families<'a>(DescriptorEncoder<'a>);

impl<'a> Families<'a> {
    pub(super) fn new(encoder: DescriptorEncoder<'a>) -> Families<'a> {
        Families(encoder)
    }

    /// Values that go up and down, with their labels.
    pub(super) fn gauges<L: EncodeLabelSet, V: EncodeGaugeValue>(
        &mut self,
        name: &str,
        help: &str,
        samples: impl IntoIterator<Item = (L, V)>,
    ) -> fmt::Result {
        let mut metric = self.family(name, help, MetricType::Gauge)?;
        for (labels, value) in samples {
            metric.encode_family(&labels)?.encode_gauge(&value)?;
        }
        Ok(())
    }

    /// Values that only go up, with their labels.
    pub(super) fn counters<L: EncodeLabelSet, V: EncodeCounterValue>(
        &mut self,
        name: &str,
        help: &str,
        samples: impl IntoIterator<Item = (L, V)>,
    ) -> fmt::Result {
        let mut metric = self.family(name, help, MetricType::Counter)?;
        for (labels, value) in samples {
            metric
                .encode_family(&labels)?
                .encode_counter::<NoLabelSet, V, f64>(&value, None)?;
        }
        Ok(())
    }

    /// Histories as histograms, with their labels.
    pub(super) fn histograms<'h, L: EncodeLabelSet>(
        &mut self,
        name: &str,
        help: &str,
        samples: impl IntoIterator<Item = (L, &'h History)>,
    ) -> fmt::Result {
        let bounds: [f64; BUCKETS] = std::array::from_fn(|bucket| {
            let bound = BUCKETS_MICROS.get(bucket);
            bound.map_or(f64::INFINITY, |&micros| micros as f64 / 1e6)
        });
        let mut metric = self.family(name, help, MetricType::Histogram)?;
        for (labels, history) in samples {
            let mut buckets = bounds.map(|bound| (bound, 0));
            for (bucket, &count) in buckets.iter_mut().zip(history.buckets()) {
                bucket.1 = count;
            }
            let count = history.buckets().iter().sum();
            let sum = history.sum().as_secs_f64();
            metric
                .encode_family(&labels)?
                .encode_histogram::<NoLabelSet>(sum, count, &buckets, None)?;
        }
        Ok(())
    }

    /// Texts about the server that do not change.
    pub(super) fn info(
        &mut self,
        name: &str,
        help: &str,
        labels: &impl EncodeLabelSet,
    ) -> fmt::Result {
        let base = name.strip_suffix("_info").ok_or(fmt::Error)?;
        let mut metric = self
            .0
            .encode_descriptor(base, help, None, MetricType::Info)?;
        metric.encode_info(labels)
    }

    fn family<'s>(
        &'s mut self,
        name: &'s str,
        help: &str,
        kind: MetricType,
    ) -> Result<MetricEncoder<'s>, fmt::Error> {
        let base = match kind {
            MetricType::Counter => name.strip_suffix("_total").ok_or(fmt::Error)?,
            _ => name,
        };
        let (base, unit) = if let Some(base) = base.strip_suffix("_seconds") {
            (base, Some(&SECONDS))
        } else if let Some(base) = base.strip_suffix("_bytes") {
            (base, Some(&BYTES))
        } else {
            (base, None)
        };
        self.0.encode_descriptor(base, help, unit, kind)
    }
}
