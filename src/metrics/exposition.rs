//! Encodes a scrape in one of the formats: `text.rs` writes text 0.0.4, `protobuf.rs` protobuf, prometheus-client OpenMetrics.

use std::fmt;

use prometheus_client::encoding::text as openmetrics;
use prometheus_client::registry::Registry;

use super::negotiation::ExpositionFormat;
use super::scrape::Scrape;
use super::{protobuf, text};

/// The encoder rejected the samples: a bug in this program.
#[derive(Debug, thiserror::Error)]
#[error("failed to encode the metrics")]
pub struct EncodeError(#[from] fmt::Error);

/// Encodes the metrics of a scrape.
///
/// # Errors
/// If the encoder rejects a sample.
pub fn encode(format: ExpositionFormat, scrape: Scrape) -> Result<Vec<u8>, EncodeError> {
    match format {
        ExpositionFormat::Text => Ok(text::render(&scrape).into_bytes()),
        ExpositionFormat::OpenMetrics => {
            let mut registry = Registry::default();
            registry.register_collector(Box::new(scrape));
            let mut text = String::new();
            openmetrics::encode(&mut text, &registry)?;
            Ok(text.into_bytes())
        }
        ExpositionFormat::Protobuf => Ok(protobuf::render(&scrape)),
    }
}
