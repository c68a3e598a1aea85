//! Services and a log, much of them hostile.

use broker_protocol::{Entry, JournalFilter, Service, ServiceState, services::From};

pub fn all() -> Vec<Service> {
    let service = |name: &str, active: &str, sub: &str, enabled: &str| Service {
        name: name.into(),
        description: "The <b></h1>service".into(),
        active: active.into(),
        sub: sub.into(),
        enabled: enabled.into(),
        appliance: None,
    };
    let mut services = vec![
        service("apache2.service", "active", "running", "enabled"),
        service("bad\\x2dluck.service", "failed", "failed", "disabled"),
        service("appliance-control.service", "active", "running", "static"),
        service("masked.service", "inactive", "dead", "masked"),
    ];
    services[0].appliance = Some("moinmoin".into());
    services.extend((0..150).map(|n| service(&format!("other-{n}.service"), "inactive", "dead", "static")));
    services
}

pub fn state(service: Service) -> ServiceState {
    ServiceState {
        ours: service.name.starts_with("appliance-"),
        since: Some(1_764_000_000),
        memory: Some(12_000_000),
        restarts: 2,
        result: "success".into(),
        file: "/usr/lib/systemd/system/apache2.service".into(),
        service,
    }
}

/// As many as are wanted, the newest first; after a cursor, one.
pub fn journal(filter: &JournalFilter) -> Vec<Entry> {
    let lines = if matches!(filter.from, Some(From::After(_))) { 1 } else { filter.lines };
    let entry = |n: u32| Entry {
        at: 1_764_000_000_000 - u64::from(n) * 1000,
        priority: (n % 8) as u8,
        unit: "apache2.service".into(),
        identifier: "apache2".into(),
        message: format!("<script>alert({n})</script>\u{1b}[31mred\u{1b}]0;owned\u{7} {}", "x".repeat(1000)),
        cursor: format!("s=1;i={n}"),
    };
    (0..lines).map(entry).collect()
}
