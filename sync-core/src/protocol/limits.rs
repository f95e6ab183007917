//! Limits that every node applies alike. A limit is part of the protocol: changing one changes verdicts.

/// Longest body of an envelope, in bytes.
pub const MAX_BODY: usize = 64 * 1024;
/// Longest plaintext of a sealed change after inflation, in bytes.
pub const MAX_INFLATED: usize = 256 * 1024;
/// Most operations in one change, counted by the column walker.
pub const MAX_OPS: usize = 4_096;
/// Largest saved document, in bytes.
pub const MAX_DOCUMENT: usize = 256 * 1024;
/// Changes after which a device stops writing to a document of its own accord.
pub const OWN_CHANGES: u64 = 192;
/// Changes of one device in one document beyond which gates refuse.
pub const MAX_CHANGES_PER_DEVICE: u64 = 256;
/// Longest key of a document's root, in bytes.
pub const MAX_KEY: usize = 96;
/// Longest scalar text in an open document, in bytes (labels of at most 64 characters).
pub const MAX_OPEN_TEXT: usize = 256;
/// Longest scalar text in a sealed document, in bytes.
pub const MAX_SEALED_TEXT: usize = 16 * 1024;
/// Readers named by one space envelope.
pub const MAX_READERS: usize = 64;
/// Epochs of one space.
pub const MAX_EPOCHS: usize = 256;
/// Envelopes in one request.
pub const MAX_BATCH: usize = 5_000;
/// Largest compressed request or answer, in bytes.
pub const MAX_REQUEST: usize = 4 * 1024 * 1024;
/// Largest inflated request or answer, in bytes.
pub const MAX_REQUEST_INFLATED: usize = 16 * 1024 * 1024;
/// Bytes of bodies a phone asks for in one answer unless it says otherwise.
pub const DEFAULT_MAX_BYTES: u32 = 2 * 1024 * 1024;
/// Life of an invitation, in milliseconds (15 minutes).
pub const INVITE_LIFE_MS: i64 = 15 * 60 * 1000;
/// Life of an invitation that is one of a printed batch, in milliseconds (72 hours).
pub const BATCH_LIFE_MS: i64 = 72 * 60 * 60 * 1000;
/// Tries an invitation allows.
pub const INVITE_TRIES: u8 = 5;
/// Life of an operation that waits for further signatures, in milliseconds (30 days).
pub const COSIGN_LIFE_MS: i64 = 30 * 24 * 60 * 60 * 1000;
/// Longest operation that may wait for further signatures, in bytes.
pub const MAX_COSIGN_OP: usize = 16 * 1024;
/// Most signatures, and most refusals, under an operation that waits.
pub const MAX_COSIGNERS: usize = 16;
/// Most operations of a team that wait for further signatures at once.
pub const MAX_COSIGN: usize = 64;
/// Days after which an admin's device signs the directory anew.
pub const RENEW_DAYS: u32 = 7;
/// Days after which a directory that was not signed anew is stale.
pub const STALE_DAYS: u32 = 14;
/// Largest step from the last number of a device that is stored in a space to its next one.
pub const MAX_NUMBER_GAP: u64 = 100_000;
/// Longest life of a device's token, in seconds.
pub const TOKEN_LIFE_S: i64 = 120;
/// Values in one CBOR message, each array, map, number and string counted: many times what the largest honest
/// request has (5,000 envelopes, and what it knows of 1,000 spaces).
pub const MAX_ITEMS: usize = 1024 * 1024;
