//! Lists that are too large to be kept: searched while they are fetched, for every certificate that asks.

use super::*;

const OTHER: u8 = 0x43;
const THIRD: u8 = 0x44;

/// A root with an RSA key, and three certificates that name its list.
struct LongLab {
    root: Authority,
    paths: [VerifiedPath; 3],
    net: Arc<Net>,
    checker: RevocationChecker<Arc<Net>>,
}

impl LongLab {
    fn new() -> Self {
        let root = Authority::rsa("Root", 0);
        let der = rustls::pki_types::CertificateDer::from(root.der().to_vec());
        let anchor = Anchor::from(&webpki::anchor_from_trusted_cert(&der).unwrap());
        let path = |serial| VerifiedPath {
            certificates: vec![root.issue(serial, vec![crls(vec![distribution_point(&[LEAF_LIST])])]).into()],
            anchor: anchor.clone(),
            stapled: Vec::new(),
        };
        let (paths, net) = ([path(LEAF), path(OTHER), path(THIRD)], Arc::<Net>::default());
        let checker = RevocationChecker::new(Arc::clone(&net), CheckerSettings::default());
        Self { root, paths, net, checker }
    }

    fn serves(&self, change: impl FnOnce(&mut Crl), damage: impl FnOnce(&mut Vec<u8>)) {
        let mut list = self.root.list();
        change(&mut list);
        let mut list = list.sign(&self.root);
        damage(&mut list);
        self.net.set(LEAF_LIST, Reply::Long(list));
    }

    /// The status of a certificate, its cause, and the number of requests, unconditional and conditional.
    async fn check(
        &self,
        path: usize,
        now: SystemTime,
    ) -> (RevocationStatus, Option<UndeterminedCause>, [usize; 2]) {
        let before = self.net.conditional.load(std::sync::atomic::Ordering::SeqCst);
        let report = self.checker.check(&self.paths[path], now).await;
        let conditional = self.net.conditional.load(std::sync::atomic::Ordering::SeqCst) - before;
        let requests = self.net.requests().len();
        (report.status, report.cause(), [requests - conditional, conditional])
    }
}

#[tokio::test(start_paused = true)]
async fn a_large_list_is_fetched_again_for_a_certificate_that_it_may_contain() {
    let lab = LongLab::new();
    lab.serves(|list| _ = list.revoke(OTHER, None), |_| {});
    assert_eq!(lab.check(0, now()).await, (Good, None, [1, 0]));
    assert_eq!(lab.check(1, now()).await, (Revoked, None, [1, 0]), "the list was searched for one alone");
    assert_eq!(lab.check(2, now()).await, (Good, None, [0, 0]), "the list doesn't contain it");
    // From now on, for both.
    assert_eq!(lab.check(0, now() + HOUR).await, (Good, None, [0, 1]));
    assert_eq!(lab.check(1, now() + HOUR).await, (Revoked, None, [0, 0]));
    let lists = lab.checker.lists(&lab.paths[0]);
    assert_eq!((lists.len(), &lists[0].fetch), (1, &Some(Ok(()))));
    assert!(lists[0].next_update.is_some());
}

#[tokio::test(start_paused = true)]
async fn a_large_list_is_refused_for_the_reasons_of_a_small_one() {
    let check = async |damage: fn(&mut Vec<u8>), change: fn(&mut Crl), cause: UndeterminedCause| {
        let lab = LongLab::new();
        lab.serves(change, damage);
        assert_eq!(lab.check(0, now()).await, (Unknown, Some(cause), [1, 0]));
        // A failed fetch isn't repeated at once.
        assert_eq!(lab.check(1, now()).await, (Unknown, Some(cause), [0, 0]));
        lab.serves(|_| {}, |_| {});
        assert_eq!(lab.check(0, now() + MINUTE).await, (Good, None, [1, 0]));
    };
    let nothing: fn(&mut Crl) = |_| {};
    check(|list| *list.last_mut().unwrap() ^= 1, nothing, UndeterminedCause::BadSignature).await;
    check(|list| list.truncate(list.len() - 1), nothing, UndeterminedCause::Malformed).await;
    check(|list| list[0] = b'<', nothing, UndeterminedCause::Malformed).await;
    check(
        |_| {},
        |list| list.tbs.issuer = Authority::new("Other").list().tbs.issuer,
        UndeterminedCause::WrongIssuer,
    )
    .await;
}
