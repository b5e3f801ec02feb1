//! defender-exporter: tells whether a network lets Microsoft Defender Antivirus work.
//!
//! The modules read in the order in which data flows through them.

mod metered;
mod sender;
mod shortage;
mod words;

pub mod cli;

pub mod app;

pub mod catalog;

pub mod config;

pub mod plan;

pub mod schedule;

pub mod engine;

pub mod names;

pub mod pac;

pub mod ways;

pub mod probe;

pub mod fetch;

pub mod failure;

pub mod trust;

pub mod observation;

pub mod text;

pub mod verdict;

pub mod signatures;

pub mod host;

pub mod state;

pub mod advice;

pub mod report;

pub mod on_demand;

pub mod metrics;

pub mod service;

pub mod reload;

pub mod web;

pub mod commands;

pub mod windows;

pub mod logging;

pub mod clock;
