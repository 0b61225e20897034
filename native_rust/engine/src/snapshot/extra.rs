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

/// Enters into the tables what [`encode_extra`] wrote of the first `seq` blocks.
///
/// # Errors
/// What is wrong with the bytes. They may fit their checksum and yet say what cannot be: a
/// sum of their numbers would overflow, and blocks that undo each other have no end.
pub(crate) fn decode_extra(
    bytes: &[u8],
    seq: u64,
    keys: &mut KeyTable,
    (attributes, webhooks, defaults): (&mut VersionTable, &mut VersionTable, &mut DefaultsTable),
    reverts: &mut RevertTable,
) -> Result<(), Damage> {
    let mut records = Records::new(bytes);
    let mut newest = 0;
    for _ in 0..records.uint()? {
        let text = str::from_utf8(records.bytes()?).map_err(|_| "a key is not UTF-8")?;
        let actor = match records.uint()? {
            0 => None,
            _ => Some(str::from_utf8(records.bytes()?).map_err(|_| "an actor is not UTF-8")?),
        };
        let request = records.array()?;
        let first_seq = records.uint()?;
        let last_seq = records.step(first_seq)?;
        let before = Before {
            first_seq: records.uint()?,
            blocks: records.uint()?,
        };
        if !(newest + 1..=seq).contains(&first_seq) || !(first_seq..=seq).contains(&last_seq) {
            return Err("a key of blocks that are not there");
        }
        if before.first_seq >= first_seq || before.blocks > first_seq - before.first_seq {
            return Err("a key that had more blocks than there were");
        }
        newest = last_seq;
        keys.insert(KeyEntry {
            key: IdempotencyKey {
                text: text.into(),
                request,
            },
            actor: actor.map(Into::into),
            first_seq,
            last_seq,
            before,
            time: i64::from_le_bytes(records.array()?),
            points_put: records.uint()?,
            points_deleted: records.uint()?,
            features_replaced: records.uint()?,
        });
    }
    decode_versions(&mut records, seq, attributes)?;
    decode_versions(&mut records, seq, webhooks)?;
    for _ in 0..records.uint()? {
        let begin = records.uint()?;
        let set = Defaults::decode(records.bytes()?).map_err(|_| "defaults that are none")?;
        let newest = defaults.newest().unwrap_or(0);
        if !(newest + 1..=seq).contains(&begin) {
            return Err("defaults out of order");
        }
        defaults.set(begin, set);
    }
    while !records.is_empty() {
        let block = records.uint()?;
        let by = records.step(block)?;
        if block == 0 || by <= block || by > seq {
            return Err("a block undone by one that cannot have done it");
        }
        reverts.insert(block, by);
    }
    Ok(())
}

fn decode_versions(
    records: &mut Records<'_>,
    newest: u64,
    table: &mut VersionTable,
) -> Result<(), Damage> {
    for _ in 0..records.uint()? {
        let id = str::from_utf8(records.bytes()?).map_err(|_| "an id is not UTF-8")?;
        let mut before = 0;
        for _ in 0..records.uint()? {
            let seq = records.step(before)?;
            if !(before + 1..=newest).contains(&seq) {
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

    /// The last block of what the tests write.
    const NEWEST: u64 = 299 * 299 + 2;

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
                first_seq: n * 10 + 5,
                last_seq: n * 10 + 5 + n % 3,
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
            reverts.insert(n + 1, n * n + 2);
            attributes.set(&format!("s{}", n % 7), n % 5 > 0, n + 1);
            webhooks.set(&format!("w{}", n % 3), n % 4 > 0, n + 1);
        }
        let bytes = encode_extra(&keys, (&attributes, &webhooks, &defaults), &reverts);
        let (mut keys_read, mut reverts_read) = (KeyTable::new(&limits), RevertTable::default());
        let mut attributes_read = VersionTable::default();
        let mut webhooks_read = VersionTable::default();
        let mut defaults_read = DefaultsTable::default();
        let read = (&mut attributes_read, &mut webhooks_read, &mut defaults_read);
        decode_extra(&bytes, NEWEST, &mut keys_read, read, &mut reverts_read).unwrap();
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
            assert!(decode_extra(&bytes[..cut], NEWEST, keys, read, reverts).is_err());
        }
    }

    /// What decoding says of tables as of block 100, where `change` has put a lie in them.
    fn lie(change: impl FnOnce(&mut KeyEntry, &mut [u64; 4])) -> Result<(), Damage> {
        let limits = Limits::default();
        let mut entry = KeyEntry {
            key: IdempotencyKey::new("key", &[b"request"]),
            actor: None,
            first_seq: 90,
            last_seq: 100,
            before: Before {
                first_seq: 80,
                blocks: 10,
            },
            time: 0,
            points_put: 0,
            points_deleted: 0,
            features_replaced: 0,
        };
        let mut seqs = [1, 100, 100, 100];
        change(&mut entry, &mut seqs);
        let [block, by, attributes_set, defaults_set] = seqs;
        let (mut keys, mut reverts) = (KeyTable::new(&limits), RevertTable::default());
        keys.insert(entry);
        reverts.insert(block, by);
        let (mut attributes, mut defaults) = (VersionTable::default(), DefaultsTable::default());
        attributes.set("series", true, attributes_set);
        let on_duplicate = OnDuplicate::Ignore;
        defaults.set(defaults_set, Defaults { on_duplicate });
        let webhooks = &mut VersionTable::default();
        let bytes = encode_extra(&keys, (&attributes, webhooks, &defaults), &reverts);
        let read = (
            &mut VersionTable::default(),
            webhooks,
            &mut DefaultsTable::default(),
        );
        let (keys, reverts) = (&mut KeyTable::new(&limits), &mut RevertTable::default());
        decode_extra(&bytes, 100, keys, read, reverts)
    }

    #[test]
    fn what_cannot_be_is_refused_though_it_reads_well() {
        assert_eq!(lie(|_, _| ()), Ok(()));
        let keys: [fn(&mut KeyEntry); 8] = [
            |key| key.last_seq = u64::MAX,
            |key| key.last_seq = 101,
            |key| key.last_seq = 89,
            |key| (key.first_seq, key.last_seq, key.before) = (0, 0, Before::default()),
            |key| key.before.first_seq = 90,
            |key| key.before.first_seq = u64::MAX,
            |key| key.before.blocks = 11,
            |key| key.before.blocks = u64::MAX,
        ];
        for (n, change) in keys.into_iter().enumerate() {
            assert!(lie(|key, _| change(key)).is_err(), "key {n}");
        }
        // A block undone by itself or an earlier one, and blocks that are not there.
        for seqs in [
            [7, 7, 1, 1],
            [7, 6, 1, 1],
            [0, 6, 1, 1],
            [1, 101, 1, 1],
            [1, u64::MAX, 1, 1],
            [1, 100, 101, 1],
            [1, 100, u64::MAX, 1],
            [1, 100, 1, 101],
        ] {
            assert!(lie(|_, given| *given = seqs).is_err(), "{seqs:?}");
        }
    }
}
