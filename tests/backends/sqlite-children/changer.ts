import Database from "better-sqlite3";

/** Writes over a value, as a program does that knows only the table. Arguments: path, reference, JSON text. */
const [path = "", refId, json] = process.argv.slice(2);
const database = new Database(path, { timeout: 5000 });
const { changes } = database
  .prepare("UPDATE cache_entries SET value_json = ? WHERE key = ?")
  .run(json, refId);
process.stdout.write(JSON.stringify({ changes }));
