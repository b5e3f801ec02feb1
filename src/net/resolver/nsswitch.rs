//! The `hosts` line of `/etc/nsswitch.conf` (nsswitch.conf(5)): which sources a name is looked up in. Pure.

/// A source of addresses.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NssSource {
    /// The hosts file.
    Files,
    /// The name servers of resolv.conf.
    Dns,
    /// systemd-resolved (nss-resolve(8)), which reads the hosts file and then queries DNS.
    Resolve,
    /// A source that isn't queried here, such as `mdns4_minimal`, `myhostname` or `sss`: none of them knows public
    /// names.
    Other,
}

/// How a lookup in one source ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NssStatus {
    /// With addresses.
    Success,
    /// The name doesn't exist, or has no address.
    NotFound,
    /// The source can't be used.
    Unavailable,
    /// The source failed for the moment.
    TryAgain,
}

/// The number of statuses.
const STATUSES: usize = 4;

/// One source, and after which status of it the lookup ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NssStep {
    /// The source.
    pub source: NssSource,
    returns: [bool; STATUSES],
}

impl NssStep {
    const fn new(source: NssSource) -> Self {
        Self { source, returns: [true, false, false, false] }
    }

    /// Whether the lookup ends after this status.
    #[must_use]
    pub const fn returns(self, status: NssStatus) -> bool {
        self.returns[status as usize]
    }

    /// Applies `[STATUS=ACTION …]`, without its brackets. What isn't understood is ignored.
    fn apply(&mut self, actions: &str) {
        for action in actions.split_ascii_whitespace() {
            let Some((status, action)) = action.split_once('=') else { continue };
            let (negated, status) = match status.strip_prefix('!') {
                Some(status) => (true, status),
                None => (false, status),
            };
            let named = match status.to_ascii_lowercase().as_str() {
                "success" => NssStatus::Success,
                "notfound" => NssStatus::NotFound,
                "unavail" => NssStatus::Unavailable,
                "tryagain" => NssStatus::TryAgain,
                _ => continue,
            };
            let returns = match action.to_ascii_lowercase().as_str() {
                "return" => true,
                "continue" | "merge" => false,
                _ => continue,
            };
            for (status, slot) in self.returns.iter_mut().enumerate() {
                if (status == named as usize) != negated {
                    *slot = returns;
                }
            }
        }
    }
}

/// The steps of the `hosts` line. Without such a line, those of the GNU C library: the hosts file, then DNS.
#[must_use]
pub fn hosts_steps(file: &[u8]) -> Vec<NssStep> {
    let text = String::from_utf8_lossy(file);
    let line = text.lines().find_map(|line| {
        let line = line.split('#').next().unwrap_or_default().trim();
        let (database, sources) = line.split_once(':')?;
        (database.trim() == "hosts").then(|| sources.to_owned())
    });
    let steps = line.map(|line| steps(&line)).unwrap_or_default();
    if steps.is_empty() { vec![NssStep::new(NssSource::Files), NssStep::new(NssSource::Dns)] } else { steps }
}

fn steps(mut line: &str) -> Vec<NssStep> {
    let mut steps: Vec<NssStep> = Vec::new();
    loop {
        line = line.trim_start();
        if let Some(rest) = line.strip_prefix('[') {
            let (actions, after) = rest.split_once(']').unwrap_or((rest, ""));
            if let Some(step) = steps.last_mut() {
                step.apply(actions);
            }
            line = after;
            continue;
        }
        let end = line.find([' ', '\t', '[']).unwrap_or(line.len());
        let (name, after) = line.split_at(end);
        if name.is_empty() {
            return steps;
        }
        steps.push(NssStep::new(match name {
            "files" => NssSource::Files,
            "dns" => NssSource::Dns,
            "resolve" => NssSource::Resolve,
            _ => NssSource::Other,
        }));
        line = after;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Each step as its source, then S, N, U, T for each status after which the lookup ends.
    fn shown(steps: &[NssStep]) -> String {
        let statuses = [
            (NssStatus::Success, 'S'),
            (NssStatus::NotFound, 'N'),
            (NssStatus::Unavailable, 'U'),
            (NssStatus::TryAgain, 'T'),
        ];
        let step = |step: &NssStep| {
            let ends: String = statuses
                .iter()
                .filter(|(status, _)| step.returns(*status))
                .map(|(_, letter)| letter)
                .collect();
            format!("{:?}:{ends}", step.source)
        };
        steps.iter().map(step).collect::<Vec<_>>().join(" ")
    }

    #[test]
    fn the_hosts_line() {
        for (file, expected) in [
            ("", "Files:S Dns:S"),
            ("passwd: files\n", "Files:S Dns:S"),
            ("hosts:\n", "Files:S Dns:S"),
            ("hosts: files dns\n", "Files:S Dns:S"),
            ("hosts:dns files # files dns\n", "Dns:S Files:S"),
            ("# hosts: dns\nhosts:\tfiles mdns4_minimal [NOTFOUND=return] dns\n", "Files:S Other:SN Dns:S"),
            ("hosts: mymachines resolve [!UNAVAIL=return] files dns\n", "Other:S Resolve:SNT Files:S Dns:S"),
            ("hosts: files[success=continue notfound=return]dns", "Files:N Dns:S"),
            ("hosts: files [TRYAGAIN=merge NONSENSE SUCCESS=nonsense", "Files:S"),
            ("hosts: [NOTFOUND=return] dns", "Dns:S"),
        ] {
            assert_eq!(shown(&hosts_steps(file.as_bytes())), expected, "{file:?}");
        }
    }

    proptest::proptest! {
        #[test]
        fn any_file_has_steps(file in "(hosts:)?[a-z \\[\\]=!:#\n]{0,80}") {
            proptest::prop_assert!(!hosts_steps(file.as_bytes()).is_empty());
        }
    }
}
