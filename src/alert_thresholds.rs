//! Thresholds of the alert rules that page, status report and `check` share. A test compares them with
//! `alerts/defender.rules.yml`, so that the page never contradicts an alert.

use std::time::Duration;

const DAY: Duration = Duration::from_secs(24 * 60 * 60);

/// The remaining time of signatures at which `DefenderStaleSignatureRisk` warns.
pub const STALE_SIGNATURES_WARNING: Duration = DAY.saturating_mul(4);

/// The remaining time of signatures at which `DefenderStaleSignatureRisk` pages.
pub const STALE_SIGNATURES_CRITICAL: Duration = DAY;

/// The remaining time of a certificate at which `DefenderCertificateExpiringSoon` warns.
pub const CERTIFICATE_EXPIRES_SOON: Duration = DAY.saturating_mul(14);

/// The age of the newest published signatures at which `DefenderPublishedFeedStale` warns. Microsoft publishes several
/// times a day.
pub const FEED_OLD: Duration = DAY.saturating_mul(2);

/// How far a feed may be behind other sources before `DefenderPublishedFeedStale` warns. Mirrors differ for minutes.
pub const FEED_BEHIND: Duration = DAY;
