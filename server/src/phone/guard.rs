//! `lock`, `unlock`, `panic`: what can be read, and by whom, from now on.

use std::path::Path;
use std::time::Duration;

use getrandom::SysRng;
use rand_core::UnwrapErr;
use serde_json::json;
use sync_core::engine::{PanicPreview, Phone};
use sync_core::protocol::Code;

use super::output::Output;
use super::{Failure, Outcome, folder, uptime};

/// `lock`: verbs neither ask for the passphrase nor read anything sealed, until `unlock`.
pub fn lock(path: &Path) -> Outcome {
    folder::open_locked(path, None, uptime::now())?;
    folder::keep_locked(path, true)?;
    Ok(Output {
        words: "Locked. Recording something new, `sync` and `crisis` work; nothing sealed is shown until `unlock`.\n".into(),
        json: json!({ "locked": true }),
    })
}

/// `unlock`.
pub fn unlock(path: &Path) -> Outcome {
    let typed = folder::asked_passphrase()?;
    let mut phone = folder::open_locked(path, Some(typed.as_bytes()), uptime::now())?;
    if let Some(why) = unlocked(&mut phone)? {
        return Err(why);
    }
    folder::keep_locked(path, false)?;
    Ok(Output { words: "Unlocked.\n".into(), json: json!({ "locked": false }) })
}

/// Unlocks. Where the system tells no time that outlives this process, a wait after wrong tries is served here.
fn unlocked(phone: &mut Phone) -> Result<Option<Failure>, Failure> {
    let serves = uptime::of_system().is_none();
    loop {
        match folder::unlock(phone, &mut UnwrapErr(SysRng)) {
            Err(failure) if serves && failure.code == Code::UnlockDelayed.as_str() => {
                eprintln!("{failure}");
                std::thread::sleep(Duration::from_secs(5));
                phone.observe_uptime(uptime::now())?;
            }
            done => return done,
        }
    }
}

fn words_of(preview: &PanicPreview) -> String {
    let mut words = String::new();
    words.push_str(&match (preview.other_devices, preview.recovery_key) {
        (0, false) => "No other device of yours and no recovery key is listed: what only you can read is gone for good.\n".to_owned(),
        (0, true) => "Your recovery key opens it again, on a new device.\n".to_owned(),
        (devices, _) => format!("{devices} other device(s) of yours can still read it.\n"),
    });
    if preview.only_here > 0 {
        words.push_str(&format!(
            "{} saved step(s) are on this phone alone, because backup is off: nobody will read them again, unless you turn `backup on` and sync first.\n",
            preview.only_here
        ));
    }
    if preview.unsent > 0 {
        words.push_str(&format!("{} wait(s) to be sent; they stay and leave.\n", preview.unsent));
    }
    words
}

/// `panic`: says what is left afterwards; destroys what reads only if `yes`. Asks for no passphrase.
pub fn panic(path: &Path, yes: bool) -> Result<Output, Failure> {
    let mut phone = folder::open_locked(path, None, uptime::now())?;
    let preview = phone.panic_preview()?;
    let mut words = words_of(&preview);
    if yes {
        phone.panic()?;
        words.insert_str(0, "The keys for reading are destroyed. Recording and sending go on.\n");
    } else {
        words
            .push_str("Nothing was done. To destroy what can be read on this phone: panic --yes\n");
    }
    let json = json!({ "destroyed": yes, "other_devices": preview.other_devices,
                       "recovery_key": preview.recovery_key, "unsent": preview.unsent,
                       "only_here": preview.only_here });
    Ok(Output { words, json })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_preview_says_what_recovery_remains() {
        let nothing =
            PanicPreview { other_devices: 0, recovery_key: false, unsent: 2, only_here: 3 };
        let words = words_of(&nothing);
        assert!(words.contains("gone for good") && words.contains("3 saved"), "{words}");
        assert!(words.contains("2 wait(s)"), "{words}");
        let second = PanicPreview { other_devices: 1, only_here: 0, ..nothing };
        assert!(words_of(&second).starts_with("1 other device(s)"));
        let recovery = PanicPreview { recovery_key: true, only_here: 0, ..nothing };
        assert!(words_of(&recovery).starts_with("Your recovery key"));
    }
}
