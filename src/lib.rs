//! defender-exporter: tells whether a network lets Microsoft Defender Antivirus work.
//!
//! The modules read in the order in which data flows through them.

mod words;

pub mod catalog;
pub mod config;

pub mod engine;
pub mod plan;
pub mod schedule;

pub mod probe;
pub mod trust;

pub mod observation;

pub mod verdict;

pub mod state;

pub mod metrics;

pub mod web;

pub mod clock;
