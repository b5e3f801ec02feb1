//! What a list covers: its own scope, and the certificate's distribution point.

use std::str::FromStr as _;

use der::asn1::Ia5String;
use x509_cert::ext::pkix::name::{DistributionPointName, GeneralName};
use x509_cert::name::Name;

use super::*;

#[test]
fn a_list_covers_only_its_scope() {
    let lab = Lab::new();
    let check = |what: &str, change: fn(&mut Crl), expected: Result<Option<Reason>, CrlScope>| {
        let list = lab.list(|list| change(list.revoke(1, None)));
        let expected = expected.map_err(CrlProblem::Scope);
        assert_eq!(lab.check(&list, None).map(|a| a.revoked.map(|r| r.reason)), expected, "{what}");
    };
    check("its own point", |l| _ = l.scope(|_| {}), Ok(None));
    check(
        "one of the list's names",
        |l| {
            l.scope(|s| s.distribution_point = Some(full_name(&["ldap:///cn=x", CRL_URL])));
        },
        Ok(None),
    );
    check("no point", |l| _ = l.scope(|s| s.distribution_point = None), Ok(None));
    check(
        "another partition",
        |l| {
            l.scope(|s| s.distribution_point = Some(full_name(&["http://crl.test/other.crl"])));
        },
        Err(CrlScope::OtherPoint),
    );
    check("users", |l| _ = l.scope(|s| s.only_contains_user_certs = true), Ok(None));
    check(
        "authorities",
        |l| _ = l.scope(|s| s.only_contains_ca_certs = true),
        Err(CrlScope::AuthoritiesOnly),
    );
    check(
        "attributes",
        |l| _ = l.scope(|s| s.only_contains_attribute_certs = true),
        Err(CrlScope::AttributesOnly),
    );
    check(
        "some reasons",
        |l| _ = l.scope(|s| s.only_some_reasons = Some(Reasons::KeyCompromise.into())),
        Err(CrlScope::Limited),
    );
    check("indirect", |l| _ = l.scope(|s| s.indirect_crl = true), Err(CrlScope::Indirect));
    check("a lone delta", |l| _ = l.delta(5, 6), Err(CrlScope::LoneDelta));
}

#[test]
fn the_certificates_distribution_point_limits_the_scope() {
    let mut lab = Lab::new();
    let points = vec![crls(vec![distribution_point(&[CRL_URL])])];
    let below = Authority::below(&lab.authority, "Issuing CA", SERIAL, points);
    lab.certificate = Certificate::read(below.der()).unwrap();
    let users = lab.list(|list| _ = list.scope(|scope| scope.only_contains_user_certs = true));
    assert_eq!(lab.check(&users, None), Err(CrlScope::UsersOnly.into()));
    let authorities = lab.list(|list| _ = list.scope(|scope| scope.only_contains_ca_certs = true));
    assert_eq!(short(lab.check(&authorities, None)), Ok(None));
    lab.certificate.sources.points[0].some_reasons = true;
    assert_eq!(lab.check(&authorities, None), Err(CrlScope::Limited.into()));
}

/// A certificate's point, and the point that the list says it is for.
#[test]
fn a_lists_point_may_be_spelled_in_other_ways() {
    let directory = |name: &str| GeneralName::DirectoryName(Name::from_str(name).unwrap());
    let uri = |uri: &str| GeneralName::UniformResourceIdentifier(Ia5String::new(uri).unwrap());
    let check = |named: &[GeneralName], by_list: &[GeneralName], expected: Result<(), CrlScope>| {
        let mut lab = Lab::new();
        let mut point = distribution_point(&[CRL_URL]);
        point.distribution_point = Some(DistributionPointName::FullName(named.to_vec()));
        let leaf = lab.authority.issue(SERIAL, vec![crls(vec![point])]);
        lab.certificate = Certificate::read(&leaf).unwrap();
        let by_list = DistributionPointName::FullName(by_list.to_vec());
        let list = lab.list(|list| _ = list.scope(|scope| scope.distribution_point = Some(by_list)));
        let found = lab.check(&list, None).map(|_| ());
        assert_eq!(found, expected.map_err(CrlProblem::Scope), "{named:?}");
    };
    let url = || uri("http://crl.test/a/Partition%201.crl");
    check(&[url()], &[uri("HTTP://CRL.test/A/partition%201.CRL")], Ok(()));
    check(&[url()], &[uri("http://crl.test/a/Partition 1.crl")], Ok(()));
    check(&[url()], &[uri("http://crl.test/a/Partition%202.crl")], Err(CrlScope::OtherPoint));
    let by_name = || directory("CN=Partition 1,O=Test CA");
    check(&[by_name(), url()], &[by_name()], Ok(()));
    check(&[by_name(), url()], &[directory("CN=partition  1,O=TEST ca")], Ok(()));
    check(&[by_name(), url()], &[directory("CN=Partition 2,O=Test CA")], Err(CrlScope::OtherPoint));
    check(&[url()], &[by_name()], Err(CrlScope::OtherPoint));
}

#[test]
fn a_certificate_may_name_its_issuer_as_the_lists_signer() {
    let check = |signers: &[&str], expected: Result<(), CrlScope>| {
        let mut lab = Lab::new();
        let mut point = distribution_point(&[CRL_URL]);
        let signer = |name: &&str| GeneralName::DirectoryName(Name::from_str(name).unwrap());
        point.crl_issuer = Some(signers.iter().map(signer).collect());
        let leaf = lab.authority.issue(SERIAL, vec![crls(vec![point])]);
        lab.certificate = Certificate::read(&leaf).unwrap();
        let found = lab.check(&lab.list(|_| {}), None).map(|_| ());
        assert_eq!(found, expected.map_err(CrlProblem::Scope), "{signers:?}");
    };
    check(&["CN=Test CA"], Ok(()));
    check(&["CN=test ca"], Ok(()));
    check(&["CN=Other CA", "CN=Test CA"], Ok(()));
    check(&["CN=Other CA"], Err(CrlScope::Limited));
    check(&[], Err(CrlScope::Limited));
}
