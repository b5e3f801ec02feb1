//! The files that the page loads, embedded in the binary.

use axum::Router;
use axum::http::header;
use axum::response::IntoResponse;
use axum::routing::get;

use crate::web::paths::WebPaths;

pub(super) const STYLE: Asset = Asset {
    path: "/assets/page.css",
    content_type: "text/css; charset=utf-8",
    text: include_str!("assets/page.css"),
};
pub(super) const SCRIPT: Asset = Asset {
    path: "/assets/page.js",
    content_type: "text/javascript; charset=utf-8",
    text: include_str!("assets/page.js"),
};
pub(super) const ICON: Asset =
    Asset { path: "/assets/icon.svg", content_type: "image/svg+xml", text: include_str!("assets/icon.svg") };

/// An embedded file.
#[derive(Clone, Copy)]
pub(super) struct Asset {
    path: &'static str,
    content_type: &'static str,
    text: &'static str,
}

impl Asset {
    /// The URL relative to the page.
    pub(super) fn relative(self) -> String {
        format!(".{}", self.path)
    }

    /// The content.
    pub(super) const fn text(self) -> &'static str {
        self.text
    }

    fn answer(self) -> impl IntoResponse + use<> {
        // Browsers request the files again on each visit, so that a new page never runs with an old file. They are small.
        let headers = [(header::CONTENT_TYPE, self.content_type), (header::CACHE_CONTROL, "no-cache")];
        (headers, self.text)
    }
}

/// The routes of the files.
pub(in crate::web) fn routes<S: Clone + Send + Sync + 'static>(paths: &WebPaths) -> Router<S> {
    let files = [STYLE, SCRIPT, ICON];
    files.into_iter().fold(Router::new(), |router, file| {
        router.route(&paths.at(file.path), get(move || async move { file.answer() }))
    })
}
