//! Failed updates of security intelligence, engine and platform: what a code means there, and what to change first for the
//! source that failed.

use super::texts::ADVICE;
use super::{Advice, codes, family_advice, hresult_title, known_advice, remedies};
use crate::catalog::UpdateOrigin;

/// Explains an HRESULT that means something else in an update than elsewhere. Returns `None` for all others.
#[must_use]
pub fn in_update(code: u32) -> Option<Advice> {
    codes::update_hresult(code).map(known_advice)
}

/// Explains an HRESULT of a failed update from this source. Returns `None` if the code is of no known family.
#[must_use]
pub fn for_update(code: u32, origin: Option<UpdateOrigin>) -> Option<Advice> {
    let known = known(code);
    let advice = known.map_or_else(|| family_advice(code), |known| Some(known_advice(known)))?;
    Some(match known {
        Some(known) => Advice { remedies: remedies(None, &ordered(&known.entry.remedies, origin)), ..advice },
        None => advice,
    })
}

/// The short title of an HRESULT of a failed update, from a closed set. Returns `None` if the code is of no known family.
#[must_use]
pub fn update_title(code: u32) -> Option<&'static str> {
    codes::update_hresult(code).map(|known| known.entry.title.as_str()).or_else(|| hresult_title(code))
}

/// What to change first about an HRESULT of a failed update from this source; empty if the code is of no known family.
#[must_use]
pub fn update_action(code: u32, origin: Option<UpdateOrigin>) -> &'static str {
    let names = known(code).map(|known| &known.entry.remedies);
    let names = names.or_else(|| ADVICE.family(code).map(|family| &family.remedies));
    let first = names.and_then(|names| ordered(names, origin).into_iter().next());
    first.and_then(|name| super::action::named(&name)).unwrap_or_default()
}

fn known(code: u32) -> Option<codes::Hresult> {
    codes::update_hresult(code).or_else(|| codes::hresult(code))
}

/// The names of the remedies, that of the source first, those of other sources last.
fn ordered(names: &[String], origin: Option<UpdateOrigin>) -> Vec<String> {
    use UpdateOrigin as From;
    let rank = |name: &String| match (origin, name.as_str()) {
        (Some(From::InternalServer), "update_server") | (Some(From::FileShare), "share") => 0,
        (Some(From::MicrosoftUpdate | From::Adl), "update_server" | "share")
        | (Some(From::InternalServer), "share" | "update_hosts")
        | (Some(From::FileShare | From::UpdateFolder), "update_server" | "update_hosts" | "update_proxy") => {
            2
        }
        _ => 1,
    };
    let mut ordered = names.to_vec();
    ordered.sort_by_key(rank);
    ordered
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::advice::action::MAX_ACTION;
    use crate::advice::for_hresult;

    /// An update isn't a connection to MAPS.
    #[test]
    fn a_code_has_the_words_of_an_update() {
        for (code, title, general) in [
            (0x8007_2EE7, "update source", "The name can't be resolved"),
            (0x8007_2EFE, "update source", "MAPS"),
            (0x8007_2F8F, "update source", "MAPS"),
            (0x8007_0006, "handle", "MAPS"),
            (0x8007_0005, "Access is denied", "administrator"),
        ] {
            assert!(update_title(code).unwrap().contains(title), "0x{code:08X}");
            assert!(hresult_title(code).unwrap().contains(general), "0x{code:08X}");
            assert!(for_update(code, None).unwrap().title.contains(title), "0x{code:08X}");
        }
        for known in codes::update_hresults() {
            let code = known.entry.code;
            assert!(codes::hresult(code).is_some(), "0x{code:08X} has no general words");
            assert!(!known.entry.cause.contains("MAPS"), "0x{code:08X}");
        }
        for code in [0x8024_402C, 0x80D0_5001, 0x8024_9001] {
            assert_eq!((in_update(code), for_update(code, None)), (None, for_hresult(code)));
        }
        assert_eq!((for_update(0x1234_5678, None), update_title(0x1234_5678)), (None, None));
        assert_eq!(update_action(0x1234_5678, None), "");
    }

    #[test]
    fn the_source_that_failed_decides_what_to_change_first() {
        use UpdateOrigin as From;
        for (code, origin, first) in [
            (0x8024_4022, From::InternalServer, "WSUS server"),
            (0x8024_4022, From::MicrosoftUpdate, "WinHTTP proxy"),
            (0x8024_4022, From::Unknown, "WSUS server"),
            (0x8007_2EE2, From::Adl, "hosts of the components update and adl"),
            (0x8007_2EE2, From::InternalServer, "WSUS server"),
            (0x8007_0035, From::FileShare, "file share"),
        ] {
            let action = update_action(code, Some(origin));
            assert!(action.contains(first), "0x{code:08X} {origin}: {action}");
        }
        let remedies = for_update(0x8024_4022, Some(From::MicrosoftUpdate)).unwrap().remedies;
        assert!(remedies.last().unwrap().contains("WSUS"), "{remedies:?}");
    }

    #[test]
    fn every_action_is_short() {
        for known in codes::hresults().chain(codes::update_hresults()) {
            for origin in UpdateOrigin::ALL.iter().copied().map(Some).chain([None]) {
                let action = update_action(known.entry.code, origin);
                assert!(action.len() <= MAX_ACTION, "{action}");
                assert_eq!(action.is_empty(), known.entry.remedies.is_empty(), "0x{:08X}", known.entry.code);
            }
        }
    }
}
