//! The samples of `defender_common_cause`: what the failures of a route share.

use std::borrow::Cow;

use crate::metrics::scrape::Scrape;
use crate::metrics::value::{Sample, SampleValue};
use crate::report;

/// One sample for each fact, at most two by route.
pub(in crate::metrics) fn common_causes(scrape: &Scrape) -> Vec<Sample<'_, 3>> {
    let causes = report::common_causes(&scrape.snapshot).into_iter();
    let samples = causes.map(|cause| Sample {
        labels: [Cow::Owned(cause.route), cause.kind.as_str().into(), Cow::Owned(cause.value)],
        value: SampleValue::Whole(cause.failures as u64),
    });
    samples.collect()
}
