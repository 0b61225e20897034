//! Tree heads and proofs; hashes in hexadecimal.

use formdb_engine::{ConsistencyProof, Hash, to_hex};
use rustler::{Env, NifMap, Term};

use crate::CatalogRef;

/// `TreeHead` as a map.
#[derive(NifMap)]
struct TreeHeadMap {
    tree_size: u64,
    root: String,
}

/// `InclusionProof` as a map.
#[derive(NifMap)]
struct InclusionMap {
    leaf_index: u64,
    tree_size: u64,
    leaf_hash: String,
    root: String,
    path: Vec<String>,
}

/// `ConsistencyProof` as a map.
#[derive(NifMap)]
pub(crate) struct ConsistencyMap {
    first: u64,
    second: u64,
    first_root: String,
    second_root: String,
    path: Vec<String>,
}

impl From<ConsistencyProof> for ConsistencyMap {
    fn from(proof: ConsistencyProof) -> Self {
        Self {
            first: proof.first,
            second: proof.second,
            first_root: to_hex(&proof.first_root),
            second_root: to_hex(&proof.second_root),
            path: hex(&proof.path),
        }
    }
}

fn hex(path: &[Hash]) -> Vec<String> {
    path.iter().map(to_hex).collect()
}

#[rustler::nif(schedule = "DirtyIo")]
fn tree_head<'a>(env: Env<'a>, catalog: CatalogRef, name: &str, size: Option<u64>) -> Term<'a> {
    catalog.call(env, name, |database| {
        let head = database.tree_head(size)?;
        Ok(TreeHeadMap {
            tree_size: head.tree_size,
            root: to_hex(&head.root),
        })
    })
}

#[rustler::nif(schedule = "DirtyIo")]
fn inclusion_proof<'a>(
    env: Env<'a>,
    catalog: CatalogRef,
    name: &str,
    seq: u64,
    size: Option<u64>,
) -> Term<'a> {
    catalog.call(env, name, |database| {
        let proof = database.inclusion_proof(seq, size)?;
        Ok(InclusionMap {
            leaf_index: proof.leaf_index,
            tree_size: proof.tree_size,
            leaf_hash: to_hex(&proof.leaf_hash),
            root: to_hex(&proof.root),
            path: hex(&proof.path),
        })
    })
}

#[rustler::nif(schedule = "DirtyIo")]
fn consistency_proof<'a>(
    env: Env<'a>,
    catalog: CatalogRef,
    name: &str,
    first: u64,
    second: Option<u64>,
) -> Term<'a> {
    catalog.call(env, name, |database| {
        let proof = database.consistency_proof(first, second)?;
        Ok(ConsistencyMap::from(proof))
    })
}
