//! What is recorded and sent: records of twelve fields, 300 random bytes as base64 where people would write.
//!
//! From fixed seeds, so that every run and every floor moves the same bytes.

use std::collections::BTreeMap;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use rand_chacha::ChaCha20Rng;
use rand_chacha::rand_core::{Rng as _, SeedableRng as _};
use sync_core::records::Value;

/// Bytes of one JSON record.
pub const RECORD_BYTES: usize = 727;

/// A form as a person fills it in.
pub type Form = BTreeMap<String, Value>;

/// A stream of records.
pub struct Workload {
    rng: ChaCha20Rng,
    count: u32,
}

fn text(value: impl Into<String>) -> Value {
    Value::Text(value.into())
}

fn set(members: &[&str]) -> Value {
    Value::Set(members.iter().map(|member| (*member).to_owned()).collect())
}

impl Workload {
    /// The stream of this seed.
    pub fn new(seed: u64) -> Self {
        Self { rng: ChaCha20Rng::seed_from_u64(seed), count: 0 }
    }

    fn below(&mut self, end: u32) -> u32 {
        self.rng.next_u32() % end
    }

    fn pick<'a>(&mut self, among: &[&'a str]) -> &'a str {
        among[self.below(among.len() as u32) as usize]
    }

    fn hex(&mut self, bytes: usize) -> String {
        (0..bytes).map(|_| format!("{:02x}", self.below(256))).collect()
    }

    /// 300 random bytes as base64, 400 characters.
    fn words(&mut self) -> String {
        let mut bytes = [0; 300];
        self.rng.fill_bytes(&mut bytes);
        STANDARD.encode(bytes)
    }

    fn time(&mut self) -> String {
        self.count += 1;
        let (day, minute) = (1 + self.count / 1_440 % 28, self.count % 1_440);
        format!("2026-03-{day:02}T{:02}:{:02}:00Z", minute / 60, minute % 60)
    }

    /// One record of the floors: twelve fields, 727 bytes of JSON.
    pub fn json(&mut self) -> String {
        let mut record = format!(
            "{{\"id\":\"{}\",\"kind\":\"check_in\",\"device\":\"{}\",\"recorded_at\":\"{}\",\
             \"zone\":\"{}\",\"sleep_hours\":{},\"mood\":{},\"stress\":{},\"energy\":{},\
             \"wants_contact\":\"{}\",\"text\":\"{}\",\"unit\":\"",
            self.hex(16),
            self.hex(16),
            self.time(),
            self.pick(&["ready", "reacting", "injured", "ill"]),
            self.below(10),
            self.below(10),
            self.below(10),
            self.below(5),
            self.pick(&["no", "peer_any", "chaplain"]),
            self.words(),
        );
        let fill = RECORD_BYTES.saturating_sub(record.len() + 2);
        record.extend("station-4-".chars().cycle().take(fill));
        record.push_str("\"}");
        record
    }

    /// A peer contact: an open header and a sealed detail, twelve fields, no text.
    pub fn contact(&mut self) -> Form {
        let fields = [
            ("started_at", text(self.time())),
            ("duration_min", Value::Int(5 + i64::from(self.below(120)))),
            ("mode", text(self.pick(&["in_person", "phone", "text", "video"]))),
            ("contact_number", text(self.pick(&["first", "repeat"]))),
            ("on_duty", Value::Bool(self.below(2) == 0)),
            ("initiated_by", text(self.pick(&["self_referral", "peer_outreach", "family"]))),
            ("issues", set(&["grief", self.pick(&["shift_fatigue_sleep", "finances", "legal"])])),
            ("population", text(self.pick(&["responder", "volunteer", "retiree"]))),
            ("subject_handle", text(self.hex(16))),
            ("zone_before", text(self.pick(&["reacting", "injured", "ill"]))),
            ("zone_after", text(self.pick(&["ready", "reacting"]))),
            ("next_check_in_day", text("2026-04-01")),
        ];
        form(fields)
    }

    /// A check-in: one sealed document with 300 random bytes as its text.
    pub fn check_in(&mut self) -> Form {
        let fields = [
            ("zone", text(self.pick(&["ready", "reacting", "injured", "ill"]))),
            ("sleep_hours", Value::Number(f64::from(self.below(20)) / 2.0)),
            ("sleep_quality", Value::Int(self.below(5).into())),
            ("mood", Value::Int(self.below(11).into())),
            ("stress", Value::Int(self.below(11).into())),
            ("energy", Value::Int(self.below(5).into())),
            ("cause", set(&[self.pick(&["loss", "home", "wear_and_tear", "moral_injury"])])),
            ("wants_contact", text(self.pick(&["no", "peer_any", "chaplain"]))),
            ("text", text(self.words())),
        ];
        form(fields)
    }

    /// An incident: open facts and a sealed narrative of 300 random bytes, twelve fields.
    pub fn incident(&mut self) -> Form {
        let fields = [
            ("narrative", text(self.words())),
            ("cad_number", text(format!("F-{}", self.below(1_000_000)))),
        ];
        self.incident_without_narrative().into_iter().chain(form(fields)).collect()
    }

    /// An incident's open facts alone.
    pub fn incident_without_narrative(&mut self) -> Form {
        let fields = [
            ("occurred_end", text(self.time())),
            ("tz_offset_min", Value::Int(-60)),
            ("type", set(&[self.pick(&["child_death", "failed_rescue", "mass_casualty"])])),
            ("severity", Value::Int(1 + i64::from(self.below(5)))),
            ("personnel_exposed", Value::Int(self.below(40).into())),
            ("disciplines", set(&["ems", self.pick(&["fire", "sar", "dispatch"])])),
            ("area", text(self.pick(&["north", "south", "harbour"]))),
            ("units", set(&[self.pick(&["station-4", "station-9", "medic-2"])])),
            ("requested_by_role", text(self.pick(&["self", "peer", "dispatch"]))),
            ("requested_at", text(self.time())),
        ];
        form(fields)
    }
}

/// A form with these fields.
pub fn form<const N: usize>(fields: [(&str, Value); N]) -> Form {
    fields.into_iter().map(|(name, value)| (name.to_owned(), value)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_record_of_the_floors_has_its_fields_and_its_length() {
        let mut workload = Workload::new(1);
        for _ in 0..200 {
            let record = workload.json();
            assert_eq!(record.len(), RECORD_BYTES);
            let value: serde_json::Value = serde_json::from_str(&record).unwrap();
            assert_eq!(value.as_object().unwrap().len(), 12);
        }
    }

    #[test]
    fn a_seed_gives_the_same_records_every_time() {
        assert_eq!(Workload::new(7).json(), Workload::new(7).json());
        assert_eq!(Workload::new(7).incident(), Workload::new(7).incident());
        assert_eq!((Workload::new(7).contact().len(), Workload::new(7).incident().len()), (12, 12));
    }
}
