//! Random chains with their revocation lists, and with the given faults.

use std::time::{Duration, SystemTime};

use rcgen::{
    BasicConstraints, CertificateParams, CertificateRevocationListParams, CustomExtension, DnType,
    ExtendedKeyUsagePurpose, GeneralSubtree, IsCa, Issuer, KeyIdMethod, KeyPair, KeyUsagePurpose,
    NameConstraints, PKCS_ECDSA_P256_SHA256, PKCS_ECDSA_P384_SHA384, RevokedCertParams, SanType,
};
use rustls::pki_types::CertificateDer;

use super::fault::Fault;
use crate::lab::rng::Rng;

/// The host of every chain.
pub const HOST: &str = "a.host.example";
const DAY: Duration = Duration::from_secs(86_400);
/// An unassigned arc for examples (RFC 5612).
const UNKNOWN: [u64; 8] = [1, 3, 6, 1, 4, 1, 32473, 1];

/// Keys, since making them takes long.
pub struct Keys(Vec<KeyPair>);

impl Keys {
    /// So many of each kind.
    pub fn new() -> Self {
        let kinds = [&PKCS_ECDSA_P256_SHA256, &PKCS_ECDSA_P384_SHA384];
        let keys = (0..12).map(|n| KeyPair::generate_for(kinds[usize::from(n % 4 == 3)]).unwrap());
        Self(keys.collect())
    }
}

/// A chain to judge.
pub struct Sample {
    pub leaf: CertificateDer<'static>,
    /// What the server presents besides, in its order.
    pub presented: Vec<CertificateDer<'static>>,
    /// The trusted root.
    pub root: CertificateDer<'static>,
    /// DER of the lists, of every issuer that has one.
    pub lists: Vec<Vec<u8>>,
    pub faults: Vec<Fault>,
    /// When it is judged.
    pub now: SystemTime,
}

/// The plan of one certificate.
struct Plan {
    params: CertificateParams,
    key: usize,
    is_damaged: bool,
    /// Whether another key than the issuer's signs it.
    by_other_key: bool,
}

/// A chain of one to three authorities above a leaf, root first, with these faults. Faults that need an intermediate are given
/// one.
pub fn generate(rng: &mut Rng, keys: &Keys, now: SystemTime, faults: Vec<Fault>) -> Sample {
    let has = |fault| faults.contains(&fault);
    let least = match () {
        () if has(Fault::PathLengthExceeded) => 2,
        () if faults
            .iter()
            .any(|fault| format!("{fault:?}").contains("ntermediate") || needs_authority(*fault)) =>
        {
            1
        }
        () => 0,
    };
    let intermediates = least.max(rng.below(3));
    // Keys of one chain are different.
    let first_key = rng.below(keys.0.len());
    let key = |n: usize| (first_key + n) % keys.0.len();
    let mut plans: Vec<Plan> = (0..=intermediates)
        .map(|n| Plan { params: authority(n, now), key: key(n), is_damaged: false, by_other_key: false })
        .collect();
    plans.push(Plan {
        params: leaf(now),
        key: key(intermediates + 1),
        is_damaged: false,
        by_other_key: false,
    });
    for fault in &faults {
        spoil(&mut plans, *fault, now);
    }
    let ders = sign(&plans, keys);
    let lists = lists(rng, &plans, keys, &faults, now);
    let mut sample = present(rng, keys, ders, lists, faults, now);
    if sample.faults.contains(&Fault::ExpiredTwinPresented) {
        let at = plans.len() - 2;
        let twin = &mut plans[at];
        twin.params = dated(std::mem::take(&mut twin.params), now, -800, -400);
        twin.params.serial_number = Some(9_u64.into());
        sample.presented.insert(0, sign(&plans, keys).swap_remove(at));
    }
    sample
}

/// Faults of the authority that signs the leaf, which can't be the root: what a trusted root says of itself is judged by no
/// one.
fn needs_authority(fault: Fault) -> bool {
    use Fault as F;
    matches!(
        fault,
        F::NoBasicConstraints
            | F::NotAuthority
            | F::NoCertificateSigning
            | F::ExcludedName
            | F::OtherPermittedName
            | F::PermittedName
            | F::NoListSigning
            | F::ExpiredTwinPresented
            | F::ReverseOrder
    )
}

fn authority(n: usize, now: SystemTime) -> CertificateParams {
    let mut params = CertificateParams::default();
    params.distinguished_name.push(DnType::CommonName, format!("Differential {n}"));
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
    params.use_authority_key_identifier_extension = n > 0;
    params.serial_number = Some(u64::try_from(100 + n).unwrap_or_default().into());
    dated(params, now, -1000, 1000)
}

fn leaf(now: SystemTime) -> CertificateParams {
    let mut params = CertificateParams::new([HOST.to_owned()]).unwrap();
    params.distinguished_name.push(DnType::CommonName, "differential leaf");
    params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
    params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
    params.use_authority_key_identifier_extension = true;
    params.serial_number = Some(7_u64.into());
    dated(params, now, -10, 80)
}

