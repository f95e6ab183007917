//! This machine's monotonic clock, which counts through sleep and which no wall clock moves.

use sync_core::engine::Uptime;

/// Boot and time since it, as Linux tells them (`/proc/uptime` is CLOCK_BOOTTIME). `None` where the system does not.
pub fn now() -> Option<Uptime> {
    let uptime = std::fs::read_to_string("/proc/uptime").ok()?;
    let boot = std::fs::read_to_string("/proc/sys/kernel/random/boot_id").ok()?;
    read(&uptime, &boot)
}

fn read(uptime: &str, boot: &str) -> Option<Uptime> {
    let (seconds, hundredths) = uptime.split_whitespace().next()?.split_once('.')?;
    let (seconds, hundredths): (u64, u64) = (seconds.parse().ok()?, hundredths.parse().ok()?);
    let hex = boot.trim().replace('-', "");
    let boot_id = u128::from_str_radix(&hex, 16).ok()?.to_be_bytes();
    Some(Uptime { boot_id, uptime_ms: seconds.checked_mul(1000)?.checked_add(hundredths * 10)? })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn linux_tells_boot_and_time() {
        let seen = read("350735.47 234388.90\n", "6fd5e9a5-9ff7-4a36-8ce6-6d23d63c1cf7\n");
        let seen = seen.expect("reads");
        assert_eq!(seen.uptime_ms, 350_735_470);
        assert_eq!(seen.boot_id[..2], [0x6f, 0xd5]);
        assert_eq!(read("soon", "6fd5e9a5"), None);
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn it_runs_forward_within_one_boot() {
        let (first, then) = (now().expect("a clock"), now().expect("a clock"));
        assert_eq!(first.boot_id, then.boot_id);
        assert!(then.uptime_ms >= first.uptime_ms);
    }
}
