use prometheus_client::encoding::prometheus_text;

/// A format of metrics.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    /// OpenMetrics 1.0, which Prometheus asks for.
    OpenMetrics,
    /// The text format of Prometheus, for everything else.
    PrometheusText,
}

impl Format {
    /// The format for a request whose `Accept` headers have these values:
    /// OpenMetrics where it is named, which a wildcard does not do.
    pub fn accepted<'a>(values: impl IntoIterator<Item = &'a str>) -> Format {
        let mut ranges = values.into_iter().flat_map(|value| value.split(','));
        match ranges.any(names_open_metrics) {
            true => Format::OpenMetrics,
            false => Format::PrometheusText,
        }
    }

    /// Its media type.
    pub fn content_type(self) -> &'static str {
        match self {
            Format::OpenMetrics => "application/openmetrics-text; version=1.0.0; charset=utf-8",
            Format::PrometheusText => prometheus_text::CONTENT_TYPE,
        }
    }
}

/// Whether a media range is OpenMetrics, and not to say that it is unwanted.
fn names_open_metrics(range: &str) -> bool {
    let mut parts = range.split(';').map(str::trim);
    let named = parts
        .next()
        .is_some_and(|name| name.eq_ignore_ascii_case("application/openmetrics-text"));
    let weight = parts.find_map(|parameter| parameter.strip_prefix("q="));
    let unwanted = weight
        .and_then(|weight| weight.parse::<f64>().ok())
        .is_some_and(|weight| weight <= 0.0);
    named && !unwanted
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_format_is_what_is_asked_for() {
        use Format::{OpenMetrics, PrometheusText};
        const PROMETHEUS: &str = "application/openmetrics-text;version=1.0.0,\
             application/openmetrics-text;version=0.0.1;q=0.75,\
             text/plain;version=0.0.4;q=0.5,*/*;q=0.1";
        for (accept, expected) in [
            (&[][..], PrometheusText),
            (&["*/*"], PrometheusText),
            (&["text/plain;version=0.0.4"], PrometheusText),
            (&["text/html, nothing; q"], PrometheusText),
            (&["application/openmetrics-text; q=0"], PrometheusText),
            (&[PROMETHEUS], OpenMetrics),
            (&["text/plain", "Application/OpenMetrics-Text"], OpenMetrics),
            (&["application/openmetrics-text; q=none"], OpenMetrics),
        ] {
            let values = accept.iter().copied();
            assert_eq!(Format::accepted(values), expected, "{accept:?}");
        }
    }
}
