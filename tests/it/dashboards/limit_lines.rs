//! Limits in graphs, as lines that the legend names. Grafana's own lines of thresholds have no name, and the colour of what is beyond them.

use serde_json::json;

use super::panel::{Panel, fixed};

impl Panel {
    /// A dashed line at a limit, in the colour of what is wrong beyond it, where this query has results. `name` says how much it is.
    pub fn limit(self, name: &str, limit: f64, color: &str, query: &str) -> Self {
        let name = format!("limit: {name}");
        let dashes = ("custom.lineStyle", json!({ "fill": "dash", "dash": [10, 10] }));
        let [color] = fixed(color);
        self.over_time(&name, &format!("0 * count({query}) + {limit}")).field(&name, &[color, dashes])
    }
}
