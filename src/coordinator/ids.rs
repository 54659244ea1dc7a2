//! Producer IDs: taken from blocks that the metadata log hands out, so that none is given twice.

use tokio::sync::Mutex;

use super::control::Control;
use crate::kernel::meta::command::{Error, PRODUCER_ID_BLOCK_SIZE};
use crate::kernel::meta::{Command, Outcome};
use crate::kernel::types::NodeId;
use crate::storage::error::StorageError;

/// No producer ID can be had.
#[derive(Debug, thiserror::Error)]
pub enum IdError {
    /// The metadata refused.
    #[error(transparent)]
    Refused(#[from] Error),
    /// The metadata log failed.
    #[error(transparent)]
    Storage(#[from] StorageError),
}

/// Source of producer IDs.
pub struct ProducerIds {
    control: Control,
    broker_id: NodeId,
    /// Next ID and the first one behind the block.
    block: Mutex<(i64, i64)>,
}

impl ProducerIds {
    /// Begins with an empty block: IDs of the one in use before a restart are given up.
    pub fn new(control: Control, broker_id: NodeId) -> ProducerIds {
        ProducerIds { control, broker_id, block: Mutex::new((0, 0)) }
    }

    /// A producer ID that was never given before and never will be again.
    pub async fn next(&self) -> Result<i64, IdError> {
        let mut block = self.block.lock().await;
        if block.0 >= block.1 {
            let command = Command::AllocateProducerIds {
                broker_id: self.broker_id,
                block_size: PRODUCER_ID_BLOCK_SIZE,
            };
            let Outcome::AllocateProducerIds(allocated) = self.control.execute(command).await?
            else {
                unreachable!("the outcome has the command's variant")
            };
            let allocated = allocated?;
            *block = (allocated.first, allocated.first + allocated.count);
        }
        block.0 += 1;
        Ok(block.0 - 1)
    }
}
