//! What a snapshot holds beside the indexes: idempotency keys, versions of attributes,
//! webhooks, defaults and reverts.

use super::wire::{Damage, Records, put_bytes, put_step, put_uint};
use crate::block::IdempotencyKey;
use crate::index::VersionTable;
use crate::index::defaults::DefaultsTable;
use crate::index::keys::{Before, KeyEntry, KeyTable};
use crate::index::reverts::RevertTable;
use crate::types::Defaults;

/// The tables as one section. Linear.
pub(crate) fn encode_extra(
    keys: &KeyTable,
    (attributes, webhooks, defaults): (&VersionTable, &VersionTable, &DefaultsTable),
    reverts: &RevertTable,
) -> Vec<u8> {
    let mut out = Vec::new();
    put_uint(keys.entries().count() as u64, &mut out);
    for entry in keys.entries() {
        put_bytes(entry.key.text.as_bytes(), &mut out);
        put_uint(u64::from(entry.actor.is_some()), &mut out);
        if let Some(actor) = &entry.actor {
            put_bytes(actor.as_bytes(), &mut out);
        }
        out.extend_from_slice(&entry.key.request);
        put_uint(entry.first_seq, &mut out);
        put_step(entry.first_seq, entry.last_seq, &mut out);
        put_uint(entry.before.first_seq, &mut out);
        put_uint(entry.before.blocks, &mut out);
        out.extend_from_slice(&entry.time.to_le_bytes());
        put_uint(entry.points_put, &mut out);
        put_uint(entry.points_deleted, &mut out);
        put_uint(entry.features_replaced, &mut out);
    }
    encode_versions(attributes, &mut out);
    encode_versions(webhooks, &mut out);
    put_uint(defaults.versions().len() as u64, &mut out);
    for (seq, defaults) in defaults.versions() {
        put_uint(*seq, &mut out);
        put_bytes(&defaults.encode(), &mut out);
    }
    for (block, by) in reverts.pairs() {
        put_uint(block, &mut out);
        put_step(block, by, &mut out);
    }
    out
}

fn encode_versions(table: &VersionTable, out: &mut Vec<u8>) {
    put_uint(table.all().count() as u64, out);
    for (id, versions) in table.all() {
        put_bytes(id.as_bytes(), out);
        put_uint(versions.len() as u64, out);
        let mut before = 0;
        for version in versions {
            put_step(before, version.seq, out);
            out.push(u8::from(version.deleted));
            before = version.seq;
        }
    }
}

/// Enters into the tables what [`encode_extra`] wrote.
///
/// # Errors
/// What is wrong with the bytes.
pub(crate) fn decode_extra(
    bytes: &[u8],
    keys: &mut KeyTable,
    (attributes, webhooks, defaults): (&mut VersionTable, &mut VersionTable, &mut DefaultsTable),
    reverts: &mut RevertTable,
) -> Result<(), Damage> {
    let mut records = Records::new(bytes);
    for _ in 0..records.uint()? {
        let text = str::from_utf8(records.bytes()?).map_err(|_| "a key is not UTF-8")?;
        let actor = match records.uint()? {
            0 => None,
            _ => Some(str::from_utf8(records.bytes()?).map_err(|_| "an actor is not UTF-8")?),
        };
        let request = records.array()?;
        let first_seq = records.uint()?;
        keys.insert(KeyEntry {
            key: IdempotencyKey {
                text: text.into(),
                request,
            },
            actor: actor.map(Into::into),
            first_seq,
            last_seq: records.step(first_seq)?,
            before: Before {
                first_seq: records.uint()?,
                blocks: records.uint()?,
            },
            time: i64::from_le_bytes(records.array()?),
            points_put: records.uint()?,
            points_deleted: records.uint()?,
            features_replaced: records.uint()?,
        });
    }
    decode_versions(&mut records, attributes)?;
    decode_versions(&mut records, webhooks)?;
    for _ in 0..records.uint()? {
        let seq = records.uint()?;
        let set = Defaults::decode(records.bytes()?).map_err(|_| "defaults that are none")?;
        if defaults.newest().is_some_and(|newest| newest >= seq) {
            return Err("defaults out of order");
        }
        defaults.set(seq, set);
    }
    while !records.is_empty() {
        let block = records.uint()?;
        reverts.insert(block, records.step(block)?);
    }
    Ok(())
}

