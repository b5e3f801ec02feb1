//! A scrape in one of the formats. Text 0.0.4 is written by `text.rs`, the others by prometheus-client.

use std::fmt;

use prometheus_client::encoding::{prometheus_protobuf, text as openmetrics};
use prometheus_client::registry::Registry;

use super::collector::Scrape;
use super::negotiation::Format;
use super::text;

/// Why metrics couldn't be written. It would be a mistake in this program.
#[derive(Debug, thiserror::Error)]
pub enum EncodeError {
    /// The collector's samples break a rule of the encoder.
    #[error("the metrics can't be encoded")]
    Samples(#[from] fmt::Error),
    /// The messages can't be written as bytes.
    #[error("the metrics can't be written as protobuf")]
    Protobuf(#[from] prometheus_protobuf::EncodeError),
}

/// Writes everything that a scrape shows.
///
/// # Errors
/// When the encoder refuses a sample.
pub fn encode(format: Format, scrape: Scrape) -> Result<Vec<u8>, EncodeError> {
    match format {
        Format::Text => Ok(text::render(&scrape).into_bytes()),
        Format::OpenMetrics => {
            let mut text = String::new();
            openmetrics::encode(&mut text, &registry(scrape))?;
            Ok(text.into_bytes())
        }
        Format::Protobuf => Ok(prometheus_protobuf::encode_to_vec(&registry(scrape))?),
    }
}

fn registry(scrape: Scrape) -> Registry {
    let mut registry = Registry::default();
    registry.register_collector(Box::new(scrape));
    registry
}
