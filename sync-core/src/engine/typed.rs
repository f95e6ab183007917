//! Typed codes: ten characters read from one phone and typed on the other, where no camera can scan.
//!
//! The two phones run SPAKE2 through the relay ([`crate::crypto::pake`]), which yields an ordinary invitation with a
//! secret of 128 bits. The inviting phone answers at most five runs a code, whatever the relay says; a new phone takes
//! one answer a run, so a wrong code costs a try on either side.

use minicbor::bytes::ByteArray;
use zeroize::Zeroizing;

use crate::crypto::{DeviceKeys, TypedCode, pake};
use crate::directory::Directory;
use crate::ids::{DeviceId, EnvelopeId, MemberId, TeamId};
use crate::protocol::{Code, CodeAnswer, CodeAnswered, CodeRequest, CodeTry, limits};
use crate::records::DeviceClass;

use super::desk::Desk;
use super::rows::{IdentityRow, InviteRow, JoiningRow, Rows, TryRow, TypedRow, Way};
use super::store::Store;
use super::{Env, Phone, Result};

impl Phone {
    /// Makes an invitation to be typed, and returns its ten characters: single use, 15 minutes, five tries. The new
    /// phone and this one must both reach the relay meanwhile. A device let in so shows as unchecked.
    ///
    /// # Errors
    /// As [`Phone::invite`].
    pub fn invite_by_code(
        &mut self,
        env: &mut Env<'_>,
        member: MemberId,
    ) -> Result<Zeroizing<String>> {
        let mut desk = self.desk()?;
        desk.may_invite(member)?;
        let mut code = TypedCode::generate(env.rng);
        // A nameplate of this phone's own that is still in use would mix the two up.
        while desk.rows.invite(&code.lookup())?.is_some_and(|row| row.left_ms(env.now).is_some()) {
            code = TypedCode::generate(env.rng);
        }
        desk.keep_code(&code, member, env.now)?;
        desk.commit()?;
        Ok(code.shown())
    }

    /// Begins joining with a typed code. `relay`: the origin that the inviting phone shows beside it.
    ///
    /// # Errors
    /// `bad_value` if it is no code, `already_set_up` if the store holds a phone.
    pub fn start_joining_by_code(
        mut store: Box<dyn Store>,
        env: &mut Env<'_>,
        relay: &str,
        code: &str,
        class: DeviceClass,
    ) -> Result<Phone> {
        let typed = typed_row(env, code)?;
        let keys = DeviceKeys::generate(env.rng);
        // Team and member are told by the other phone once it has proved that it knows the code.
        let joining = JoiningRow {
            secret: [0; 16].into(),
            head_seq: 0,
            head_hash: EnvelopeId::new([0; 32]),
            class: super::join::number(class),
            typed: Some(typed),
        };
        let identity = IdentityRow {
            team: TeamId::new([0; 32]),
            member: MemberId::new([0; 16]),
            relay: relay.to_owned(),
            keys: keys.to_secret_bytes().to_vec().into(),
            joining: Some(joining),
        };
        let mut rows = Rows(store.begin()?);
        rows.make_room()?;
        rows.put_identity(&identity)?;
        rows.commit()?;
        let directory = Directory::new(identity.team);
        Ok(Phone::started(store, identity, keys, directory))
    }

    /// Types a code again, after a wrong one.
    ///
    /// # Errors
    /// `bad_value` if it is no code, `already_set_up` if this phone does not wait for one.
    pub fn try_code(&mut self, env: &mut Env<'_>, code: &str) -> Result<()> {
        let waits = self.identity.joining.as_ref().is_some_and(|joining| joining.typed.is_some());
        if !waits {
            return Err(Code::AlreadySetUp.into());
        }
        let typed = typed_row(env, code)?;
        let mut identity = self.identity.clone();
        if let Some(joining) = &mut identity.joining {
            joining.typed = Some(typed);
        }
        self.become_(identity)
    }

    /// This phone's side of a typed code's exchange; `None` once it has the invitation, or if it joins by one.
    ///
    /// # Errors
    /// `code_wrong` if the other phone has another code: type it again.
    pub fn code_request(&mut self) -> Result<Option<CodeRequest>> {
        let Some(typed) = self.identity.joining.as_ref().and_then(|j| j.typed.as_ref()) else {
            return Ok(None);
        };
        if typed.wrong {
            return Err(Code::CodeWrong.into());
        }
        let (code, seed) = opened(typed)?;
        let message = pake::question(&code, &seed);
        Ok(Some(CodeRequest { version: 1, lookup: code.lookup(), message }))
    }

