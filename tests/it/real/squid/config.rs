//! Squid's configuration and its helpers.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::time::Duration;

use super::Policy;

/// Who is let through by [`Policy::Basic`].
pub const USER: &str = "exporter";
/// What that user knows.
pub const PASSWORD: &str = "correct horse:battery/staple";
/// That, as `openssl passwd -6` writes it.
const HASH: &str =
    "$6$labsalt$ENkMWeg3P8DkQ.qYiWZiuIUTCeTH1rJHDz6zT2Q7nIFauJYJqTPJdS9G.peqN8KFU/uHkkG79EaZm77KTDX2Y.";

/// Squid's settings.
pub(super) struct Surroundings<'a> {
    /// Its folder.
    pub files: &'a Path,
    /// Where it listens.
    pub addrs: [SocketAddr; 2],
    /// What answers CONNECT, for every host.
    pub tls: SocketAddr,
    /// What answers `http` URLs, for every host.
    pub plain: SocketAddr,
    /// The parent, where there is one.
    pub parent: SocketAddr,
}

/// A program of Squid's, where Debian keeps them.
pub(super) fn helper(name: &str) -> PathBuf {
    Path::new("/usr/lib/squid").join(name)
}

/// Squid's message once it has found its parent.
pub(super) fn found(parent: SocketAddr) -> String {
    format!("TCP connection to {}/{} succeeded", parent.ip(), parent.port())
}

impl Surroundings<'_> {
    /// Writes the files that this policy needs.
    pub fn write(&self, policy: Policy) {
        let delay = if let Policy::Late(delay) = policy { delay } else { Duration::ZERO };
        for (name, text) in [
            ("squid.conf", self.config(policy)),
            ("lead.sh", self.leading()),
            ("think.sh", format!("while read -r _; do sleep {}; echo OK; done\n", delay.as_secs_f64())),
            ("users", format!("{USER}:{HASH}\n")),
        ] {
            std::fs::write(self.files.join(name), text).unwrap();
        }
    }

    fn config(&self, policy: Policy) -> String {
        let files = self.files.display();
        let inspects = policy == Policy::Inspecting;
        let inspection = "ssl-bump tls-cert=signing.pem generate-host-certificates=on";
        let listen = |addr| format!("http_port {addr} {}\n", if inspects { inspection } else { "" });
        let listen: String = self.addrs.map(listen).concat();
        let rules = self.rules(policy);
        format!(
            "# No cache, no other port, no name of its own, no file outside its folder.\n\
             {listen}icp_port 0\npid_filename none\ncache deny all\ncache_mem 0\nmax_filedescriptors 1024\n\
             cache_log /dev/null\n\
             logformat asked %rm %>ru %03>Hs %un\naccess_log stdio:{files}/access.log asked\n\
             coredump_dir none\nnetdb_filename none\n\
             pinger_enable off\nvisible_hostname squid.lab\nhosts_file none\ndns_nameservers 127.0.0.1\n\
             shutdown_lifetime 0 seconds\n\
             url_rewrite_program /bin/sh {files}/lead.sh\n\
             url_rewrite_children 1 startup=1 idle=1 concurrency=0\n\
             url_rewrite_host_header off\n\
             {rules}http_access allow all\n"
        )
    }

    /// What makes the policies differ; what is let through by none of these rules is.
    fn rules(&self, policy: Policy) -> String {
        let files = self.files.display();
        let run = |name: &str| helper(name).display().to_string();
        match policy {
            Policy::Open => String::new(),
            Policy::Basic => format!(
                "auth_param basic program {} {files}/users\nauth_param basic children 1 startup=1 idle=1\n\
                 auth_param basic realm Lab network\nacl known proxy_auth REQUIRED\nhttp_access deny !known\n",
                run("basic_ncsa_auth")
            ),
            Policy::Ntlm => format!(
                "auth_param ntlm program {}\nauth_param ntlm children 1 startup=1 idle=1\n\
                 acl known proxy_auth REQUIRED\nhttp_access deny !known\n",
                run("ntlm_fake_auth")
            ),
            Policy::Denying => "http_access deny all\n".to_owned(),
            Policy::DeadParent | Policy::LostParent => format!(
                "cache_peer {} parent {} 0 no-query no-digest connect-fail-limit=1000\nnever_direct allow all\n\
                 debug_options ALL,1 15,2\n",
                self.parent.ip(),
                self.parent.port()
            ),
            Policy::Late(_) => format!(
                "external_acl_type thought ttl=0 negative_ttl=0 children-max=8 children-startup=1 %SRC \
                 /bin/sh {files}/think.sh\nacl thought external thought\nhttp_access deny !thought\n"
            ),
            Policy::Inspecting => format!(
                "sslcrtd_program {} -s {files}/certificates -M 4MB\nsslcrtd_children 1 startup=1 idle=1\n\
                 acl hello at_step SslBump1\nssl_bump peek hello\nssl_bump bump all\n\
                 sslproxy_cert_error allow all\ntls_outgoing_options flags=DONT_VERIFY_PEER\n",
                run("security_file_certgen")
            ),
        }
    }

    /// Squid's own `connect_to`: a helper that leads every request to the lab. The Host header stays.
    fn leading(&self) -> String {
        let Self { tls, plain, .. } = self;
        format!(
            "while read -r url _; do\n  case $url in\n    \
             http://*) to=http://{plain}/${{url#http://*/}} ;;\n    \
             https://*) to=https://{tls}/${{url#https://*/}} ;; # within TLS that it looks into\n    \
             *) to={tls} ;;\n  esac\n  echo \"OK rewrite-url=\\\"$to\\\"\"\ndone\n"
        )
    }
}
