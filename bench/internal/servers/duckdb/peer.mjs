// A DuckDB in memory that runs what it is told: each line of the input is
// {"sql": ..}, each of the output {"rows": [[..]], "cpu": microseconds} or
// {"error": ..}. NULL is null, all other values are text.
import { createInterface } from 'node:readline';
import { DuckDBInstance } from '@duckdb/node-api';

const db = await DuckDBInstance.create(':memory:');
const conn = await db.connect();
console.log('ready');
for await (const line of createInterface({ input: process.stdin })) {
  const { sql } = JSON.parse(line);
  const before = process.cpuUsage();
  try {
    const rows = (await conn.runAndReadAll(sql)).getRows();
    const { user, system } = process.cpuUsage(before);
    console.log(JSON.stringify({ cpu: user + system, rows: rows.map((r) => r.map((v) => (v === null ? null : String(v)))) }));
  } catch (e) {
    console.log(JSON.stringify({ error: String(e) }));
  }
}
