//! How long this machine has been on, where its system tells that without a clock that anybody sets.

use sync_core::engine::Uptime;

/// A reading; `None` on a system that offers none: time passes for the phone when it syncs, then.
pub fn read() -> Option<Uptime> {
    let boot = std::fs::read_to_string("/proc/sys/kernel/random/boot_id").ok()?;
    let up = std::fs::read_to_string("/proc/uptime").ok()?;
    parse(&boot, &up)
}

fn parse(boot: &str, up: &str) -> Option<Uptime> {
    let digits: String = boot.chars().filter(char::is_ascii_hexdigit).take(15).collect();
    let boot = i64::from_str_radix(&digits, 16).ok()?;
    let seconds: f64 = up.split_whitespace().next()?.parse().ok()?;
    Some(Uptime { boot, ms: (seconds * 1000.0) as i64 })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reading_is_of_one_start_and_in_milliseconds() {
        let up = parse("0f6ee1d2-21b8-4c3e-9c40-7d1f4a5f0f0b\n", "351735.47 234388.90\n");
        let other = parse("1f6ee1d2-21b8-4c3e-9c40-7d1f4a5f0f0b\n", "1.00 0.00\n");
        assert_eq!(up.map(|up| up.ms), Some(351_735_470));
        assert_ne!(up.map(|up| up.boot), other.map(|up| up.boot));
        assert_eq!(parse("", "1.00"), None);
    }
}
