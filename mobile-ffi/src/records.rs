//! Recording, editing, sharing and reading records. All of it works offline.

use std::collections::{BTreeMap, HashMap};

use sync_core::records::Value;

use crate::error::AftercallError;
use crate::phone::AftercallPhone;
use crate::values::{Draft, FieldValue, Record, member_ids, record_id};

fn form(fields: HashMap<String, FieldValue>) -> BTreeMap<String, Value> {
    fields.into_iter().map(|(name, value)| (name, value.into())).collect()
}

#[uniffi::export]
impl AftercallPhone {
    /// Records what a person typed; returns the record's id. Durable when it returns.
    pub fn record(
        &self,
        kind: String,
        fields: HashMap<String, FieldValue>,
    ) -> Result<String, AftercallError> {
        let fields = form(fields);
        self.with(|phone, env| phone.record(env, &kind, &fields)).map(|id| id.to_string())
    }

    /// Writes fields of a record; a set replaces the set, a value written again resolves a conflict.
    pub fn edit(
        &self,
        record: String,
        fields: HashMap<String, FieldValue>,
    ) -> Result<(), AftercallError> {
        let (record, fields) = (record_id(&record)?, form(fields));
        self.with(|phone, env| phone.edit(env, record, &fields))
    }

    /// Copies a record into a space shared with these members, with or without its text; returns the copy's id.
    pub fn share(
        &self,
        record: String,
        with: Vec<String>,
        text: bool,
    ) -> Result<String, AftercallError> {
        let (record, with) = (record_id(&record)?, member_ids(&with)?);
        self.with(|phone, env| phone.share(env, record, &with, text)).map(|id| id.to_string())
    }

    /// One record.
    pub fn show(&self, record: String) -> Result<Record, AftercallError> {
        let record = record_id(&record)?;
        self.look(|phone| phone.show(record)).map(Into::into)
    }

    /// A page of records of a kind (none: all kinds), in the order of their ids, after a given id.
    pub fn list(
        &self,
        kind: Option<String>,
        after: Option<String>,
        limit: u32,
    ) -> Result<Vec<Record>, AftercallError> {
        let after = after.as_deref().map(record_id).transpose()?;
        let page = self.look(|phone| phone.list(kind.as_deref(), after, limit as usize))?;
        Ok(page.into_iter().map(Into::into).collect())
    }

    /// What was refused or set aside, with the values kept for their author.
    pub fn drafts(&self) -> Result<Vec<Draft>, AftercallError> {
        Ok(self.look(|phone| phone.drafts())?.into_iter().map(Into::into).collect())
    }
}