fn decode_versions(records: &mut Records<'_>, table: &mut VersionTable) -> Result<(), Damage> {
    for _ in 0..records.uint()? {
        let id = str::from_utf8(records.bytes()?).map_err(|_| "an id is not UTF-8")?;
        let mut before = 0;
        for _ in 0..records.uint()? {
            let seq = records.step(before)?;
            if seq <= before {
                return Err("the versions of an id are out of order");
            }
            let present = match records.byte()? {
                0 => true,
                1 => false,
                _ => return Err("a version of an unknown kind"),
            };
            table.set(id, present, seq);
            before = seq;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;

    use super::*;
    use crate::limits::Limits;
    use crate::types::OnDuplicate;

    #[test]
    fn keys_versions_and_reverts_read_back() {
        let limits = Limits::default();
        let (mut keys, mut reverts) = (KeyTable::new(&limits), RevertTable::default());
        let mut defaults = DefaultsTable::default();
        for on_duplicate in [OnDuplicate::Replace, OnDuplicate::Ignore] {
            defaults.set(on_duplicate as u64, Defaults { on_duplicate });
        }
        let mut attributes = VersionTable::default();
        let mut webhooks = VersionTable::default();
        for n in 0..300_u64 {
            let mut entry = KeyEntry {
                key: IdempotencyKey::new(&format!("key {}", n / 2), &[&n.to_le_bytes()]),
                actor: (n % 2 == 1).then(|| "ana".into()),
                first_seq: n * 10,
                last_seq: n * 10 + n % 3,
                before: Before {
                    first_seq: n % 5,
                    blocks: n % 5,
                },
                time: -5 + n as i64,
                points_put: n % 11,
                points_deleted: n * n,
                features_replaced: n % 7,
            };
            entry.key.request[0] = n as u8;
            keys.insert(entry);
            reverts.insert(n, n * n + 1);
            attributes.set(&format!("s{}", n % 7), n % 5 > 0, n + 1);
            webhooks.set(&format!("w{}", n % 3), n % 4 > 0, n + 1);
        }
        let bytes = encode_extra(&keys, (&attributes, &webhooks, &defaults), &reverts);
        let (mut keys_read, mut reverts_read) = (KeyTable::new(&limits), RevertTable::default());
        let mut attributes_read = VersionTable::default();
        let mut webhooks_read = VersionTable::default();
        let mut defaults_read = DefaultsTable::default();
        let read = (&mut attributes_read, &mut webhooks_read, &mut defaults_read);
        decode_extra(&bytes, &mut keys_read, read, &mut reverts_read).unwrap();
        assert_eq!(defaults_read.versions(), defaults.versions());
        let all = |table: &VersionTable| -> HashMap<String, Vec<(u64, bool)>> {
            let versions = table.all().map(|(series, versions)| {
                let versions = versions.iter().map(|v| (v.seq, v.deleted));
                (series.to_owned(), versions.collect())
            });
            versions.collect()
        };
        assert_eq!(all(&attributes_read), all(&attributes));
        assert_eq!(all(&webhooks_read), all(&webhooks));
        assert_eq!(attributes_read.memory(), attributes.memory());
        assert!(keys_read.entries().eq(keys.entries()));
        let map = |table: &RevertTable| table.pairs().collect::<HashMap<u64, u64>>();
        assert_eq!(map(&reverts_read), map(&reverts));
        for cut in [1, bytes.len() / 3, bytes.len() - 1] {
            let (keys, reverts) = (&mut KeyTable::new(&limits), &mut RevertTable::default());
            let read = (
                &mut VersionTable::default(),
                &mut VersionTable::default(),
                &mut DefaultsTable::default(),
            );
            assert!(decode_extra(&bytes[..cut], keys, read, reverts).is_err());
        }
    }
}
