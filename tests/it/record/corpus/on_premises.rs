//! On-premises update sources, and what can be wrong with them.

use std::time::Duration;

use defender_exporter::catalog::{ListedSource, ProbeUrl, UpdateSource};

use super::scenes::scene;
use super::world::World;
use crate::lab::faults;
use crate::lab::reply::{End, Reply, Response};
use crate::on_premises_sources::{answer_as_cache, answer_as_wsus};

/// A network whose clients update from this source alone.
fn listed(world: &mut World, source: UpdateSource, address: &str) {
    let address = ProbeUrl::parse(address).unwrap();
    let urls = ListedSource::urls(source, &address).unwrap();
    world.config.connect_to.extend(world.lab.connect_to(&urls));
    world.config.update_sources = vec![ListedSource { source, address: Some(address) }];
}

#[tokio::test(flavor = "multi_thread")]
async fn each_state_of_an_on_premises_source_has_a_record() {
    const HOST: &str = "wsus.corp.example";
    const CACHE: &str = "cache.corp.example";
    let status = |status| Reply::from(Response::new(status).body("<html>Service Unavailable</html>"));
    let page = || Reply::from(Response::new(200).body("<html>Sign in</html>"));
    let replies = || {
        [
            ("works", None),
            ("503", Some(status(503))),
            ("404", Some(status(404))),
            ("407", Some(faults::proxy_authentication())),
            ("login-page", Some(page())),
            ("hangs-up", Some(faults::end(End::Close))),
            ("portal", Some(Response::redirect(302, "http://portal.example/login").into())),
        ]
    };
    for (name, reply) in replies() {
        let name = format!("on-premises-wsus-{name}");
        scene(
            &name,
            |endpoint| endpoint.component.as_str() == "wsus",
            async |world| {
                listed(world, UpdateSource::InternalServer, "http://wsus.corp.example:8530");
                answer_as_wsus(&world.lab, HOST);
                if let Some(reply) = reply {
                    world.lab.plain.break_host(HOST, reply);
                }
            },
        )
        .await;
    }
    for (name, reply) in replies() {
        let name = format!("on-premises-cache-{name}");
        scene(
            &name,
            |endpoint| endpoint.component.as_str() == "connected_cache",
            async |world| {
                listed(world, UpdateSource::ConnectedCache, "http://cache.corp.example");
                answer_as_cache(&world.lab, CACHE);
                if let Some(reply) = reply {
                    world.lab.plain.break_host(CACHE, reply);
                }
            },
        )
        .await;
    }
    for (name, days) in
        [("without-a-package", None), ("with-a-package", Some(1)), ("with-an-old-package", Some(9))]
    {
        let name = format!("on-premises-share-{name}");
        scene(
            &name,
            |endpoint| endpoint.component.as_str() == "file_share",
            async |world| {
                let share = world.lab.files().join("updates");
                std::fs::create_dir_all(share.join("x64")).unwrap();
                if let Some(days) = days {
                    let modified = world.lab.pki.now() - Duration::from_secs(days * 24 * 60 * 60);
                    let package = std::fs::File::create(share.join("x64/mpam-fe.exe")).unwrap();
                    package.set_modified(modified).unwrap();
                }
                let address = ProbeUrl::parse_folder(share.to_str().unwrap()).unwrap();
                let source = UpdateSource::FileShare;
                world.config.update_sources = vec![ListedSource { source, address: Some(address) }];
            },
        )
        .await;
    }
    #[cfg(not(windows))]
    scene(
        "on-premises-share-of-windows",
        |endpoint| endpoint.component.as_str() == "file_share",
        async |world| {
            let address = ProbeUrl::parse_folder(r"\\files.corp.example\updates").unwrap();
            let source = UpdateSource::FileShare;
            world.config.update_sources = vec![ListedSource { source, address: Some(address) }];
        },
    )
    .await;
}
