//! The server of the floors: takes records as gzip JSON and makes them durable. The least that any system must do.
//!
//! A process of its own, as the relay is. axum, SQLite in WAL mode with synchronous=FULL, one writer that commits
//! whatever has arrived together (group commit). No accounts, no checks, no merging, no encryption.

use std::io::Read as _;
use std::path::Path;
use std::sync::mpsc;

use axum::Router;
use axum::body::Bytes;
use axum::extract::State;
use axum::http::StatusCode;
use axum::routing::post;
use rusqlite::Connection;
use serde_json::value::RawValue;
use tokio::sync::oneshot;

use crate::Outcome;

/// A request's records and whom to tell once they are durable.
type Job = (Vec<String>, oneshot::Sender<()>);

/// Serves until the process is ended.
pub fn run(folder: &Path) -> Outcome {
    let connection = open(&folder.join("floor.db"))?;
    let (sender, receiver) = mpsc::channel::<Job>();
    std::thread::spawn(move || write_all(connection, &receiver));
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    runtime.block_on(async {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await?;
        println!("Floor ready at http://{}", listener.local_addr()?);
        let router = Router::new().route("/records", post(take)).with_state(sender);
        Ok(axum::serve(listener, router.layer(axum::extract::DefaultBodyLimit::disable())).await?)
    })
}

fn open(path: &Path) -> Outcome<Connection> {
    let connection = Connection::open(path)?;
    connection.pragma_update(None, "journal_mode", "WAL")?;
    connection.pragma_update(None, "synchronous", "FULL")?;
    connection.execute_batch(
        "CREATE TABLE IF NOT EXISTS records (id INTEGER PRIMARY KEY, body TEXT NOT NULL)",
    )?;
    Ok(connection)
}

/// Commits jobs as they come; those that came meanwhile share the next commit.
fn write_all(mut connection: Connection, jobs: &mpsc::Receiver<Job>) {
    while let Ok(first) = jobs.recv() {
        let mut batch = vec![first];
        batch.extend(jobs.try_iter());
        if write(&mut connection, &batch).is_err() {
            // Nobody is told that it is durable: every waiting request fails.
            return;
        }
        for (_, told) in batch {
            // A client that has gone need not be told.
            let _ = told.send(());
        }
    }
}

fn write(connection: &mut Connection, batch: &[Job]) -> rusqlite::Result<()> {
    let tx = connection.transaction()?;
    {
        let mut insert = tx.prepare_cached("INSERT INTO records (body) VALUES (?1)")?;
        for record in batch.iter().flat_map(|(records, _)| records) {
            insert.execute([record])?;
        }
    }
    tx.commit()
}

async fn take(State(writer): State<mpsc::Sender<Job>>, body: Bytes) -> StatusCode {
    let Some(records) = read(&body) else { return StatusCode::BAD_REQUEST };
    let (told, durable) = oneshot::channel();
    let sent = writer.send((records, told)).is_ok();
    if sent && durable.await.is_ok() { StatusCode::OK } else { StatusCode::INTERNAL_SERVER_ERROR }
}

fn read(body: &[u8]) -> Option<Vec<String>> {
    let mut json = Vec::new();
    flate2::read::GzDecoder::new(body).read_to_end(&mut json).ok()?;
    let records: Vec<Box<RawValue>> = serde_json::from_slice(&json).ok()?;
    Some(records.into_iter().map(|record| Box::<str>::from(record).into()).collect())
}
