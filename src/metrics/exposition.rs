//! Encodes a scrape in one of the formats. `text.rs` writes text 0.0.4, prometheus-client the others.

use std::fmt;

use prometheus_client::encoding::{prometheus_protobuf, text as openmetrics};
use prometheus_client::registry::Registry;

use super::negotiation::ExpositionFormat;
use super::scrape::Scrape;
use super::text;

/// Why encoding failed. Either error is a bug in this program.
#[derive(Debug, thiserror::Error)]
pub enum EncodeError {
    /// The encoder rejected the collector's samples.
    #[error("failed to encode the metrics")]
    Samples(#[from] fmt::Error),
    /// The protobuf messages couldn't be serialized.
    #[error("failed to encode the metrics as protobuf")]
    Protobuf(#[from] prometheus_protobuf::EncodeError),
}

/// Encodes the metrics of a scrape.
///
/// # Errors
/// If the encoder rejects a sample.
pub fn encode(format: ExpositionFormat, scrape: Scrape) -> Result<Vec<u8>, EncodeError> {
    match format {
        ExpositionFormat::Text => Ok(text::render(&scrape).into_bytes()),
        ExpositionFormat::OpenMetrics => {
            let mut text = String::new();
            openmetrics::encode(&mut text, &registry(scrape))?;
            Ok(text.into_bytes())
        }
        ExpositionFormat::Protobuf => Ok(prometheus_protobuf::encode_to_vec(&registry(scrape))?),
    }
}

fn registry(scrape: Scrape) -> Registry {
    let mut registry = Registry::default();
    registry.register_collector(Box::new(scrape));
    registry
}
