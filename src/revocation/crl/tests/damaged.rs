//! Random bytes and randomly damaged lists: nothing panics, and no damage clears a revoked certificate.

use proptest::prelude::*;

use super::*;
use crate::revocation::fixture::damage;

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn arbitrary_bytes_are_no_list(bytes in prop::collection::vec(any::<u8>(), 0..512)) {
        thread_local!(static LAB: Lab = Lab::new());
        LAB.with(|lab| assert!(lab.check(&bytes, None).is_err()));
    }

    #[test]
    fn damage_never_clears_a_certificate(
        kind in 0..4u8, at: prop::sample::Index, with: u8, twice in prop::option::of((0..4u8, any::<prop::sample::Index>())),
    ) {
        thread_local!(static LAB: (Lab, [Vec<u8>; 3]) = {
            let lab = Lab::new();
            let clean = lab.list(|list| _ = list.scope(|_| {}).revoke(1, None));
            let revoked = lab.list(|list| _ = list.scope(|_| {}).revoke(1, None).revoke(SERIAL, None));
            let delta = lab.list(|list| _ = list.delta(5, 6).scope(|_| {}).revoke(SERIAL, None));
            (lab, [clean, revoked, delta])
        });
        let spoil = |list: &[u8]| {
            let mut list = list.to_vec();
            damage(&mut list, kind, at, with);
            if let Some((kind, at)) = twice && !list.is_empty() {
                damage(&mut list, kind, at, with);
            }
            list
        };
        LAB.with(|(lab, [clean, revoked, delta])| {
            let cleared = |answer: Result<CrlStatus, _>| answer.is_ok_and(|answer| answer.revoked.is_none());
            assert!(!cleared(lab.check(&spoil(revoked), None)));
            assert!(!cleared(lab.check(clean, Some(&spoil(delta)))));
            assert!(spoil(clean) == *clean || lab.check(&spoil(clean), None).is_err());
        });
    }
}