/// Sets the validity, in days from `now`.
fn dated(mut params: CertificateParams, now: SystemTime, from: i32, to: i32) -> CertificateParams {
    let at =
        |days: i32| if days < 0 { now - days.unsigned_abs() * DAY } else { now + days.unsigned_abs() * DAY };
    params.not_before = at(from).into();
    params.not_after = at(to).into();
    params
}

/// Makes the plans wrong. The last is the leaf's, the one before that of its issuer.
fn spoil(plans: &mut [Plan], fault: Fault, now: SystemTime) {
    use Fault as F;
    let last = plans.len() - 1;
    let issuer = last - 1;
    let redate = |plan: &mut Plan, from, to| {
        plan.params = dated(std::mem::take(&mut plan.params), now, from, to);
    };
    let names = |plan: &mut Plan, names: &[&str]| {
        plan.params.subject_alt_names =
            names.iter().map(|name| SanType::DnsName((*name).try_into().unwrap())).collect();
    };
    let tree = |name: &str| vec![GeneralSubtree::DnsName(name.to_owned())];
    let unknown = || {
        let mut extension = CustomExtension::from_oid_content(&UNKNOWN, vec![5, 0]);
        extension.set_criticality(true);
        extension
    };
    match fault {
        F::LeafExpired => redate(&mut plans[last], -80, -1),
        F::LeafNotYetValid => redate(&mut plans[last], 1, 80),
        F::IntermediateExpired => redate(&mut plans[issuer], -80, -1),
        F::IntermediateNotYetValid => redate(&mut plans[issuer], 1, 80),
        F::RootExpired => redate(&mut plans[0], -80, -1),
        F::RootNotYetValid => redate(&mut plans[0], 1, 80),
        F::OtherName => names(&mut plans[last], &["b.host.example", "host.example"]),
        F::CommonNameOnly => {
            names(&mut plans[last], &[]);
            plans[last].params.distinguished_name.push(DnType::CommonName, HOST);
        }
        F::WildcardOfAnotherLevel => names(&mut plans[last], &["*.example"]),
        F::PartialWildcard => names(&mut plans[last], &["a*.host.example"]),
        F::PartialWildcardBeside => names(&mut plans[last], &["b*.host.example", HOST]),
        F::Wildcard => names(&mut plans[last], &["*.host.example"]),
        F::NoBasicConstraints => plans[issuer].params.is_ca = IsCa::NoCa,
        F::NotAuthority => plans[issuer].params.is_ca = IsCa::ExplicitNoCa,
        F::PathLengthExceeded => {
            plans[1].params.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
        }
        F::NoCertificateSigning => plans[issuer].params.key_usages = vec![KeyUsagePurpose::CrlSign],
        F::NoListSigning => plans[issuer].params.key_usages = vec![KeyUsagePurpose::KeyCertSign],
        F::LeafForClientsOnly => {
            plans[last].params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ClientAuth];
        }
        F::IntermediateForClientsOnly => {
            plans[issuer].params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ClientAuth];
        }
        F::LeafCriticalExtension => plans[last].params.custom_extensions.push(unknown()),
        F::IntermediateCriticalExtension => plans[issuer].params.custom_extensions.push(unknown()),
        F::ExcludedName => constrain(&mut plans[issuer], Vec::new(), tree("host.example")),
        F::OtherPermittedName => constrain(&mut plans[issuer], tree("other.example"), Vec::new()),
        F::PermittedName => constrain(&mut plans[issuer], tree("host.example"), Vec::new()),
        F::LeafSignatureDamaged => plans[last].is_damaged = true,
        F::IntermediateSignatureDamaged => plans[issuer].is_damaged = true,
        F::SignedByAnotherKey => plans[last].by_other_key = true,
        F::LeafIsAuthority => plans[last].params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained),
        // Of what is presented or listed, not of a certificate.
        F::IntermediateMissing
        | F::RootUnknown
        | F::LeafRevoked
        | F::IntermediateRevoked
        | F::ListExpired
        | F::ListNotYetValid
        | F::ListMissing
        | F::ListSignatureDamaged
        | F::ListSignedByAnotherKey
        | F::ReverseOrder
        | F::RootPresented
        | F::UnrelatedCertificate
        | F::ExpiredTwinPresented
        | F::OtherRevoked => {}
    }
}

fn constrain(plan: &mut Plan, permitted: Vec<GeneralSubtree>, excluded: Vec<GeneralSubtree>) {
    let constraints = plan
        .params
        .name_constraints
        .get_or_insert(NameConstraints { permitted_subtrees: Vec::new(), excluded_subtrees: Vec::new() });
    constraints.permitted_subtrees.extend(permitted);
    constraints.excluded_subtrees.extend(excluded);
}

