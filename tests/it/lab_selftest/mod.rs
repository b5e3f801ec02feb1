//! Tests of the lab with plain clients, without the exporter, so that a failed scenario is the exporter's fault.
//! All waits are bounded.

mod aia;
mod blackhole;
pub mod client;
mod crl;
mod crl_scopes;
mod dns;
mod forwarder;
mod genuine;
mod ocsp;
mod origin;
mod pki;
pub mod tls_client;
mod verifier;
mod weak;
