//! The admin listener from outside: metrics, health and pages of a real broker. What single figures
//! are made of is tested beside the code.

#[allow(dead_code)]
#[path = "api/group_requests.rs"]
mod group_requests;
#[allow(dead_code)]
#[path = "api/requests.rs"]
mod requests;
#[allow(dead_code)]
#[path = "api/telemetry_requests.rs"]
mod telemetry_requests;

#[path = "admin/health.rs"]
mod health;
#[path = "admin/listener.rs"]
mod listener;
#[path = "admin/metrics.rs"]
mod metrics;
#[path = "admin/monitoring.rs"]
mod monitoring;
#[path = "admin/pages.rs"]
mod pages;

use protocol_tests::broker::Broker;

/// The setting that opens an admin listener on a free port.
const ADMIN: &str = "admin.listener=127.0.0.1:0";

/// A broker with an admin listener on a free port.
fn start(settings: &[&str]) -> Broker {
    let settings: Vec<&str> = [ADMIN].iter().chain(settings).copied().collect();
    Broker::start(&settings)
}