/// The certificates, root first.
fn sign(plans: &[Plan], keys: &Keys) -> Vec<CertificateDer<'static>> {
    let mut ders = Vec::new();
    for (n, plan) in plans.iter().enumerate() {
        let key = &keys.0[plan.key];
        let mut der = match n.checked_sub(1).map(|above| &plans[above]) {
            None => plan.params.self_signed(key).unwrap().der().to_vec(),
            Some(above) => {
                let signer = if plan.by_other_key { other_key(above.key, keys) } else { above.key };
                let (params, signer) = (signing(above, keys), &keys.0[signer]);
                plan.params.signed_by(key, &Issuer::from_params(&params, signer)).unwrap().der().to_vec()
            }
        };
        if plan.is_damaged {
            damage(&mut der);
        }
        ders.push(der.into());
    }
    ders
}

/// The parameters of an issuer as rcgen signs with them: it refuses to sign with those that may not. The key identifier is that of
/// the certificate's key.
fn signing(plan: &Plan, keys: &Keys) -> CertificateParams {
    let mut params = plan.params.clone();
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
    params.key_identifier_method = KeyIdMethod::PreSpecified(plan.params.key_identifier(&keys.0[plan.key]));
    params
}

/// A key of the same kind that isn't in the chain.
fn other_key(key: usize, keys: &Keys) -> usize {
    let kind = keys.0[key].algorithm();
    (1..keys.0.len())
        .map(|n| (key + keys.0.len() - n) % keys.0.len())
        .find(|other| keys.0[*other].algorithm() == kind)
        .unwrap()
}

/// Changes the last byte of a signature: DER stays DER.
fn damage(der: &mut [u8]) {
    if let Some(last) = der.last_mut() {
        *last ^= 1;
    }
}

/// The lists of all issuers, that of the leaf's issuer last. Faults of lists are of the last.
fn lists(rng: &mut Rng, plans: &[Plan], keys: &Keys, faults: &[Fault], now: SystemTime) -> Vec<Vec<u8>> {
    let has = |fault| faults.contains(&fault);
    let mut lists = Vec::new();
    for (n, issuer) in plans[..plans.len() - 1].iter().enumerate() {
        let is_last = n == plans.len() - 2;
        if is_last && has(Fault::ListMissing) {
            continue;
        }
        let (from, to) = match () {
            () if is_last && has(Fault::ListExpired) => (now - 8 * DAY, now - DAY),
            () if is_last && has(Fault::ListNotYetValid) => (now + DAY, now + 8 * DAY),
            () => (now - DAY, now + 6 * DAY),
        };
        let mut revoked = Vec::new();
        let below = plans[n + 1].params.serial_number.clone().unwrap();
        let is_revoked = if is_last {
            has(Fault::LeafRevoked)
        } else {
            n + 3 == plans.len() && has(Fault::IntermediateRevoked)
        };
        if is_revoked {
            revoked.push(below);
        }
        if has(Fault::OtherRevoked) {
            revoked.push(u64::try_from(rng.below(1000) + 10_000).unwrap_or_default().into());
        }
        let entry = |serial_number| RevokedCertParams {
            serial_number,
            revocation_time: (now - 2 * DAY).into(),
            reason_code: None,
            invalidity_date: None,
        };
        let by_other_key = is_last && has(Fault::ListSignedByAnotherKey);
        let signer = if by_other_key { other_key(issuer.key, keys) } else { issuer.key };
        let params = signing(issuer, keys);
        let list = CertificateRevocationListParams {
            this_update: from.into(),
            next_update: to.into(),
            crl_number: 1_u64.into(),
            issuing_distribution_point: None,
            revoked_certs: revoked.into_iter().map(entry).collect(),
            key_identifier_method: params.key_identifier_method.clone(),
        };
        let mut der = list.signed_by(&Issuer::from_params(&params, &keys.0[signer])).unwrap().der().to_vec();
        if is_last && has(Fault::ListSignatureDamaged) {
            damage(&mut der);
        }
        lists.push(der);
    }
    lists
}

/// What the server presents.
fn present(
    rng: &mut Rng,
    keys: &Keys,
    mut ders: Vec<CertificateDer<'static>>,
    lists: Vec<Vec<u8>>,
    faults: Vec<Fault>,
    now: SystemTime,
) -> Sample {
    let has = |fault| faults.contains(&fault);
    let leaf = ders.pop().unwrap(); // a plan has a root and a leaf at least
    let root = ders.remove(0);
    let mut presented: Vec<_> = ders.into_iter().rev().collect();
    if has(Fault::IntermediateMissing) {
        presented.remove(0);
    }
    if has(Fault::ReverseOrder) {
        presented.reverse();
    }
    if has(Fault::RootPresented) {
        presented.push(root.clone());
    }
    let stranger = || {
        let key = &keys.0[0];
        let mut params = authority(0, now);
        params.distinguished_name.push(DnType::CommonName, "Differential stranger");
        params.self_signed(key).unwrap().der().clone()
    };
    if has(Fault::UnrelatedCertificate) {
        presented.insert(rng.below(presented.len() + 1), stranger());
    }
    let root = if has(Fault::RootUnknown) { stranger() } else { root };
    Sample { leaf, presented, root, lists, faults, now }
}
