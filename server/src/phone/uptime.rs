//! This machine's monotonic clock, which counts through sleep and which no wall clock moves.

use std::sync::OnceLock;
use std::time::Instant;

use sync_core::engine::Uptime;

/// When this process first asked, and a boot of its own for a system that tells none.
static STARTED: OnceLock<(Instant, [u8; 16])> = OnceLock::new();

/// The system's clock; where it tells none, that of this process alone, under which time passes only while a verb runs.
pub fn now() -> Uptime {
    of_system().unwrap_or_else(of_process)
}

fn of_process() -> Uptime {
    let (started, boot_id) = *STARTED.get_or_init(|| {
        let begun = (std::process::id(), std::time::SystemTime::now());
        (Instant::now(), Uptime::boot_id(&format!("{begun:?}")))
    });
    let uptime_ms = u64::try_from(started.elapsed().as_millis()).unwrap_or(u64::MAX);
    Uptime { boot_id, uptime_ms }
}

/// Boot and time since it, as Linux tells them (`/proc/uptime` is CLOCK_BOOTTIME). `None` where the system does not.
pub fn of_system() -> Option<Uptime> {
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

    #[test]
    fn a_process_has_a_clock_of_its_own_where_the_system_tells_none() {
        let first = of_process();
        std::thread::sleep(std::time::Duration::from_millis(2));
        let then = of_process();
        assert_eq!(first.boot_id, then.boot_id);
        assert!(then.uptime_ms > first.uptime_ms);
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn it_runs_forward_within_one_boot() {
        let (first, then) = (of_system().expect("a clock"), of_system().expect("a clock"));
        assert_eq!(first.boot_id, then.boot_id);
        assert!(then.uptime_ms >= first.uptime_ms);
    }
}
