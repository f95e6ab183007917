//! This machine's monotonic clock, which counts through sleep and which no wall clock moves.

use std::sync::OnceLock;
use std::time::Instant;

use sync_core::engine::Uptime;

/// When this process first asked, and a boot of its own for a system that tells none.
static STARTED: OnceLock<(Instant, i64)> = OnceLock::new();

/// The system's clock; where it tells none, that of this process alone, under which time passes only while a verb runs.
pub fn now() -> Uptime {
    of_system().unwrap_or_else(of_process)
}

fn of_process() -> Uptime {
    let (started, boot) = *STARTED.get_or_init(|| {
        let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
        let begun = since.map_or(0, |since| since.as_nanos());
        (Instant::now(), i64::try_from(begun).unwrap_or(0))
    });
    Uptime { boot, ms: i64::try_from(started.elapsed().as_millis()).unwrap_or(i64::MAX) }
}

/// Boot and time since it, as Linux tells them (`/proc/uptime` is CLOCK_BOOTTIME). `None` where the system does not.
pub fn of_system() -> Option<Uptime> {
    let uptime = std::fs::read_to_string("/proc/uptime").ok()?;
    let boot = std::fs::read_to_string("/proc/sys/kernel/random/boot_id").ok()?;
    read(&uptime, &boot)
}

fn read(uptime: &str, boot: &str) -> Option<Uptime> {
    let (seconds, hundredths) = uptime.split_whitespace().next()?.split_once('.')?;
    let (seconds, hundredths): (i64, i64) = (seconds.parse().ok()?, hundredths.parse().ok()?);
    let digits: String = boot.chars().filter(char::is_ascii_hexdigit).take(15).collect();
    let boot = i64::from_str_radix(&digits, 16).ok()?;
    Some(Uptime { boot, ms: seconds.checked_mul(1000)?.checked_add(hundredths * 10)? })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn linux_tells_boot_and_time() {
        let seen = read("350735.47 234388.90\n", "6fd5e9a5-9ff7-4a36-8ce6-6d23d63c1cf7\n");
        let seen = seen.expect("reads");
        assert_eq!(seen.ms, 350_735_470);
        let other = read("1.00 0.00", "1fd5e9a5-9ff7-4a36-8ce6-6d23d63c1cf7\n").expect("reads");
        assert_ne!(seen.boot, other.boot);
        assert_eq!(read("soon", "6fd5e9a5"), None);
        assert_eq!(read("1.00", ""), None);
    }

    #[test]
    fn a_process_has_a_clock_of_its_own_where_the_system_tells_none() {
        let first = of_process();
        std::thread::sleep(std::time::Duration::from_millis(2));
        let then = of_process();
        assert_eq!(first.boot, then.boot);
        assert!(then.ms > first.ms);
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn it_runs_forward_within_one_boot() {
        let (first, then) = (of_system().expect("a clock"), of_system().expect("a clock"));
        assert_eq!(first.boot, then.boot);
        assert!(then.ms >= first.ms);
    }
}
