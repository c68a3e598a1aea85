//! A restless machine, much of it hostile.

use broker_protocol::{
    Band, BlockDevice, Clock, FailedUnit, FileSystem, Filler, Interface, Line, Load, MachineState, Manager,
    Measure, Network, PendingNetwork, Power, Rubbish, Scheduled, Span, Vitals,
};

pub fn vitals() -> Vitals {
    let disk = |at: &str, used, names| FileSystem {
        device: "/dev/vda1".into(),
        mounted_at: at.into(),
        kind: "ext4".into(),
        used,
        total: 40_000_000_000,
        names,
    };
    Vitals {
        container: None,
        failed: vec![FailedUnit {
            name: "bad\\x2dluck.service".into(),
            description: "The <b></h1>service <script>alert(9)</script>".into(),
            result: "exit-code".into(),
            status: Some(3),
        }],
        file_systems: vec![
            disk("/", 38_800_000_000, Some(12)),
            disk("/srv/<script>alert(8)</script>", 2_000_000_000, None),
        ],
        clock: Clock {
            zone: "Europe/Berlin".into(),
            local: "Mon 23 Nov 2026, 22:41 CET".into(),
            keeper: Some("systemd-timesyncd.service".into()),
            kept: true,
            synchronised: Some(false),
        },
        scheduled: Some(scheduled()),
    }
}

pub fn scheduled() -> Scheduled {
    Scheduled {
        what: Power::Restart,
        at: super::now() + 15_000,
        local: "Tue 24 Nov 2026, 03:30 CET".into(),
        by: "ada".into(),
    }
}

/// Every point differs from the one before, with a gap.
pub fn load(span: Span) -> Load {
    let (step, count) = span.shape();
    let line = |measure: Measure| {
        let scale = if measure.is_share() { 1.0 } else { 1e6 };
        let point = |n: u32| {
            let least = f64::from(n * 7 % 40) * scale;
            (!(30..36).contains(&n)).then_some(Band(
                least,
                least + 20.0 * scale,
                least + f64::from(30 + n * 13 % 25) * scale,
            ))
        };
        let whole = Some(Band(0.0, 40.0 * scale, 95.0 * scale));
        Line { measure, now: Some(12.0 * scale), whole, points: (0..count).map(point).collect() }
    };
    let lines = Measure::ALL.into_iter().map(line).collect();
    Load { span, begin: super::now() - u64::from(step * count) * 60, step: u64::from(step) * 60, lines }
}

pub fn state() -> MachineState {
    let vitals = vitals();
    let device = |name: &str, depth, kind: &str| BlockDevice {
        name: name.into(),
        depth,
        kind: kind.into(),
        size: 40_000_000_000 >> depth,
        model: (depth == 0).then(|| "Disk <script>alert(7)</script>".into()),
        file_system: (depth > 0).then(|| "ext4".into()),
    };
    let filler =
        |what: &str, path: &str, bytes, clean| Filler { what: what.into(), path: path.into(), bytes, clean };
    let interface = |name: &str, manager, fixed: Option<&str>| Interface {
        name: name.into(),
        state: "up".into(),
        mac: "52:54:00:12:34:56".into(),
        addresses: vec!["192.0.2.7/24".into(), "2001:db8::7/64".into()],
        manager,
        fixed: fixed.map(Into::into),
    };
    MachineState {
        name: "wiki".into(),
        full_name: Some("wiki.example.org".into()),
        container: None,
        clock: vitals.clock,
        file_systems: vitals.file_systems,
        block_devices: vec![device("vda", 0, "disk"), device("vda1", 1, "part")],
        fillers: vec![
            filler("Downloaded packages", "/var/cache/apt/archives", 1_200_000_000, Some(Rubbish::Packages)),
            filler("The log (journal)", "/var/log/journal", 800_000_000, Some(Rubbish::Journal)),
            filler("Other logs", "/var/log", 12_000_000, None),
        ],
        network: Network {
            interfaces: vec![
                interface("eth0", Manager::Networkd, None),
                interface(
                    "wg0",
                    Manager::Nobody,
                    Some(
                        "No program on this machine that is known here gives them. <script>alert(6)</script>",
                    ),
                ),
            ],
            gateways: vec!["192.0.2.1 (eth0)".into()],
            name_servers: vec!["192.0.2.53".into()],
            unknown: None,
            pending: None::<PendingNetwork>,
        },
    }
}
