//! A space that the team has already: what was written into the other one moves.

use sync_core::records::Role;

use super::team::{Team, text};

#[test]
fn words_written_while_the_standing_space_is_still_closed_move_into_it_and_nothing_waits_for_ever()
{
    let mut team = Team::new();
    team.join("cleo", &[Role::Coordinator], false);
    let incident = team.incident("cleo");
    team.edit("cleo", incident, &[("narrative", text("cleo saw this"))]);
    team.sync_all();
    // Finn comes later, and cleo's phone, which alone can let finn in, is away.
    team.join("finn", &[Role::ClinicalDirector], false);
    team.sync("finn");
    team.edit("finn", incident, &[("narrative", text("finn saw that"))]);
    team.sync("finn");
    team.edit("finn", incident, &[("narrative", text("finn saw that, and more"))]);
    let other = team.incident("finn");
    team.edit("finn", other, &[("narrative", text("of another day"))]);
    team.sync("finn");
    assert_eq!(team.shown("finn", incident, "narrative"), Some(text("finn saw that, and more")));

    team.sync("cleo");
    team.sync_all();
    team.assert_calm();
    for name in ["cleo", "finn"] {
        let view = team.on(name, |phone, _| phone.show(incident)).unwrap();
        let narrative = &view.fields["narrative"];
        assert_eq!(narrative.conflict.len(), 2, "{name} {narrative:?}");
        for words in ["cleo saw this", "finn saw that, and more"] {
            assert!(narrative.conflict.contains(&text(words)), "{name} {narrative:?}");
        }
        assert_eq!(team.shown(name, other, "narrative"), Some(text("of another day")), "{name}");
    }
    // One further edit settles it for both.
    team.edit("cleo", incident, &[("narrative", text("both are right"))]);
    team.sync_all();
    for name in ["cleo", "finn"] {
        let view = team.on(name, |phone, _| phone.show(incident)).unwrap();
        assert!(view.fields["narrative"].conflict.is_empty(), "{name}");
        assert_eq!(view.fields["narrative"].value, text("both are right"), "{name}");
    }
    team.assert_calm();
}
