//! defender-exporter: tells whether a network lets Microsoft Defender Antivirus work.
//!
//! The modules stand in the order of imports: each imports only modules above it. ARCHITECTURE.md says what each contains.

// Tests are free of what clippy.toml keeps to few places.
#![cfg_attr(test, allow(clippy::disallowed_methods, clippy::disallowed_types))]

pub mod text;

pub mod clock;

pub mod alert_thresholds;

mod string_enum;

pub mod task;

pub mod exit;

pub mod catalog;

pub mod config;

pub mod plan;

pub mod observation;

pub mod tls;

pub mod net;

pub mod revocation;

pub mod probe;

pub mod verdict;

pub mod signatures;

pub mod advice;

pub mod host;

pub mod event;

pub mod state;

pub mod engine;

pub mod record;

pub mod report;

pub mod metrics;

pub mod web;

pub mod commands;

pub mod logging;

pub mod cli;

pub mod app;

pub mod windows_service;
