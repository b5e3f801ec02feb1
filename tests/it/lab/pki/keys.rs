//! Keys: ECDSA keys are generated, RSA keys come from `tests/data/lab` (ring can't generate them).

use std::sync::LazyLock;

use rcgen::{KeyPair, PKCS_RSA_SHA256, PublicKeyData};
use rustls::pki_types::PrivatePkcs8KeyDer;
use rustls::pki_types::pem::PemObject;

static RSA_2048: LazyLock<Vec<PrivatePkcs8KeyDer<'static>>> =
    LazyLock::new(|| read(include_bytes!("../../../data/lab/rsa-2048.pem")));

static RSA_1024: LazyLock<Vec<PrivatePkcs8KeyDer<'static>>> =
    LazyLock::new(|| read(include_bytes!("../../../data/lab/rsa-1024.pem")));

fn read(pem: &[u8]) -> Vec<PrivatePkcs8KeyDer<'static>> {
    PrivatePkcs8KeyDer::pem_slice_iter(pem).collect::<Result<_, _>>().unwrap()
}

/// Whose RSA key of 2048 bits, in the order of the file.
#[derive(Clone, Copy)]
pub(super) enum Owner {
    MicrosoftRoot,
    Microsoft,
    MicrosoftNext,
    DigicertRoot,
    Digicert,
    TlsRoot,
    Tls,
    Leaves,
    Stranger,
}

/// An RSA key of 2048 bits.
pub(super) fn rsa(owner: Owner) -> KeyPair {
    KeyPair::from_pkcs8_der_and_sign_algo(&RSA_2048[owner as usize], &PKCS_RSA_SHA256).unwrap()
}

/// The PKCS#8 DER of an RSA key of 1024 bits: of leaves, or of an intermediate.
pub(super) fn weak(of_intermediate: bool) -> &'static [u8] {
    RSA_1024[usize::from(of_intermediate)].secret_pkcs8_der()
}

/// Another key of the same kind.
pub(super) fn another_like(key: &KeyPair) -> KeyPair {
    if is_rsa(key) { rsa(Owner::Stranger) } else { KeyPair::generate_for(key.algorithm()).unwrap() }
}

/// Whether it is an RSA key.
pub(super) fn is_rsa(key: &impl PublicKeyData) -> bool {
    key.algorithm() == &PKCS_RSA_SHA256
}
