//! Proofs that subscribers get, held against trees over the hashes of the journal.

use formdb_engine::{ConsistencyProof, Hash, Tree, node_hash};
use serde_json::Value;

/// The root of the tree over the first 0, 1, 2, ... blocks.
pub struct Roots {
    tree: Tree,
    roots: Vec<Hash>,
}

impl Default for Roots {
    fn default() -> Self {
        let tree = Tree::default();
        let roots = vec![tree.root()];
        Self { tree, roots }
    }
}

pub fn hash(hex: &Value) -> Hash {
    let hex = hex.as_str().unwrap();
    std::array::from_fn(|i| u8::from_str_radix(&hex[2 * i..2 * i + 2], 16).unwrap())
}

impl Roots {
    pub fn push(&mut self, hash: Hash) {
        self.tree.push(hash);
        self.roots.push(self.tree.root());
    }

    pub fn at(&self, size: u64) -> Hash {
        self.roots[size as usize]
    }

    /// The proof of an event that its block is in a tree: that of RFC 9162, section 2.1.3.2.
    pub fn check_included(&self, seq: u64, entry: &Value, proof: &Value) {
        let number = |name: &str| proof[name].as_u64().unwrap();
        let size = number("tree_size");
        assert!(number("leaf_index") == seq - 1 && size >= seq, "{proof}");
        assert_eq!(proof["leaf_hash"], entry["hash"]);
        let (mut node, mut last) = (seq - 1, size - 1);
        let mut root = hash(&entry["hash"]);
        for sibling in proof["path"].as_array().unwrap() {
            assert!(last > 0, "{proof}");
            let sibling = hash(sibling);
            if node % 2 == 1 || node == last {
                root = node_hash(&sibling, &root);
                while node.is_multiple_of(2) && node != 0 {
                    (node, last) = (node >> 1, last >> 1);
                }
            } else {
                root = node_hash(&root, &sibling);
            }
            (node, last) = (node >> 1, last >> 1);
        }
        assert!(last == 0, "{proof}");
        assert_eq!(root, self.at(size));
        assert_eq!(hash(&proof["root"]), root);
    }

    /// That a proof is of two heads that the journal had. How it leads from one to the
    /// other is verified where it is made.
    pub fn check_grown(&self, proof: &ConsistencyProof) {
        assert!(proof.first <= proof.second);
        assert_eq!(proof.first_root, self.at(proof.first));
        assert_eq!(proof.second_root, self.at(proof.second));
    }
}
