//! The floors: what the least possible work takes here and now, through the same proxy, on the same disk.
//!
//! Taken around every figure they are compared with, because a shared machine is not equally fast all the time.

use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::path::Path;
use std::process::Command;
use std::sync::Barrier;

use flate2::Compression;
use flate2::write::GzEncoder;
use rusqlite::{Connection, params};
use sync_core::engine::{Store as _, Table};
use sync_core::store::SqliteStore;

use crate::Outcome;
use crate::cost::{self, Cost, median};
use crate::proxy::Proxy;
use crate::relay::Server;
use crate::workload::{RECORD_BYTES, Workload};

/// Records of f1.
const F1_RECORDS: usize = 1_000;
/// Connections of f2 and records on each.
const F2: (usize, usize) = (100, 20);
/// Records on a page.
pub const PAGE: usize = 20;

/// The floor server and what is sent to it.
pub struct Floors {
    proxy: Proxy,
    server: Server,
    workload: Workload,
    phone: SqliteStore,
    table: Connection,
    commits: u64,
}

impl Floors {
    /// Starts the floor server and prepares the files of the local floors.
    pub fn start(folder: &Path) -> Outcome<Self> {
        let mut command = Command::new(std::env::current_exe()?);
        command.arg("floor-server").arg(folder);
        let server = Server::start(&mut command)?;
        let proxy = Proxy::start()?;
        proxy.lead_to(server.port());
        let mut workload = Workload::new(1);
        let table = indexed_table(&folder.join("page.db"), &mut workload)?;
        let phone = SqliteStore::open(&folder.join("commit.db"), &[7; 32])?;
        Ok(Self { proxy, server, workload, phone, table, commits: 0 })
    }

    fn records(&mut self, count: usize) -> Vec<String> {
        (0..count).map(|_| self.workload.json()).collect()
    }

    /// f1: 1,000 records as one POST, encoded, compressed, sent, stored and acknowledged.
    pub fn f1(&mut self) -> Outcome<Cost> {
        let (records, address) = (self.records(F1_RECORDS), self.proxy.address());
        let (status, cost) = cost::of(&self.proxy, &self.server, || Ok(post(address, &records)?))?;
        expect_success(status)?;
        Ok(cost)
    }

    /// f2: 100 connections at once, each with 20 records.
    pub fn f2(&mut self) -> Outcome<Cost> {
        let (connections, each) = F2;
        let batches: Vec<_> = (0..connections).map(|_| self.records(each)).collect();
        let (address, start) = (self.proxy.address(), Barrier::new(connections + 1));
        std::thread::scope(|scope| {
            let mut posting = Vec::with_capacity(connections);
            for batch in &batches {
                let start = &start;
                posting.push(scope.spawn(move || {
                    start.wait();
                    post(address, batch)
                }));
            }
            let (statuses, cost) = cost::of(&self.proxy, &self.server, || {
                start.wait();
                Ok(posting.into_iter().map(|thread| thread.join()).collect::<Vec<_>>())
            })?;
            for status in statuses {
                expect_success(status.map_err(|_| "a thread of f2 panicked")??)?;
            }
            Ok(cost)
        })
    }

    /// One durable commit of a phone's store: a value of the size of a record, in milliseconds (median).
    pub fn commit_ms(&mut self, rounds: usize) -> Outcome<f64> {
        let value = vec![b'x'; RECORD_BYTES];
        let mut samples = Vec::with_capacity(rounds);
        for _ in 0..rounds {
            self.commits += 1;
            let key = self.commits.to_be_bytes();
            let ((), ms) = cost::ms(|| {
                let mut tx = self.phone.begin()?;
                tx.put(Table::Meta, &key, &value)?;
                Ok(tx.commit()?)
            })?;
            samples.push(ms);
        }
        Ok(median(&samples))
    }

    /// One indexed read: a page of 20 rows out of 10,000 in an encrypted file, in milliseconds (median).
    pub fn page_ms(&self, rounds: usize) -> Outcome<f64> {
        let mut samples = Vec::with_capacity(rounds);
        for _ in 0..rounds {
            let (read, ms) = cost::ms(|| {
                let sql = "SELECT body FROM rows WHERE kind = ?1 ORDER BY id LIMIT ?2";
                let mut statement = self.table.prepare_cached(sql)?;
                let rows = statement
                    .query_map(params![1, PAGE as i64], |row| row.get::<_, String>(0))?
                    .collect::<Result<Vec<_>, _>>()?;
                Ok(rows.len())
            })?;
            if read != PAGE {
                return Err("the page of the floor is not whole".into());
            }
            samples.push(ms);
        }
        Ok(median(&samples))
    }
}

/// 10,000 records in an encrypted file, to be read by an index.
fn indexed_table(path: &Path, workload: &mut Workload) -> Outcome<Connection> {
    let mut connection = Connection::open(path)?;
    connection.pragma_update(None, "key", format!("x'{}'", "07".repeat(32)))?;
    connection.execute_batch(
        "CREATE TABLE rows (kind INTEGER, id BLOB, body TEXT, PRIMARY KEY (kind, id)) WITHOUT ROWID",
    )?;
    let tx = connection.transaction()?;
    for number in 0..10_000_u64 {
        let id = number.wrapping_mul(0x9e37_79b9_7f4a_7c15).to_be_bytes();
        let row = params![1, id, workload.json()];
        tx.prepare_cached("INSERT INTO rows VALUES (?1, ?2, ?3)")?.execute(row)?;
    }
    tx.commit()?;
    Ok(connection)
}

/// Encodes, compresses and posts records on a connection of its own; the status of the answer.
fn post(address: SocketAddr, records: &[String]) -> std::io::Result<u16> {
    let json = format!("[{}]", records.join(","));
    let mut gzip = GzEncoder::new(Vec::new(), Compression::default());
    gzip.write_all(json.as_bytes())?;
    let body = gzip.finish()?;
    let mut stream = TcpStream::connect(address)?;
    stream.set_nodelay(true)?;
    let head = format!(
        "POST /records HTTP/1.1\r\nhost: {address}\r\ncontent-type: application/json\r\n\
         content-encoding: gzip\r\nconnection: close\r\ncontent-length: {}\r\n\r\n",
        body.len()
    );
    stream.write_all(&[head.as_bytes(), &body].concat())?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer)?;
    Ok(answer.split(' ').nth(1).and_then(|status| status.parse().ok()).unwrap_or_default())
}

fn expect_success(status: u16) -> Outcome {
    if status == 200 { Ok(()) } else { Err(format!("the floor server answered {status}").into()) }
}
