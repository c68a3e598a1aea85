//! The testbed itself, on a real machine.

use std::fs;
use testbed::Lab;

#[test]
fn a_machine_boots_reaches_the_lab_and_keeps_its_files_over_a_reboot() {
    let served = tempfile::tempdir().unwrap();
    fs::write(served.path().join("hello"), "from the lab").unwrap();
    let lab = Lab::new(served.path()).unwrap();
    let mut machine = lab.boot("one", "trixie").unwrap();
    assert_eq!(machine.sh("cat /proc/1/comm; hostname").unwrap(), "systemd\none\n");

    let url = format!("{}/hello", lab.repository());
    let fetch = ["/usr/lib/apt/apt-helper", "download-file", &url, "/root/hello"];
    machine.run(&fetch).unwrap();
    machine.reboot().unwrap();
    assert_eq!(machine.sh("cat /root/hello").unwrap(), "from the lab");
    let look_up = "perl -MSocket=getaddrinfo -e 'my ($e) = getaddrinfo(\"nobody.example\"); print $e'";
    assert_eq!(machine.sh(look_up).unwrap(), "Name or service not known");

    lab.http().set_offline(true);
    assert!(machine.run(&fetch).is_err());
}

#[test]
fn nothing_of_a_machine_is_left_when_its_power_is_cut() {
    let served = tempfile::tempdir().unwrap();
    let lab = Lab::new(served.path()).unwrap();
    let mut machine = lab.boot("cut", "trixie").unwrap();
    machine.sh("setsid sleep 123456 > /dev/null 2>&1 &").unwrap();
    let of_the_machine = || {
        let all = fs::read_dir("/proc").unwrap().flatten();
        let lines = all.map(|p| fs::read_to_string(p.path().join("cmdline")).unwrap_or_default());
        lines.filter(|line| line == "sleep\x00123456\x00").count()
    };
    let runs = || of_the_machine() == 1;
    assert!(testbed::machine::wait_until(std::time::Duration::from_secs(10), runs));
    machine.cut_power().unwrap();
    assert_eq!(of_the_machine(), 0);
    machine.start_again().unwrap();
}
