//! A certificate with its issuer from the seeds, and a time at which both are valid.

use std::sync::LazyLock;
use std::time::{Duration, SystemTime};

use defender_exporter::revocation::{Certificate, Issuer};

pub static ISSUANCE: LazyLock<(Certificate, Issuer)> = LazyLock::new(|| {
    let certificate = Certificate::read(include_bytes!("../seeds/certificate/leaf.der")).unwrap();
    (certificate, Issuer::from_certificate(include_bytes!("../seeds/certificate/int.der")).unwrap())
});

/// While the seeds are valid.
pub fn now() -> SystemTime {
    SystemTime::UNIX_EPOCH + Duration::from_secs(1_800_000_000)
}
