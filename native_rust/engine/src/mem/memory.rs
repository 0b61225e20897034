//! The pools of memory that all databases of a process share.

use std::sync::{Arc, OnceLock};

use super::pool::Pool;
use super::share::Share;
use crate::limits::Limits;

/// The pools of one process (of one [`crate::Catalog`]).
#[derive(Debug, Clone)]
pub struct Memory {
    /// Work under way: request bodies, answers, open transactions, queues, what
    /// percentiles gather. Bounded by [`Limits::work_bytes`].
    pub work: Arc<Pool>,
    /// Indexes of all open databases. Bounded by [`Limits::index_bytes`].
    pub indexes: Arc<Pool>,
    /// What subscribers want to hear of. Bounded by [`Limits::filter_bytes`].
    pub(crate) filters: Arc<Pool>,
    /// What uploads may have of the memory for work.
    pub(crate) uploads: Arc<Share>,
    /// What to do when much was freed.
    freed: Arc<OnceLock<fn()>>,
}

impl Memory {
    /// Empty pools of the sizes that the limits name.
    #[must_use]
    pub fn new(limits: &Limits) -> Self {
        let index_bytes = match limits.index_bytes {
            0 => available() / 4 * 3,
            bytes => bytes,
        };
        let work = Pool::new(limits.work_bytes, "work_bytes");
        Self {
            uploads: Share::new(&work),
            work,
            indexes: Pool::new(index_bytes, "index_bytes"),
            filters: Pool::new(limits.filter_bytes, "filter_bytes"),
            freed: Arc::default(),
        }
    }

    /// Have `work` done each time that the indexes of a database were freed: allocators
    /// that keep what is freed can be told to give it back to the system. It is called
    /// on a thread that nobody waits for. The first one stays.
    pub fn when_freed(&self, work: fn()) {
        self.freed.get_or_init(|| work);
    }

    /// Much was freed.
    pub(crate) fn freed(&self) {
        if let Some(work) = self.freed.get() {
            work();
        }
    }
}

/// Bytes of memory that this process may use: what the machine has, or what the control
/// group allows that it runs in. Looked up once.
fn available() -> usize {
    static BYTES: OnceLock<usize> = OnceLock::new();
    *BYTES.get_or_init(|| {
        let mut system = sysinfo::System::new();
        system.refresh_memory();
        let group = system
            .cgroup_limits()
            .map_or(u64::MAX, |limits| limits.total_memory);
        usize::try_from(system.total_memory().min(group)).unwrap_or(usize::MAX)
    })
}