    /// Takes what the relay passed on. True once the other phone has proved that it knows the code: the invitation is
    /// here, and [`Phone::enrol_request`] answers it.
    ///
    /// # Errors
    /// `code_wrong` if the codes differ or somebody in between took part; this try is spent.
    pub fn code_answer(&mut self, answer: &CodeAnswer) -> Result<bool> {
        let mut identity = self.identity.clone();
        let Some(joining) = &mut identity.joining else { return Err(Code::AlreadySetUp.into()) };
        let (Some(typed), Some(reply)) = (&mut joining.typed, &answer.reply) else {
            return Ok(joining.typed.is_none());
        };
        if typed.wrong {
            return Err(Code::CodeWrong.into());
        }
        let (code, seed) = opened(typed)?;
        let Ok(invitation) = pake::accept(&code, &seed, reply) else {
            // One guess a run: whoever answered wrongly gets no second one.
            typed.wrong = true;
            self.become_(identity)?;
            return Err(Code::CodeWrong.into());
        };
        joining.typed = None;
        joining.secret = invitation.secret;
        (joining.head_seq, joining.head_hash) = (invitation.head_seq, invitation.head_hash);
        (identity.team, identity.member) = (invitation.team, invitation.member);
        identity.relay = invitation.relay;
        self.become_(identity)?;
        Ok(true)
    }

    fn become_(&mut self, identity: IdentityRow) -> Result<()> {
        let mut rows = Rows(self.store.begin()?);
        rows.put_identity(&identity)?;
        rows.commit()?;
        if identity.team != self.identity.team {
            self.directory = Directory::new(identity.team);
        }
        self.identity = identity;
        Ok(())
    }
}

fn typed_row(env: &mut Env<'_>, code: &str) -> Result<TypedRow> {
    let code = TypedCode::parse(code).map_err(|_| Code::BadValue)?;
    let seed = pake::seed(env.rng);
    Ok(TypedRow { code: code.as_bytes().to_vec().into(), seed: seed.to_vec().into(), wrong: false })
}

fn opened(typed: &TypedRow) -> Result<(TypedCode, Zeroizing<[u8; pake::SEED]>)> {
    let code = code_of(&typed.code)?;
    let mut seed = Zeroizing::new([0; pake::SEED]);
    if typed.seed.len() != seed.len() {
        return Err(Code::StoreFailed.into());
    }
    seed.copy_from_slice(&typed.seed);
    Ok((code, seed))
}

fn code_of(bytes: &[u8]) -> Result<TypedCode> {
    let text = std::str::from_utf8(bytes).map_err(|_| Code::StoreFailed)?;
    Ok(TypedCode::parse(text.trim_end_matches('\0')).map_err(|_| Code::StoreFailed)?)
}

impl Desk<'_> {
    /// Answers the runs of typed codes that wait at the relay. True if there was a new one.
    pub fn take_codes(&mut self, env: &mut Env<'_>, tries: &[CodeTry]) -> Result<bool> {
        let mut any = false;
        for (lookup, mut row) in self.rows.invites()? {
            if row.way != Way::Code {
                continue;
            }
            let asked = |message: &ByteArray<33>| {
                tries.iter().any(|t| *t.lookup == lookup && t.message == *message)
            };
            let mut changed = false;
            for tried in &mut row.tries {
                let wanted = asked(&tried.message);
                changed |= tried.wanted != wanted;
                tried.wanted = wanted;
            }
            for asked in tries.iter().filter(|t| *t.lookup == lookup) {
                if row.left_ms(env.now).is_some()
                    && row.tries.iter().all(|tried| tried.message != asked.message)
                {
                    changed = true;
                    any |= self.answer_code(env, &mut row, asked)?;
                }
            }
            if changed {
                self.rows.put_invite(&lookup, &row)?;
            }
        }
        Ok(any)
    }

    fn answer_code(
        &mut self,
        env: &mut Env<'_>,
        row: &mut InviteRow,
        asked: &CodeTry,
    ) -> Result<bool> {
        if row.tries.len() >= usize::from(limits::INVITE_TRIES) {
            row.close(None);
            return Ok(false);
        }
        let code = code_of(row.secret.as_slice())?;
        // A run stands as long as its code does.
        let mut run = InviteRow::new([0; 16], row.member, row.made, Way::Run);
        run.group = Some(asked.lookup);
        let mut invitation = self.invitation(env.now, &run)?;
        let reply = pake::reply(&code, env.rng, &asked.message, |secret| {
            (run.secret, invitation.secret) = (secret, secret);
            invitation.clone()
        });
        zeroize::Zeroize::zeroize(&mut *invitation.secret);
        // What is no message of the exchange is no try either.
        let Ok(reply) = reply else { return Ok(false) };
        self.rows.put_invite(&crate::crypto::invite::lookup(&run.secret), &run)?;
        row.tries.push(TryRow { message: asked.message, reply, wanted: true });
        Ok(true)
    }

    /// Answers that the relay does not have yet.
    pub fn code_answers(&self) -> Result<Vec<CodeAnswered>> {
        let mut answers = Vec::new();
        for (lookup, row) in self.rows.invites()? {
            for TryRow { message, reply, .. } in row.tries.iter().filter(|tried| tried.wanted) {
                let to = CodeTry { lookup: lookup.into(), message: *message };
                answers.push(CodeAnswered { to, reply: reply.clone() });
            }
        }
        Ok(answers)
    }

    /// A run of this code was answered with keys: the code and its other runs are used up.
    pub fn close_code(&mut self, code: ByteArray<16>, device: DeviceId) -> Result<()> {
        for (lookup, mut row) in self.rows.invites()? {
            if lookup == *code || (row.group == Some(code) && row.left_ms(row.made).is_some()) {
                row.close(Some(device));
                self.rows.put_invite(&lookup, &row)?;
            }
        }
        Ok(())
    }
}
